import type { ChangeEvent } from '../event/change-event.ts';
import type { JsonRow, JsonValue } from '../event/json.ts';

/** One thing to deliver, made from an event. It may be an object of a class with getters, as `certyoSink` makes them: a spread would lose its fields. */
export interface Prepared<Item> {
  /** The identity of the mapped record. Items of one lane are delivered one after the other, in commit order. */
  readonly lane: string;
  /** Size of the item in memory and on the wire; counts against the batch and in-flight limits. */
  readonly bytes: number;
  readonly item: Item;
}

/** What became of one item. One verdict per item, in the order of the items. */
export type Verdict =
  /** The other side has it, now or (`replayed`, where it says so) already before. */
  | {
      readonly type: 'delivered';
      readonly receipt?: JsonValue | undefined;
      readonly replayed?: boolean | undefined;
    }
  /** It may work later. `inDoubt`: the other side may have it. `alone`: send it again in a request of its own. */
  | {
      readonly type: 'retry';
      readonly error: Error;
      readonly retryAfterMs?: number | undefined;
      readonly inDoubt: boolean;
      readonly alone?: boolean | undefined;
    }
  /**
   * It will never work. `scope: 'batch'` says that the request was refused as a whole and nobody knows because of
   * which item: the pipeline bisects.
   */
  | { readonly type: 'rejected'; readonly error: Error; readonly scope: 'item' | 'batch' }
  /** Nothing will work until somebody acts (401, 403, wrong tenant). The pipeline stops with everything kept. */
  | { readonly type: 'halt'; readonly error: Error }
  /** A rule says that it need not be delivered. */
  | { readonly type: 'skipped'; readonly reason: string };

export interface DeliverOptions {
  /** 1 for the first try of every item in the call, else the highest try among them. */
  readonly attempt: number;
  readonly signal: AbortSignal;
}

/** What a sink remembers of earlier lives of a pipeline. */
export interface SentBefore {
  /**
   * Since when an event of this commit time may have been sent, milliseconds since 1970; null when it never was.
   *
   * @param committedAt As in `TransactionInfo`; null where it is not known.
   */
  sentSince(committedAt: string | null): number | null;
}

/** What a sink is told about the pipeline that begins. */
export interface BeginOptions {
  /** Its name. */
  readonly pipeline: string;
  /** True when it has no checkpoint yet: no earlier life has finished anything. */
  readonly isNew: boolean;
  readonly signal: AbortSignal;
}

/** Something that takes change events and answers one verdict per item. */
export interface Sink<Item = unknown, Row extends object = JsonRow> {
  readonly name: string;
  /**
   * Sinks with the same scope share one retry budget, circuit breaker and Retry-After gate, whichever pipeline they
   * are in. Must not reveal a secret. Each sink has its own when it is undefined.
   */
  readonly scope?: string | undefined;
  /** Most items in one `deliver`. */
  readonly maxBatchItems?: number | undefined;
  /** Most bytes in one `deliver`. */
  readonly maxBatchBytes?: number | undefined;
  /** How long the other side recognises a repeated item, milliseconds. Older doubts go through `confirm` first. */
  readonly idempotencyWindowMs?: number | undefined;
  /**
   * Called once by a pipeline, when its source is open and before the first event. A sink that remembers what was sent
   * says so; then only what may have been sent for longer than `idempotencyWindowMs` goes through `confirm`. Where it
   * does not, everything that was committed so long ago may have been sent.
   */
  begin?(options: BeginOptions): Promise<SentBefore | null>;
  /** Maps an event once. Pure and synchronous; copies what it keeps. An empty array skips the event. */
  prepare(event: ChangeEvent<Row>): readonly Prepared<Item>[];
  /** Delivers items of distinct lanes. Rejects only on abort (with `signal.reason`) or a bug. */
  deliver(items: readonly Item[], options: DeliverOptions): Promise<readonly Verdict[]>;
  /**
   * Asks the other side, before items are sent again whose earlier fate is unknown for longer than
   * `idempotencyWindowMs`, whether it has them: a verdict per item, or null for one that it does not have.
   */
  confirm?(
    items: readonly Item[],
    options: { readonly signal: AbortSignal },
  ): Promise<readonly (Verdict | null)[]>;
  /** Text that `deserialize` turns back into the item; needed to park items. */
  serialize?(item: Item): string;
  deserialize?(text: string): Item;
  /** Releases connections. Idempotent. The pipeline calls it when it has stopped. */
  close?(): Promise<void>;
}
