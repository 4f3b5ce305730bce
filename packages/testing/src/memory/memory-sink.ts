import type { ChangeEvent, DeliverOptions, Prepared, Sink, Verdict } from '@certyo-cdc/core';
import { canonicalJson, isRowChange } from '@certyo-cdc/core';

/** What the memory sink delivers. */
export interface MemoryItem {
  readonly eventId: string;
  readonly lane: string;
  readonly operation: string;
  readonly version: string;
  readonly payload: string;
}

/** One call of `deliver`, as a fault sees it. */
export interface MemoryRequest {
  readonly number: number;
  readonly attempt: number;
  readonly items: readonly MemoryItem[];
  readonly signal: AbortSignal;
  /** Lets the items have their effect, whatever is answered. */
  apply(items?: readonly MemoryItem[]): void;
}

/** Answers a request in place of the sink; null lets it through. May wait, apply and throw. */
export type MemoryFault = (
  request: MemoryRequest,
) => readonly Verdict[] | null | Promise<readonly Verdict[] | null>;

/** Options of `memorySink`. */
export interface MemorySinkOptions {
  /** @default 'memory' */
  readonly name?: string | undefined;
  readonly scope?: string | undefined;
  readonly maxBatchItems?: number | undefined;
  readonly maxBatchBytes?: number | undefined;
  readonly idempotencyWindowMs?: number | undefined;
  readonly faults?: MemoryFault | undefined;
  /** Maps an event. @default one item, its lane the table and key */
  readonly prepare?: ((event: ChangeEvent) => readonly Prepared<MemoryItem>[]) | undefined;
  /** Whether `confirm` exists. @default false */
  readonly confirms?: boolean | undefined;
}

/** A sink in memory that remembers what it was given and what took effect. */
export interface MemorySink extends Sink<MemoryItem> {
  /** What took effect, in order: the first time of each event. */
  readonly effects: readonly MemoryItem[];
  /**
   * What took effect under an event id and a version or payload that differ from those of the first time: to a sink that goes by
   * versions this is another change, which a source must never make of a redelivery (I4).
   */
  readonly repeats: readonly MemoryItem[];
  /** All requests, in order of their beginning. */
  readonly requests: readonly MemoryRequest[];
  /** Items that were asked about. */
  readonly confirmed: readonly MemoryItem[];
  /** Times that a lane was in two places at once; the pipeline must never let it happen (I3). */
  readonly overlaps: readonly string[];
  /** Requests that are being answered. */
  readonly active: number;
  readonly isClosed: boolean;
  faults: MemoryFault | null;
}

/** The item that the memory sink makes of an event. */
export function memoryItem(event: ChangeEvent): Prepared<MemoryItem> {
  const lane = laneOf(event);
  const payload = isRowChange(event) ? event.canonicalRow() : '{}';
  const { id: eventId, operation, version } = event;
  return { lane, bytes: payload.length, item: { eventId, lane, operation, version, payload } };
}

function laneOf(event: ChangeEvent): string {
  if (event.operation === 'message') return `message:${event.prefix}`;
  if (event.operation === 'gap') return `gap:${event.source.name}`;
  return isRowChange(event) ? `${event.table.name}:${canonicalJson(event.key)}` : event.table.name;
}

class InMemorySink implements MemorySink {
  readonly name: string;
  readonly scope: string | undefined;
  readonly maxBatchItems: number | undefined;
  readonly maxBatchBytes: number | undefined;
  readonly idempotencyWindowMs: number | undefined;
  readonly effects: MemoryItem[] = [];
  readonly repeats: MemoryItem[] = [];
  readonly requests: MemoryRequest[] = [];
  readonly confirmed: MemoryItem[] = [];
  readonly overlaps: string[] = [];
  readonly confirm?: NonNullable<Sink<MemoryItem>['confirm']>;
  faults: MemoryFault | null;
  readonly #prepare: (event: ChangeEvent) => readonly Prepared<MemoryItem>[];
  readonly #applied: Map<string, MemoryItem> = new Map();
  readonly #lanes: Set<string> = new Set();
  #active = 0;
  #isClosed = false;

  constructor(options: MemorySinkOptions) {
    this.name = options.name ?? 'memory';
    this.scope = options.scope;
    this.maxBatchItems = options.maxBatchItems;
    this.maxBatchBytes = options.maxBatchBytes;
    this.idempotencyWindowMs = options.idempotencyWindowMs;
    this.faults = options.faults ?? null;
    this.#prepare = options.prepare ?? ((event) => [memoryItem(event)]);
    if (options.confirms === true) this.confirm = (items) => this.#confirm(items);
  }

  get active(): number {
    return this.#active;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  prepare(event: ChangeEvent): readonly Prepared<MemoryItem>[] {
    return this.#prepare(event);
  }

  async deliver(items: readonly MemoryItem[], options: DeliverOptions): Promise<Verdict[]> {
    options.signal.throwIfAborted();
    const apply = (some: readonly MemoryItem[] = items): void => this.#apply(some);
    const { attempt, signal } = options;
    const request = { number: this.requests.length + 1, attempt, items, signal, apply };
    this.requests.push(request);
    this.#enter(items);
    try {
      const answer = (await this.faults?.(request)) ?? null;
      signal.throwIfAborted();
      if (answer !== null) {
        apply(items.filter((_, index) => answer[index]?.type === 'delivered'));
        return [...answer];
      }
      apply();
      return items.map(() => ({ type: 'delivered' }));
    } finally {
      this.#active -= 1;
      for (const { lane } of items) this.#lanes.delete(lane);
    }
  }

  serialize(item: MemoryItem): string {
    return JSON.stringify(item);
  }

  deserialize(text: string): MemoryItem {
    return JSON.parse(text) as MemoryItem;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #enter(items: readonly MemoryItem[]): void {
    this.#active += 1;
    for (const { lane } of items) {
      if (this.#lanes.has(lane)) this.overlaps.push(lane);
      this.#lanes.add(lane);
    }
  }

  #apply(items: readonly MemoryItem[]): void {
    for (const item of items) {
      const key = `${item.eventId} ${item.operation} ${item.lane}`;
      const first = this.#applied.get(key);
      if (first === undefined) {
        this.#applied.set(key, item);
        this.effects.push(item);
      } else if (first.version !== item.version || first.payload !== item.payload) {
        this.repeats.push(item);
      }
    }
  }

  async #confirm(items: readonly MemoryItem[]): Promise<(Verdict | null)[]> {
    this.confirmed.push(...items);
    return items.map((item) =>
      this.#applied.has(`${item.eventId} ${item.operation} ${item.lane}`)
        ? { type: 'delivered' }
        : null,
    );
  }
}

/** A sink in memory: idempotent by event, with faults on demand. */
export function memorySink(options: MemorySinkOptions = {}): MemorySink {
  return new InMemorySink(options);
}
