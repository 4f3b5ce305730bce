import {
  type ChangeEvent,
  type EventSource,
  type LogicalMessage,
  SourceProtocolError,
} from '@certyo-cdc/core';
import {
  createLogicalMessage,
  createRowChange,
  createSchemaChange,
  createTruncate,
  versionText,
} from '@certyo-cdc/postgres';
import { DdlStatements, relationNamed } from '../ddl/ddl-statements.ts';
import { formatLsn, type Lsn, sortableLsn } from '../protocol/lsn.ts';
import * as pgoutput from '../protocol/pgoutput.ts';
import { SpanBlocks } from '../protocol/span-blocks.ts';
import type { LogicalMessageMessage } from '../protocol/pgoutput-transactions.ts';
import {
  hasSameColumns,
  isNamedAs,
  type KnownRelation,
  type KnownRelations,
} from './known-relation.ts';
import type { OpenTransaction } from './open-transaction.ts';
import type { Relation, RelationResolver } from './relation-resolver.ts';
import { isStatusOnlyUpdate, markKeyTuple } from './tuples.ts';

export interface ChangeReaderOptions {
  readonly source: EventSource & { readonly systemIdentifier: string };
  readonly resolver: RelationResolver;
  readonly isCaptured: (message: pgoutput.RelationMessage) => boolean | Promise<boolean>;
  /**
   * A relation came again within a session, as it does after its table or the publication was altered, or its table was analyzed.
   * Called once for all that were received together: autovacuum may have thousands of them sent again.
   */
  readonly onRelationRepeated: () => Promise<void>;
  readonly wantsMessage: (prefix: string) => boolean;
  /** Of messages that tell statements; null where nobody asks for them (option `ddl`). */
  readonly ddlPrefix: string | null;
  readonly known: KnownRelations;
  /** A transaction whose commit begins there or behind it was never read before. @default all of them */
  readonly newFrom?: Lsn | undefined;
}

/** A table whose columns are other ones than before. */
interface ChangedRelation {
  readonly relation: Relation;
  readonly previous: KnownRelation;
}

/** A message of the plugin in the bytes it came in, past the id of a subtransaction where it has one. */
export interface MessageAt {
  readonly bytes: Buffer;
  readonly at: number;
  readonly end: number;
  /** Where its log position stands. */
  readonly lsnAt: number;
}

/** How a relation is described at one place of the stream. */
export interface RelationState {
  readonly oid: number;
  /** Undefined where it is not, or only by `undone`. */
  readonly relation: Relation | null | undefined;
  readonly undone: pgoutput.RelationMessage | undefined;
}

/** Makes events of the messages within a transaction, whether it is read as it comes or from the spool. */
export class ChangeReader {
  readonly #options: ChangeReaderOptions;
  /** Relations of this session, by oid; null for one that is not captured. */
  #relations = new Map<number, Relation | null>();
  /**
   * Descriptions that came in a subtransaction that was rolled back, or in a prepared transaction. The server counts them as sent, and sends another one
   * where the rollback undid a change of the table: so they hold if a change comes that has no other.
   */
  readonly #undone = new Map<number, pgoutput.RelationMessage>();
  /** Relations that were described in this session. */
  readonly #described = new Set<number>();
  /** Relations of which the catalog says something else by now: what was known holds for what may come once more. */
  readonly #outdated = new Map<number, pgoutput.RelationMessage>();
  /** Whether `onRelationRepeated` was told since what is being read was received. */
  #isTold = false;
  readonly #spans = new SpanBlocks();
  readonly #ddl = new DdlStatements();
  /** Descriptions that showed other columns: told with the change behind them, because they have no position of their own. */
  #changed: readonly ChangedRelation[] = [];
  #known: KnownRelations;
  /** `#known` where nobody else has it yet. */
  #ownKnown: Map<number, KnownRelation> | null = null;
  #committedKnown: KnownRelations;

  constructor(options: ChangeReaderOptions) {
    this.#options = options;
    this.#known = options.known;
    this.#committedKnown = options.known;
  }

  /** The tables as known at the end of the newest transaction. */
  get known(): KnownRelations {
    return this.#committedKnown;
  }

  /** What is read from here on has been received by now: who looks at the catalog later has seen what it speaks of. */
  beginPiece(): void {
    this.#isTold = false;
  }

  /** Forgets what is only true of one session. */
  beginSession(): void {
    // A relation is described again in each session; an old description may be wrong by now.
    this.#relations = new Map();
    this.#undone.clear();
    this.#described.clear();
    this.#outdated.clear();
    this.#ddl.reset();
    this.#changed = [];
    this.#known = this.#committedKnown;
  }

