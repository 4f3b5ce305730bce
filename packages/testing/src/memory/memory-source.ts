import {
  GapError,
  type ChangeEvent,
  type ChangeSource,
  type ChangeStream,
  type Checkpoint,
  type CheckpointStore,
  type DeadLetterStore,
  type OpenOptions,
  type Position,
  type SourceIdentity,
  type TableInfo,
} from '@certyo-cdc/core';

import { memoryEvent, type MemoryChange } from './memory-event.ts';
import { MemoryLog } from './memory-log.ts';
import { MemoryStream } from './memory-stream.ts';

/** Options of `memorySource`. */
export interface MemorySourceOptions {
  /** @default 'memory' */
  readonly name?: string | undefined;
  /**
   * Every change of a row; or, like polling, only the last one of those that lie between two pulls, as `snapshot` unless
   * it is a delete. @default 'every-change'
   */
  readonly shows?: 'every-change' | 'latest-state' | undefined;
  readonly checkpoints?: CheckpointStore | undefined;
  readonly deadLetters?: DeadLetterStore | undefined;
  /** Most events in one batch; a larger transaction comes in several. @default 100 */
  readonly maxBatchEvents?: number | undefined;
  /** Bytes that each event counts. @default 100 */
  readonly eventBytes?: number | undefined;
  /** Commit time of the next transaction, ISO 8601 in UTC. @default the clock's */
  readonly committedAt?: (() => string) | undefined;
}

/**
 * A source in memory: a log of transactions that a test writes.
 *
 * Like a slot it remembers what was acknowledged: a stream that is opened without checkpoint begins there, and one
 * whose checkpoint lies before it is a gap. So an early acknowledgement is a loss that a test can see.
 */
export interface MemorySource extends ChangeSource {
  /** Commits a transaction. Its events are the same objects whenever they are read. */
  push(changes: readonly MemoryChange[]): readonly ChangeEvent[];
  /** Reports progress without events, as when other databases write. */
  idle(): void;
  /** Makes the iteration of open streams reject. */
  fail(error: Error): void;
  /** Ends the iteration of streams that have handed over everything. */
  finish(): void;
  /** The newest position that was acknowledged, else null. */
  readonly acknowledged: Position | null;
  /** All committed events, in order. */
  readonly committed: readonly ChangeEvent[];
  /** How many of them lie at or below a position. */
  eventsUpTo(position: Position): number;
  readonly openStreams: number;
  /** Batches that were asked for by all streams. */
  readonly pulls: number;
  /** Called before a stream is opened; may wait or throw. */
  onOpen: ((options: OpenOptions) => void | Promise<void>) | null;
  /** Called before a position is acknowledged; may wait or throw. */
  onAcknowledge: ((end: Position) => void | Promise<void>) | null;
}

class InMemorySource implements MemorySource {
  readonly name: string;
  readonly kind: string = 'memory';
  readonly checkpoints: CheckpointStore | undefined;
  readonly deadLetters: DeadLetterStore | undefined;
  onOpen: MemorySource['onOpen'] = null;
  onAcknowledge: MemorySource['onAcknowledge'] = null;
  readonly #options: MemorySourceOptions;
  readonly #log: MemoryLog = new MemoryLog();
  readonly #streams: Set<MemoryStream> = new Set();
  readonly #tables: Map<string, TableInfo> = new Map();
  readonly #identity: SourceIdentity;

  constructor(options: MemorySourceOptions) {
    this.name = options.name ?? 'memory';
    this.checkpoints = options.checkpoints;
    this.deadLetters = options.deadLetters;
    this.#options = options;
    this.#identity = { name: this.name };
  }

  get acknowledged(): Position | null {
    return this.#log.acknowledged === 0 ? null : this.#log.position(this.#log.acknowledged);
  }

  get committed(): readonly ChangeEvent[] {
    return this.#log.events;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  get pulls(): number {
    return this.#log.pulls;
  }

  eventsUpTo(position: Position): number {
    return this.#log.eventsUpTo(this.#log.number(position));
  }

  push(changes: readonly MemoryChange[]): readonly ChangeEvent[] {
    const number = this.#log.last + 1;
    const committedAt = this.#options.committedAt?.() ?? new Date().toISOString();
    const transaction = {
      number,
      info: { xid: String(number), committedAt },
      source: { kind: this.kind, name: this.name, systemIdentifier: null },
      table: (name: string) => this.#table(name),
    };
    const events = changes.map((change, index) => memoryEvent(change, index, transaction));
    this.#log.append(events);
    return events;
  }

  idle(): void {
    this.#log.append([]);
  }

  fail(error: Error): void {
    for (const stream of this.#streams) stream.fail(error);
  }

  finish(): void {
    this.#log.finish();
  }

  async open(options: OpenOptions): Promise<ChangeStream> {
    const { after, onEvent, signal } = options;
    signal.throwIfAborted();
    await this.onOpen?.(options);
    signal.throwIfAborted();
    const stream = new MemoryStream({
      log: this.#log,
      after: this.#begin(after),
      signal,
      shows: this.#options.shows ?? 'every-change',
      maxBatchEvents: this.#options.maxBatchEvents ?? 100,
      eventBytes: this.#options.eventBytes ?? 100,
      checkpoint: (position) => this.#checkpoint(position),
      onAcknowledge: async (end) => this.onAcknowledge?.(end),
      onClosed: () => this.#streams.delete(stream),
      admit: (checkpoint) => void this.#number(checkpoint),
    });
    this.#streams.add(stream);
    onEvent?.({ type: 'source-connected', position: after?.position ?? null });
    return stream;
  }

  #checkpoint(position: Position): Checkpoint {
    return { kind: this.kind, identity: this.#identity, position, epoch: 1, state: null };
  }

  #begin(after: Checkpoint | null): number {
    if (after === null) return this.#log.acknowledged;
    const number = this.#number(after);
    if (number < this.#log.acknowledged) {
      throw new GapError('GAP_SLOT_AHEAD', 'More was acknowledged than the checkpoint says.');
    }
    return number;
  }

  /** Where a checkpoint lies, if it is one of this log. */
  #number(after: Checkpoint): number {
    if (after.kind !== this.kind || after.identity['name'] !== this.name) {
      throw new GapError('GAP_CHECKPOINT_FOREIGN', 'The checkpoint belongs to another source.');
    }
    const number = this.#log.number(after.position);
    if (number > this.#log.last) {
      throw new GapError('GAP_POSITION_AHEAD', 'The checkpoint lies beyond the end of the log.');
    }
    return number;
  }

  #table(name: string): TableInfo {
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const table = {
      database: 'memory',
      schema: 'public',
      name,
      oid: this.#tables.size + 1,
      columns: [{ name: 'id', typeOid: 25, typeName: 'text', isKey: true, nullable: false }],
    };
    this.#tables.set(name, table);
    return table;
  }
}

/** A source in memory. */
export function memorySource(options: MemorySourceOptions = {}): MemorySource {
  return new InMemorySource(options);
}
