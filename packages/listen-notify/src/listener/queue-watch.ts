import type { SourceEvent } from '@certyo-cdc/core';

/** Part of the server's notification queue that may be in use. When it is full, every COMMIT that notifies fails (N-05). */
const WARN_ABOVE = 0.1;

/** Warns when the queue fills, once each time. */
export class QueueWatch {
  readonly #onEvent: (event: SourceEvent) => void;
  #isWarned = false;

  constructor(onEvent: (event: SourceEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** @param usage As `pg_notification_queue_usage()` gives it, from 0 to 1. */
  saw(usage: number): void {
    if (usage <= WARN_ABOVE) {
      this.#isWarned = false;
      return;
    }
    if (this.#isWarned) return;
    this.#isWarned = true;
    const percent = Math.round(usage * 100);
    this.#onEvent({
      type: 'source-warned',
      code: 'NOTIFICATION_QUEUE',
      message: `The server's notification queue is ${percent} % full. When it is full, transactions that notify fail. A connection that listens and stays in a transaction holds it up: look for LISTEN among the sessions of pg_stat_activity whose state is "idle in transaction".`,
    });
  }
}
