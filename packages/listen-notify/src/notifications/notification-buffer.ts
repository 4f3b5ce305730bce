import { NotificationsOverflowError } from '@certyo-cdc/core';
import type { NotificationItem } from './notification-item.ts';

/** What to do with a notification for which there is no room. */
export const WHEN_FULL = ['fail', 'missed'] as const;

/** What to do with a notification for which there is no room. */
export type WhenFull = (typeof WHEN_FULL)[number];

/** Notifications that nobody has taken yet, up to a limit. Never drops one without saying so. */
export class NotificationBuffer {
  readonly #maxBuffered: number;
  readonly #whenFull: WhenFull;
  #items: NotificationItem[] = [];
  #taken = 0;
  /** When the newest item was handed over, milliseconds since 1970. */
  #takenAtMs: number;

  constructor(options: {
    readonly maxBuffered: number;
    readonly whenFull: WhenFull;
    readonly nowMs: number;
  }) {
    this.#maxBuffered = options.maxBuffered;
    this.#whenFull = options.whenFull;
    this.#takenAtMs = options.nowMs;
  }

  /** @returns The error to stop with when there is no room. */
  push(item: NotificationItem): NotificationsOverflowError | null {
    const waiting = this.#items.length - this.#taken;
    if (waiting < this.#maxBuffered) {
      this.#items.push(item);
      return null;
    }
    if (this.#whenFull === 'fail') {
      return new NotificationsOverflowError(
        `${waiting} notifications wait to be taken, as many as maxBuffered allows, and another one came.`,
      );
    }
    let sinceMs = this.#takenAtMs;
    for (const each of [...this.#items.slice(this.#taken), item])
      if (each.type === 'missed') sinceMs = Math.min(sinceMs, each.sinceMs);
    this.#items = [{ type: 'missed', sinceMs }];
    this.#taken = 0;
    return null;
  }

  /** The oldest item, or null when there is none. */
  take(nowMs: number): NotificationItem | null {
    const item = this.#items[this.#taken];
    if (item === undefined) return null;
    this.#taken += 1;
    this.#takenAtMs = nowMs;
    if (this.#taken === this.#items.length || this.#taken > 1_024) {
      this.#items.splice(0, this.#taken);
      this.#taken = 0;
    }
    return item;
  }
}
