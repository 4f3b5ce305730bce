import type { SlotHealth, SourceEvent } from '@certyo-cdc/core';
import type { TextQuery } from '../stream/text-query.ts';
import { repeat } from './repeat.ts';
import { readSlotHealth, SlotHistory } from './slot-health.ts';
import { type CareThresholds, slotWarnings, type Warning, WarningMemory } from './slot-warnings.ts';

export interface SlotCareOptions {
  readonly query: TextQuery;
  readonly slot: string;
  readonly everyMs: number;
  readonly thresholds: CareThresholds;
  readonly onEvent: (event: SourceEvent) => void;
  /** Other things that are looked at in the same rhythm; a look that fails is left out. */
  readonly looks: readonly (() => Promise<readonly Warning[]>)[];
}

/**
 * Watches over a slot while somebody reads from it: how much the server keeps for it, how long that may go on, and what
 * it warns of. Only looks; a lost connection is the stream's own matter.
 */
export class SlotCare {
  readonly #options: SlotCareOptions;
  readonly #history: SlotHistory;
  readonly #memory = new WarningMemory();
  #health: SlotHealth | null = null;
  #stop: () => void = () => undefined;

  constructor(options: SlotCareOptions) {
    this.#options = options;
    this.#history = new SlotHistory(options.slot);
  }

  /** What was seen last; null before the first look. */
  get health(): SlotHealth | null {
    return this.#health;
  }

  /** @param oldestMs When the oldest change that is not acknowledged was committed, milliseconds since 1970, or null. */
  start(oldestMs: () => number | null): void {
    this.#stop = repeat(this.#options.everyMs, () => this.#look(oldestMs));
  }

  close(): void {
    this.#stop();
  }

  async #look(oldestMs: () => number | null): Promise<void> {
    const { looks, onEvent, query, slot, thresholds } = this.#options;
    const reading = await readSlotHealth(query, slot);
    if (reading === null) return;
    const atMs = Date.now();
    const oldest = oldestMs();
    const unacknowledgedMs = oldest === null ? null : Math.max(0, atMs - oldest);
    this.#health = this.#history.after(reading, { atMs, unacknowledgedMs });
    const warnings = [...slotWarnings(this.#health, thresholds)];
    for (const look of looks) warnings.push(...(await look().catch(() => [])));
    for (const { code, message } of this.#memory.due(warnings, atMs)) {
      onEvent({ type: 'source-warned', code, message });
    }
  }
}
