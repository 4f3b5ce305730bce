import { type ChangeEvent, type EventSource, SourceProtocolError } from '@certyo-cdc/core';
import {
  createRowChange,
  createSchemaChange,
  createTruncate,
  type Tuple,
} from '@certyo-cdc/postgres';
import { wholeFrameLength } from '../protocol/frame-buffer.ts';
import { formatLsn, type Lsn } from '../protocol/lsn.ts';
import * as pgoutput from '../protocol/pgoutput.ts';
import { readServerError } from '../protocol/server-error.ts';
import { hasSameColumns, type KnownRelation, type KnownRelations } from './known-relation.ts';
import { KeepaliveStorm } from './liveness.ts';
import { OpenTransaction } from './open-transaction.ts';
import type { Relation, RelationResolver } from './relation-resolver.ts';
import { isStatusOnlyUpdate, keyTuple } from './tuples.ts';

/** What one piece of the stream held. */
export interface Decoded {
  readonly events: readonly ChangeEvent[];
  /** End of the newest transaction that ended in it, or null. */
  readonly committedTo: Lsn | null;
  /** How many of the events belong to transactions that ended in it. */
  readonly committedEvents: number;
  /** Bytes behind the last whole frame. */
  readonly consumed: number;
  /** The server asked for a status update. */
  readonly replyRequested: boolean;
  /** What stopped decoding behind the events; they are good all the same. */
  readonly error: unknown;
}

export interface StreamDecoderOptions {
  readonly source: EventSource & { readonly systemIdentifier: string };
  /** The epoch of a transaction whose commit begins there. */
  readonly epochOf: (commitLsn: Lsn) => number;
  readonly resolver: RelationResolver;
  readonly isCaptured: (schema: string, table: string) => boolean;
  /** A relation came again within a session, as it does after its table or the publication was altered. */
  readonly onRelationRepeated: () => Promise<void>;
  readonly known: KnownRelations;
  readonly position: Lsn;
}

const COPY_DATA = 0x64;
const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
/** Lengths of whole frames: the least of one with a message of the plugin, and of a keepalive. */
const XLOG_DATA_BYTES = 5 + 25;
const KEEPALIVE_BYTES = 5 + 18;

/**
 * Turns the bytes of the copy stream into change events.
 *
 * Lives across reconnects. A transaction that was cut off is sent again from its beginning; the events of it that have
 * already been made are counted off and not made again.
 */
export class StreamDecoder {
  readonly #options: StreamDecoderOptions;
  /** Relations of this session, by oid; null for one that is not captured. */
  #relations = new Map<number, Relation | null>();
  #known: Map<number, KnownRelation>;
  #committedKnown: KnownRelations;
  #transaction: OpenTransaction | null = null;
  #interrupted: OpenTransaction | null = null;
  #readTo: Lsn;
  #committedTo: Lsn;
  #storm = new KeepaliveStorm();

  constructor(options: StreamDecoderOptions) {
    this.#options = options;
    this.#known = new Map(options.known);
    this.#committedKnown = options.known;
    this.#readTo = options.position;
    this.#committedTo = options.position;
  }

  /** Everything up to here has been decoded. */
  get readTo(): Lsn {
    return this.#readTo;
  }

  /** End of the newest transaction that has been decoded to its end: where a new session begins. */
  get committedTo(): Lsn {
    return this.#committedTo;
  }

  /** The furthest position of which something has been handed over. */
  get reached(): Lsn {
    const open = this.#interrupted ?? this.#transaction;
    return open !== null && open.commitLsn > this.#readTo ? open.commitLsn : this.#readTo;
  }

  get isInTransaction(): boolean {
    return this.#transaction !== null;
  }

  /** The tables as known at the end of the newest transaction. */
  get known(): KnownRelations {
    return this.#committedKnown;
  }