  /** A transaction begins to be read. From one that cannot have been read before the catalog is believed. */
  opened(commitLsn: Lsn): void {
    if (this.#outdated.size === 0 || commitLsn < (this.#options.newFrom ?? 0n)) return;
    for (const message of this.#outdated.values()) this.undoneRelation(message);
    this.#outdated.clear();
  }

  /** A transaction ended. */
  committed(): void {
    this.#committedKnown = this.#known;
    this.#ownKnown = null;
    this.#ddl.reset();
  }

  /** Reads an insert, update or delete. False when its relation has to be settled first. */
  row(
    bytes: Buffer,
    at: number,
    end: number,
    lsnAt: number,
    transaction: OpenTransaction,
    events: ChangeEvent[],
  ): boolean {
    const oid = pgoutput.readRowOid(bytes, at, end);
    const relation = this.#relations.get(oid);
    const info = transaction.info(bytes, lsnAt);
    if (relation === undefined) return this.#isUnsettled(oid);
    if (this.#changed.length > 0) this.#tellChanged({ bytes, at, end, lsnAt }, transaction, events);
    if (relation === null) return true;
    const n = transaction.count(relation.counter);
    const kind = bytes[at];
    const { after, before, beforeIsKey } = pgoutput.readRow(bytes, at, end, this.#spans);
    if (before !== null && beforeIsKey) markKeyTuple(before, relation.inIdentity);
    if (
      relation.ownColumns.length > 0 &&
      before !== null &&
      after !== null &&
      isStatusOnlyUpdate(before, after, relation.ownColumns)
    ) {
      return true;
    }
    if (!transaction.isNew()) return true;
    const { id, version } = transaction.identify(relation.counter, n);
    events.push(
      createRowChange({
        descriptor: relation.descriptor,
        operation:
          kind === pgoutput.INSERT ? 'insert' : kind === pgoutput.UPDATE ? 'update' : 'delete',
        id,
        version,
        lsnAt,
        transaction: info,
        source: this.#options.source,
        before,
        after,
      }),
    );
    return true;
  }

  /** Reads a row whose relation was described in a subtransaction that was rolled back. */
  async settledRow(
    where: MessageAt,
    transaction: OpenTransaction,
    events: ChangeEvent[],
  ): Promise<void> {
    const { bytes, at, end, lsnAt } = where;
    await this.#settle(pgoutput.readRowOid(bytes, at, end), transaction);
    this.row(bytes, at, end, lsnAt, transaction, events);
  }

  /**
   * Takes note of a description that holds if no other one comes: of what was rolled back, or only prepared.
   *
   * @returns How the relation was described before.
   */
  undoneRelation(message: pgoutput.RelationMessage): RelationState {
    const before = this.state(message.oid);
    this.#relations.delete(message.oid);
    this.#undone.set(message.oid, message);
    return before;
  }

  state(oid: number): RelationState {
    return { oid, relation: this.#relations.get(oid), undone: this.#undone.get(oid) };
  }

  /** Has a relation described as it was at another place. */
  restore({ oid, relation, undone }: RelationState): void {
    if (relation === undefined) this.#relations.delete(oid);
    else this.#relations.set(oid, relation);
    if (undone === undefined) this.#undone.delete(oid);
    else this.#undone.set(oid, undone);
  }

  async relation(
    message: pgoutput.RelationMessage,
    transaction: OpenTransaction | null,
  ): Promise<void> {
    if (this.#relations.has(message.oid) && !this.#isTold) {
      await this.#options.onRelationRepeated();
      this.#isTold = true;
    }
    if (!(await this.#options.isCaptured(message))) {
      this.#relations.set(message.oid, null);
      this.#undone.delete(message.oid);
      return;
    }
    const { resolver } = this.#options;
    const known = this.#known.get(message.oid) ?? null;
    // The server describes a table again when it was altered: the catalog says how. Whatever may have been given before is
    // given as it was known then.
    const isNew = transaction !== null && transaction.commitLsn >= (this.#options.newFrom ?? 0n);
    const prefersKnown = !isNew && !this.#described.has(message.oid);
    const relation = await resolver.resolve(message, known, { prefersKnown });
    this.#described.add(message.oid);
    if (relation.isOutdated) this.#outdated.set(message.oid, message);
    else this.#outdated.delete(message.oid);
    this.#relations.set(message.oid, relation);
    this.#undone.delete(message.oid);
    // What is known is newer than a transaction that was delivered before.
    if (known === relation.known || transaction?.isDelivered === true) return;
    // A table that was made again under its name is the same to whoever reads its records.
    const isKept = known !== null && isNamedAs(known, message);
    const previous = isKept ? known : (relationNamed(this.#known, message) ?? known);
    if (previous === null || hasSameColumns(previous, message)) {
      this.#know(relation.known, previous);
      return;
    }
    const others = this.#changed.filter((changed) => changed.relation.known.oid !== message.oid);
    this.#changed = [...others, { relation, previous }];
  }

  async truncate(
    where: MessageAt,
    transaction: OpenTransaction,
    events: ChangeEvent[],
  ): Promise<void> {
    const truncate = pgoutput.readTruncate(where.bytes, where.at, where.end);
    const info = transaction.info(where.bytes, where.lsnAt);
    // All before the first event: where one cannot be settled now, the whole message is read once more.
    for (const oid of truncate.oids) {
      if (this.#relations.get(oid) === undefined && !this.#isUnsettled(oid)) {
        await this.#settle(oid, transaction);
      }
    }
    this.#tellChanged(where, transaction, events);
    for (const oid of truncate.oids) {
      const relation = this.#relations.get(oid) ?? null;
      if (relation === null) continue;
      const n = transaction.count(relation.counter);
      if (!transaction.isNew()) continue;
      events.push(
        createTruncate({
          lsn: lsnOf(where),
          table: relation.table,
          cascade: truncate.cascade,
          restartIdentity: truncate.restartIdentity,
          ...transaction.identify(relation.counter, n),
          transaction: info,
          source: this.#options.source,
        }),
      );
    }
  }

  /** Makes the event of a message within a transaction. */
  message(
    message: LogicalMessageMessage,
    where: MessageAt,
    transaction: OpenTransaction,
    events: ChangeEvent[],
  ): void {
    const identity = transaction.nextMessage();
    if (message.prefix === this.#options.ddlPrefix) {
      if (!transaction.isDelivered) this.#known = this.#ddl.note(message.content, this.#known);
      return;
    }
    if (!this.#options.wantsMessage(message.prefix)) return;
    const info = transaction.info(where.bytes, where.lsnAt);
    if (!transaction.isNew()) return;
    events.push(
      createLogicalMessage({
        ...identity,
        lsn: lsnOf(where),
        prefix: message.prefix,
        content: message.content,
        transactional: true,
        transaction: info,
        source: this.#options.source,
      }),
    );
  }

  /** Makes the event of a message that belongs to no transaction, named by where it ends; null when it is not wanted. */
  loneMessage(message: LogicalMessageMessage, epoch: number): LogicalMessage | null {
    if (!this.#options.wantsMessage(message.prefix)) return null;
    const { source } = this.#options;
    const lsn = sortableLsn(message.lsn);
    return createLogicalMessage({
      id: `${source.systemIdentifier}/${lsn}/message`,
      // A transaction whose commit begins there numbers its messages from 1.
      version: versionText(epoch, lsn, 0),
      lsn: formatLsn(message.lsn),
      prefix: message.prefix,
      content: message.content,
      transactional: false,
      transaction: null,
      source,
    });
  }

  #tellChanged(where: MessageAt, transaction: OpenTransaction, events: ChangeEvent[]): void {
    const all = this.#changed;
    this.#changed = [];
    for (const { previous, relation } of all) {
      this.#know(relation.known, previous);
      const n = transaction.count(relation.counter);
      const info = transaction.info(where.bytes, where.lsnAt);
      if (!transaction.isNew()) continue;
      events.push(
        createSchemaChange({
          lsn: lsnOf(where),
          table: relation.table,
          previousColumns: previous.columns.map(({ name, typeOid, typeName, isKey, nullable }) => ({
            name,
            typeOid,
            typeName,
            isKey,
            nullable,
          })),
          statement: previous.statements?.join(';\n'),
          ...transaction.identify(relation.counter, n),
          transaction: info,
          source: this.#options.source,
        }),
      );
    }
  }

  /** Of tables that bore one name, the last one is known. */
  #know(relation: KnownRelation, previous: KnownRelation | null): void {
    // One copy for a transaction: it may describe thousands of tables, one after the other.
    const known = this.#known === this.#ownKnown ? this.#ownKnown : new Map(this.#known);
    if (previous !== null) known.delete(previous.oid);
    this.#ownKnown = known.set(relation.oid, relation);
    this.#known = known;
  }

  async #settle(oid: number, transaction: OpenTransaction): Promise<void> {
    const message = this.#undone.get(oid);
    if (message !== undefined) await this.relation(message, transaction);
  }

  /** False when the relation was described in a subtransaction that was rolled back; throws when it never was. */
  #isUnsettled(oid: number): boolean {
    if (this.#undone.has(oid)) return false;
    throw new SourceProtocolError(`A change came for relation ${oid}, which was not described.`);
  }
}

/** What comes outside of a transaction but belongs into one is a protocol error. */
export function inTransaction(transaction: OpenTransaction | null): OpenTransaction {
  if (transaction === null) {
    throw new SourceProtocolError('A change came outside of a transaction.');
  }
  return transaction;
}

/** The position that a message was sent with. */
function lsnOf({ bytes, lsnAt }: MessageAt): string {
  return formatLsn(bytes.readBigUInt64BE(lsnAt));
}
