import type { Position } from '../checkpoint/checkpoint.ts';
import type { StreamSharing } from '../source/stream-sharing.ts';
import type { ConsumerLedger } from './consumer-ledger.ts';
import type { Generation } from './generation.ts';
import type { Members } from './members.ts';
import type { SharedCheckpoints } from './shared-checkpoints.ts';

export interface SettlementParts<Row extends object> {
  readonly checkpoints: SharedCheckpoints;
  readonly ledger: ConsumerLedger;
  readonly members: Members<Row>;
  readonly signal: AbortSignal;
  /** The generation whose ends count; null while the stream is opened again. */
  readonly generation: () => Generation<Row> | null;
  readonly fail: (reason: unknown) => void;
}

/** Saves what all consumers have acknowledged, then acknowledges it: never the other way round (I1). One at a time. */
export class Settlement<Row extends object> {
  readonly #parts: SettlementParts<Row>;
  #settling: Promise<void> | null = null;
  #position: Position | null = null;
  #isPositionSaved = true;
  /** Is being saved, and told next. */
  #pending: Position | null = null;

  constructor(parts: SettlementParts<Row>) {
    this.#parts = parts;
  }

  /** What the source was told; null before the stream was opened. */
  get position(): Position | null {
    return this.#position;
  }

  /** The older of an end that is of use elsewhere and the one that is on its way to the source. */
  oldestOf(used: Position | null, { compare }: StreamSharing<Row>): Position | null {
    const pending = this.#pending;
    return used === null || pending === null || compare(used, pending) < 0 ? used : pending;
  }

  /** The stream was opened. */
  begin({ isBeginSaved, sharing }: Pick<Generation<Row>, 'isBeginSaved' | 'sharing'>): void {
    this.#position = sharing.begin;
    this.#isPositionSaved = isBeginSaved;
  }

  /** Resolves when everything that can be told was told. A failure ends the stream of all. */
  async run(): Promise<void> {
    while (this.#next() !== null) {
      this.#settling ??= this.#settle().finally(() => {
        this.#settling = null;
      });
      await this.#settling;
    }
  }

  /** The same for callers that do not wait. */
  poke(): void {
    this.run().catch(() => {});
  }

  async #settle(): Promise<void> {
    const { checkpoints, fail, generation, ledger, signal } = this.#parts;
    const current = generation();
    const end = this.#next();
    if (current === null || end === null) return;
    this.#pending = end;
    try {
      await checkpoints.save(current.checkpoint(end), ledger.detached, signal);
      await current.stream.acknowledge(end);
      this.#position = end;
      this.#isPositionSaved = true;
    } catch (error) {
      fail(error);
      throw error;
    } finally {
      this.#pending = null;
    }
  }

  #next(): Position | null {
    const { generation, members, signal } = this.#parts;
    const current = generation();
    if (current === null || signal.aborted) return null;
    const { compare } = current.sharing;
    const safe = members.allSafe(compare);
    const end = safe === null ? null : current.endUpTo(safe);
    const saved = this.#isPositionSaved ? this.#position : null;
    const isNew = end !== null && (saved === null || compare(end, saved) > 0);
    return isNew ? end : null;
  }
}
