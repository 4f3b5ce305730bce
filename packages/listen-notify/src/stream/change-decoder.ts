import { type ChangeEvent, type EventSource, SourceProtocolError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  columnInfos,
  createRowChange,
  createSchemaChange,
  createTruncate,
  parseRecordText,
  type QualifiedName,
  recordVersion,
  tupleFromTexts,
} from '@certyo-cdc/postgres';
import { hasSameColumns, type KnownRelations } from './known-relation.ts';
import type { LogColumns, LogColumnsReader } from './log-columns.ts';
import type { LogRow } from './log-row.ts';
import type { Relation, RelationResolver } from './relation-resolver.ts';

export interface ChangeDecoderOptions {
  readonly source: EventSource & { readonly systemIdentifier: string };
  readonly columns: LogColumnsReader;
  readonly resolver: RelationResolver;
  /** Under which name a table is captured, whatever it was called at the time; null when it is not. */
  readonly capturedAs: (table: LogColumns) => QualifiedName | null;
  readonly known: KnownRelations;
  /** True for a change that was handed over already, with the copy. */
  readonly wasCopied: (row: LogRow) => boolean;
}

const ROW_OPERATIONS = { I: 'insert', U: 'update', D: 'delete' } as const;

/** Turns rows of the log into events, and follows what the log says about tables. */
export class ChangeDecoder {
  readonly #options: ChangeDecoderOptions;
  #known: KnownRelations;
  /** By digest; a description never changes. */
  readonly #relations = new Map<string, Relation>();
  /** By the captured table's oid: the transaction that has emptied it, until a row of it comes. */
  readonly #emptied = new Map<number, string | null>();
  /** By the captured table's oid: the descriptions that agree with what is known of it. */
  readonly #agreeing = new Map<number, Set<Relation>>();

  constructor(options: ChangeDecoderOptions) {
    this.#options = options;
    this.#known = options.known;
  }

  /** What is known of the tables after the rows that were decoded so far. */
  get known(): KnownRelations {
    return this.#known;
  }

  /** Goes back to what was known before rows that have to be decoded again. */
  rewind(known: KnownRelations): void {
    this.#known = known;
    this.#agreeing.clear();
  }

  /** Takes in a table as it is, before its first change is read. */
  async describe(columns: LogColumns): Promise<Relation> {
    const known = this.#known.get(columns.rootOid) ?? null;
    const relation = await this.#options.resolver.resolve(columns, known);
    if (known === null) this.#known = new Map(this.#known).set(columns.rootOid, relation.known);
    return relation;
  }

  /** Decodes the rows of one page, which are in sequence order. */
  async decode(rows: readonly LogRow[], epoch: number): Promise<readonly ChangeEvent[]> {
    const { columns } = this.#options;
    await columns.load(rows.flatMap((row) => (row.columns === null ? [] : [row.columns])));
    const events: ChangeEvent[] = [];
    for (const row of rows) {
      if (row.columns === null) {
        throw new SourceProtocolError('A row of the change log names no columns.');
      }
      const relation = this.#relations.get(row.columns) ?? (await this.#resolve(row.columns));
      if (relation === null || this.#options.wasCopied(row)) continue;
      this.#follow(row, relation, epoch, events);
      if (row.operation === 'T') this.#truncate(row, relation, epoch, events);
      else if (row.operation !== 'S') this.#change(row, relation, epoch, events);
    }
    return events;
  }

  /** Null for a table that is not captured, which is asked again with its next row. */
  async #resolve(digest: string): Promise<Relation | null> {
    const columns = this.#options.columns.get(digest);
    const name = this.#options.capturedAs(columns);
    if (name === null) return null;
    const known = this.#known.get(columns.rootOid) ?? null;
    const relation = await this.#options.resolver.resolve({ ...columns, ...name }, known);
    this.#relations.set(digest, relation);
    return relation;
  }