  /** Forgets what is only true of one session. Call it before each START_REPLICATION. */
  beginSession(): void {
    // A relation is described again in each session; an old description may be wrong by now.
    this.#relations = new Map();
    this.#known = new Map(this.#committedKnown);
    this.#storm = new KeepaliveStorm();
    const open = this.#transaction;
    if (open !== null && open.made > (this.#interrupted?.made ?? 0)) this.#interrupted = open;
    this.#transaction = null;
  }

  /** Decodes the whole frames in `bytes`, which begin at a frame. */
  async decode(bytes: Buffer, nowMs: number): Promise<Decoded> {
    const events: ChangeEvent[] = [];
    let committedTo: Lsn | null = null;
    let committedEvents = 0;
    let replyRequested = false;
    let pos = 0;
    let error: unknown = null;
    try {
      for (;;) {
        const length = wholeFrameLength(bytes, pos);
        if (length === 0) break;
        const body = pos + 5;
        const end = pos + length;
        if (bytes[pos] !== COPY_DATA) {
          this.#readOtherFrame(bytes, pos, end);
        } else if (bytes[body] === XLOG_DATA && length > XLOG_DATA_BYTES) {
          // Byte1 'w', Int64 start, Int64 end, Int64 clock, then the plugin's message.
          const at = body + 25;
          const kind = bytes[at];
          if (kind === pgoutput.INSERT || kind === pgoutput.UPDATE || kind === pgoutput.DELETE) {
            this.#readChange(bytes, at, end, events);
          } else if (kind === pgoutput.COMMIT) {
            committedTo = this.#readCommit(bytes, at, end);
            committedEvents = events.length;
          } else if (kind === pgoutput.RELATION) {
            const message = pgoutput.readRelation(bytes, at, end);
            await this.#readRelation(message, lsnOf(bytes, at), events);
          } else {
            this.#readRare(bytes, at, end, events);
          }
        } else if (bytes[body] === KEEPALIVE && length === KEEPALIVE_BYTES) {
          const walEnd = bytes.readBigUInt64BE(body + 1);
          const asks = bytes[body + 17] === 1;
          replyRequested = replyRequested || asks;
          // Inside a transaction the server's position says nothing about what we hold.
          if (this.#transaction === null && walEnd > this.#readTo) this.#readTo = walEnd;
          // Answers to our own questions do not count, however many have waited to be read.
          if (asks && this.#storm.saw(walEnd, nowMs)) throw shutdownStorm();
        } else {
          throw new SourceProtocolError(
            `Copy message of kind ${String(bytes[body])} with ${length} bytes.`,
          );
        }
        pos = end;
      }
    } catch (reason) {
      error = asProtocolError(reason);
    }
    return { events, committedTo, committedEvents, consumed: pos, replyRequested, error };
  }

  #readChange(bytes: Buffer, at: number, end: number, events: ChangeEvent[]): void {
    const transaction = this.#open();
    const relation = this.#relation(pgoutput.readRowOid(bytes, at, end));
    if (relation === null) return;
    const n = transaction.count(relation.table);
    const kind = bytes[at];
    const { oldSpans, oldIsKey, newSpans } = pgoutput.readRow(bytes, at, end);
    let before: Tuple | null = null;
    if (oldSpans !== null) {
      before = { bytes, spans: oldIsKey ? keyTuple(oldSpans, relation.inIdentity) : oldSpans };
    }
    const after: Tuple | null = newSpans === null ? null : { bytes, spans: newSpans };
    if (
      relation.ownColumns.length > 0 &&
      before !== null &&
      after !== null &&
      isStatusOnlyUpdate(before, after, relation.ownColumns)
    ) {
      return;
    }
    if (!this.#isNew(transaction)) return;
    const { id, version } = transaction.identify(relation.table, n);
    events.push(
      createRowChange({
        descriptor: relation.descriptor,
        operation:
          kind === pgoutput.INSERT ? 'insert' : kind === pgoutput.UPDATE ? 'update' : 'delete',
        id,
        version,
        // Int64 start of XLogData, 24 bytes in front of the message.
        lsnAt: at - 24,
        transaction: transaction.info,
        source: this.#options.source,
        before,
        after,
      }),
    );
  }

  #readCommit(bytes: Buffer, at: number, end: number): Lsn {
    const transaction = this.#open();
    const commit = pgoutput.readCommit(bytes, at, end);
    if (commit.commitLsn !== transaction.commitLsn) {
      throw new SourceProtocolError('A COMMIT does not belong to the BEGIN before it.');
    }
    if (this.#interrupted !== null && transaction.made < this.#interrupted.made) {
      throw new SourceProtocolError(
        'A transaction that was sent again has fewer changes than before.',
      );
    }
    this.#interrupted = null;
    this.#transaction = null;
    this.#readTo = commit.endLsn;
    this.#committedTo = commit.endLsn;
    this.#committedKnown = this.#known;
    return commit.endLsn;
  }

  async #readRelation(
    message: pgoutput.RelationMessage,
    lsn: string,
    events: ChangeEvent[],
  ): Promise<void> {
    if (this.#relations.has(message.oid)) await this.#options.onRelationRepeated();
    if (!this.#options.isCaptured(message.schema, message.name)) {
      this.#relations.set(message.oid, null);
      return;
    }
    const { resolver } = this.#options;
    const known = this.#known.get(message.oid) ?? null;
    const relation = resolver.cached(message) ?? (await resolver.resolve(message, known));
    this.#relations.set(message.oid, relation);
    if (known === relation.known) return;
    this.#known = new Map(this.#known).set(message.oid, relation.known);
    if (known === null || hasSameColumns(known, message)) return;
    const transaction = this.#open();
    const n = transaction.count(relation.table);
    if (!this.#isNew(transaction)) return;
    events.push(
      createSchemaChange({
        lsn,
        table: relation.table,
        previousColumns: known.columns.map(({ name, typeOid, typeName, isKey, nullable }) => ({
          name,
          typeOid,
          typeName,
          isKey,
          nullable,
        })),
        ...transaction.identify(relation.table, n),
        transaction: transaction.info,
        source: this.#options.source,
      }),
    );
  }

  #readRare(bytes: Buffer, at: number, end: number, events: ChangeEvent[]): void {
    const kind = bytes[at];
    if (kind === pgoutput.BEGIN) {
      if (this.#transaction !== null) {
        throw new SourceProtocolError('A transaction began inside another one.');
      }
      const begin = pgoutput.readBegin(bytes, at, end);
      const open = new OpenTransaction(begin, {
        // The message begins 24 bytes behind the log position it was sent with.
        beginLsn: bytes.readBigUInt64BE(at - 24),
        systemIdentifier: this.#options.source.systemIdentifier,
        epoch: this.#options.epochOf(begin.commitLsn),
      });
      const interrupted = this.#interrupted;
      if (
        interrupted !== null &&
        (interrupted.commitLsn !== open.commitLsn || interrupted.xid !== open.xid)
      ) {
        throw new SourceProtocolError('A transaction that was cut off has not been sent again.');
      }
      this.#transaction = open;
    } else if (kind === pgoutput.TRUNCATE) {
      const transaction = this.#open();
      const truncate = pgoutput.readTruncate(bytes, at, end);
      for (const oid of truncate.oids) {
        const relation = this.#relation(oid);
        if (relation === null) continue;
        const n = transaction.count(relation.table);
        if (!this.#isNew(transaction)) continue;
        events.push(
          createTruncate({
            lsn: lsnOf(bytes, at),
            table: relation.table,
            cascade: truncate.cascade,
            restartIdentity: truncate.restartIdentity,
            ...transaction.identify(relation.table, n),
            transaction: transaction.info,
            source: this.#options.source,
          }),
        );
      }
    } else if (kind !== pgoutput.TYPE && kind !== pgoutput.ORIGIN) {
      throw new SourceProtocolError(`pgoutput message of kind ${String(kind)}.`);
    }
  }

  #readOtherFrame(bytes: Buffer, pos: number, end: number): void {
    const kind = bytes[pos];
    if (kind === 0x45) throw readServerError(bytes, pos + 5, end);
    // CopyDone, CommandComplete and ReadyForQuery: the server ends the stream, and closes the connection.
    // NoticeResponse and ParameterStatus may come at any time.
    const isKnown =
      kind === 0x63 || kind === 0x43 || kind === 0x5a || kind === 0x4e || kind === 0x53;
    if (!isKnown)
      throw new SourceProtocolError(`Frame of kind ${String(kind)} in the copy stream.`);
  }

  #open(): OpenTransaction {
    if (this.#transaction === null) {
      throw new SourceProtocolError('A change came outside of a transaction.');
    }
    return this.#transaction;
  }

  #relation(oid: number): Relation | null {
    const relation = this.#relations.get(oid);
    if (relation === undefined) {
      throw new SourceProtocolError(`A change came for relation ${oid}, which was not described.`);
    }
    return relation;
  }

  /** Counts an event of the open transaction; false when it was made before the connection was lost. */
  #isNew(transaction: OpenTransaction): boolean {
    transaction.made += 1;
    return this.#interrupted === null || transaction.made > this.#interrupted.made;
  }
}

/** The position that a message was sent with: Int64 start of XLogData, 24 bytes in front of the message. */
function lsnOf(bytes: Buffer, at: number): string {
  return formatLsn(bytes.readBigUInt64BE(at - 24));
}

/** What reading beyond a message's end, or a time beyond all calendars, throws. */
function asProtocolError(error: unknown): unknown {
  if (!(error instanceof RangeError || error instanceof TypeError)) return error;
  return new SourceProtocolError('A message of the replication stream cannot be read.', {
    cause: error,
  });
}

/** Looks like a lost connection, because that is what it is about to become. */
function shutdownStorm(): Error & { readonly code: string } {
  return Object.assign(
    new Error(
      'The server keeps asking for an answer without sending anything: it is shutting down.',
    ),
    { code: '57P01' },
  );
}