  /** Tells a change of the table's columns before the first row that has them. */
  #follow(row: LogRow, relation: Relation, epoch: number, events: ChangeEvent[]): void {
    const { oid } = relation.known;
    const agreeing = this.#agreeing.get(oid);
    if (agreeing?.has(relation) === true) return;
    const known = this.#known.get(oid);
    const isSame = known !== undefined && hasSameColumns(known, relation.known);
    // Partitions have the columns of one table in orders of their own.
    if (isSame && agreeing !== undefined) agreeing.add(relation);
    else this.#agreeing.set(oid, new Set([relation]));
    if (!isSame || known.layout === relation.known.layout) {
      this.#known = new Map(this.#known).set(oid, relation.known);
    }
    if (known === undefined || isSame) return;
    const { id, version } = this.#identify(row, relation.label, epoch);
    events.push(
      createSchemaChange({
        table: relation.table,
        previousColumns: columnInfos(known.columns),
        id: `${id}/schema`,
        version,
        transaction: { xid: row.xid, committedAt: row.changedAt },
        source: this.#options.source,
      }),
    );
  }

  /** A partition that is emptied by itself is told under its own name; with the table above it, it is not told again. */
  #truncate(row: LogRow, relation: Relation, epoch: number, events: ChangeEvent[]): void {
    const { oid } = relation.table;
    const isPartition = relation.known.layout !== oid;
    if (isPartition && this.#emptied.get(oid) === row.xid) return;
    if (!isPartition) this.#emptied.set(oid, row.xid);
    const table = isPartition
      ? { ...relation.table, ...emptiedTable(row, relation) }
      : relation.table;
    events.push(
      createTruncate({
        table,
        // A trigger is not told.
        cascade: null,
        restartIdentity: null,
        ...this.#identify(row, tableLabel(table), epoch),
        transaction: { xid: row.xid, committedAt: row.changedAt },
        source: this.#options.source,
      }),
    );
  }

  #change(row: LogRow, relation: Relation, epoch: number, events: ChangeEvent[]): void {
    this.#emptied.delete(relation.table.oid);
    const operation = ROW_OPERATIONS[row.operation as keyof typeof ROW_OPERATIONS];
    if ((operation as string | undefined) === undefined) {
      throw new SourceProtocolError('A row of the change log is of an unknown kind.');
    }
    const before = row.oldRow === null ? null : parseRecordText(row.oldRow);
    const after = row.newRow === null ? null : parseRecordText(row.newRow);
    if (before !== null && after !== null && isOwnUpdate(before, after, relation.ownColumns)) {
      return;
    }
    events.push(
      createRowChange({
        descriptor: relation.descriptor,
        operation,
        ...this.#identify(row, relation.label, epoch),
        transaction: { xid: row.xid, committedAt: row.changedAt },
        source: this.#options.source,
        before: before === null ? null : tupleFromTexts(before),
        after: after === null ? null : tupleFromTexts(after),
      }),
    );
  }

  #identify(
    row: LogRow,
    label: string,
    epoch: number,
  ): { readonly id: string; readonly version: string } {
    const { systemIdentifier } = this.#options.source;
    return {
      id: `${systemIdentifier}/${label}/${row.sequence}`,
      version: recordVersion(epoch, row.sequence, 0),
    };
  }
}

/** The table that a TRUNCATE was about. */
function emptiedTable(
  row: LogRow,
  relation: Relation,
): { readonly schema: string; readonly name: string; readonly oid: number } {
  const [schema, name] = JSON.parse(row.oldRow ?? 'null') as readonly [string, string];
  return { schema, name, oid: relation.known.layout };
}

/** True when an update changed this library's own columns and nothing else (I10). */
function isOwnUpdate(
  before: readonly (string | null)[],
  after: readonly (string | null)[],
  ownColumns: readonly number[],
): boolean {
  if (ownColumns.length === 0 || before.length !== after.length) return false;
  let isChanged = false;
  for (const [i, text] of after.entries()) {
    if (text === before[i]) continue;
    if (!ownColumns.includes(i)) return false;
    isChanged = true;
  }
  return isChanged;
}
