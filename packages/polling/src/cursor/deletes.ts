import {
  type ChangeEvent,
  type ColumnInfo,
  type JsonValue,
  type TableInfo,
} from '@certyo-cdc/core';
import {
  createRowChange,
  createRowDescriptor,
  createTruncate,
  isSameLife,
  NOT_SENT,
  OWN_COLUMNS,
  readTypeDescriptors,
  type RowDescriptor,
  tupleFromTexts,
  type TypeRegistry,
  waitForFlush,
} from '@certyo-cdc/postgres';
import { reconcileKeys, rememberKeys } from '../deletes/key-ledger.ts';
import { pruneTombstones } from '../deletes/prune-tombstones.ts';
import { isTruncated, readTombstones } from '../deletes/read-tombstones.ts';
import type { DeletedKey, Tombstone, TombstoneCursor, Truncated } from '../deletes/tombstone.ts';
import type { DeletesTarget } from '../setup/spec.ts';
import type { TableAccess } from '../table/table-access.ts';
import { rowId } from './row-events.ts';
import type { CaughtUpTarget, ReaderContext } from './table-reader.ts';

/** Gives a tombstone its version among those of its record. */
export type TombstoneVersion = (tombstone: Tombstone, old: OldRow | null) => string;

/** A deleted row's values by column. */
export type OldRow = ReadonlyMap<string, string | null>;

export interface DeletesOptions {
  readonly context: ReaderContext;
  readonly access: TableAccess;
  readonly target: DeletesTarget;
  readonly types: TypeRegistry;
  /** Between two comparisons of all keys; null where a trigger writes tombstones. */
  readonly reconcileMs: number | null;
  readonly now: () => number;
}

/** What a look at the tombstones gave. */
export interface DeletesPage {
  readonly events: readonly ChangeEvent[];
  readonly bytes: number;
  /** The bound of the window. */
  readonly below: bigint;
  readonly hasMore: boolean;
}

/** Keys that are compared in one step. */
const KEYS_PER_STEP = 2_000;
/** Tombstones that are removed in one statement. */
const PRUNED_ROWS = 5_000;
/** Their columns' descriptors that are kept. */
const MAX_DESCRIPTORS = 32;

/** Reads what a table has lost, as events; one window after the other, each before its rows. */
export class Deletes {
  readonly #options: DeletesOptions;
  readonly #descriptors = new Map<string, RowDescriptor>();
  #after: TombstoneCursor | null;
  #reconcileAtMs: number;
  #reconcileAfter: readonly string[] | null = null;
  #comparingTick = 0;
  /** The tick at which the newest whole comparison began. */
  #comparedTick = 0;
  /** Its tombstones are of transactions below it. */
  #comparedAbove = 0n;

  constructor(options: DeletesOptions, after: TombstoneCursor | null) {
    this.#options = options;
    this.#after = after;
    this.#reconcileAtMs = options.now() + (options.reconcileMs ?? 0);
  }

  /** Everything up to it was given. */
  get after(): TombstoneCursor | null {
    return this.#after;
  }

  /** Reads on in the window below the bound; null opens a new one. What it gives is on disk. */
  async read(
    below: bigint | null,
    version: TombstoneVersion,
    options: { readonly signal: AbortSignal },
  ): Promise<DeletesPage> {
    const { access, context, target } = this.#options;
    const { session, maxRows, maxBytes } = context;
    const page = await readTombstones(session, target, access.plan.keyed, {
      after: this.#after,
      below,
      maxRows,
      maxBytes,
      ...options,
    });
    const events: ChangeEvent[] = [];
    for (const tombstone of page.tombstones) {
      events.push(
        tombstone.kind === 'truncated'
          ? this.#truncate(tombstone, version)
          : await this.#delete(tombstone, version, options),
      );
    }
    // A comparison has taken them out of the ledger; were their rows deleted before they are read, nothing would tell.
    await this.remember(page.leftOut, options);
    const next = page.next ?? { xid: page.below, sequence: 0n };
    // Also where nothing was found: a crash gives the ids of transactions that are not on disk to later ones (P-17).
    if (events.length > 0 || next.xid > (this.#after?.xid ?? -1n)) {
      await this.#untilOnDisk(page.life, options);
    }
    // Before the cursor goes on: what is not handed over has to be read again.
    access.assertHeld();
    this.#after = next;
    return { events, bytes: page.bytes, below: page.below, hasMore: page.next !== null };
  }

  /**
   * Whether a TRUNCATE is committed and not told yet, because an older transaction is still open. What was read before this
   * call may have been written after it.
   */
  async isTruncated(options: { readonly signal: AbortSignal }): Promise<boolean> {
    const { access, context, target } = this.#options;
    const request = { after: this.#after, ...options };
    return await isTruncated(context.session, target, access.plan.keyed, request);
  }

  /** Notes keys before their rows are handed over, where hard deletes are found by comparison. */
  async remember(
    keys: readonly (readonly string[])[],
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    if (this.#options.reconcileMs === null) return;
    const { access, context, target } = this.#options;
    await rememberKeys(context.session, target, access.plan.keyed, keys, options);
  }

  /**
   * Compares some of the keys with the table, when it is time to, or when somebody waits to be caught up. What is gone
   * becomes tombstones of a later window.
   */
  async reconcile(options: { readonly signal: AbortSignal; readonly tick: number }): Promise<void> {
    const { access, context, target, reconcileMs, now } = this.#options;
    if (reconcileMs === null) return;
    if (this.#reconcileAfter === null) {
      if (now() < this.#reconcileAtMs && options.tick <= this.#comparedTick) return;
      this.#comparingTick = options.tick;
    }
    const step = await reconcileKeys(context.session, target, access.plan.keyed, {
      after: this.#reconcileAfter,
      maxKeys: KEYS_PER_STEP,
      signal: options.signal,
    });
    this.#reconcileAfter = step.next;
    if (step.next !== null) return;
    const { rows } = await context.session.query<{ readonly above: string }>(
      'SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text AS above',
      [],
      options,
    );
    this.#comparedTick = this.#comparingTick;
    this.#comparedAbove = BigInt(rows[0]?.above ?? 0);
    this.#reconcileAtMs = now() + reconcileMs;
  }

  /** Whether what is gone has been handed over for a target, when everything below `through` has been. */
  covers(target: CaughtUpTarget, through: bigint): boolean {
    if (through < target.above) return false;
    if (this.#options.reconcileMs === null) return true;
    return this.#comparedTick >= target.tick && through >= this.#comparedAbove;
  }

  /** Removes tombstones that are acknowledged, some at a time. */
  async prune(below: bigint, options: { readonly signal: AbortSignal }): Promise<void> {
    const { access, context, target } = this.#options;
    const request = { below, maxRows: PRUNED_ROWS, ...options };
    await pruneTombstones(context.session, target, access.plan.keyed, request);
  }

  /** Also makes sure that it was this server, and ours to read. */
  async #untilOnDisk(life: string, options: { readonly signal: AbortSignal }): Promise<void> {
    const { access, context } = this.#options;
    const { written, flushed, life: lifeNow } = await access.check(options);
    if (written === null) return;
    if (flushed !== null && flushed >= written && isSameLife(life, lifeNow)) return;
    await waitForFlush(context.session, written, { ...options, life });
  }

  #truncate(tombstone: Truncated, version: TombstoneVersion): ChangeEvent {
    const { access, context } = this.#options;
    const { table, settings } = access.plan;
    const { relation } = tombstone;
    return createTruncate({
      id: `${context.source.systemIdentifier}/${settings.label}/truncate/${tombstone.sequence}`,
      version: version(tombstone, null),
      transaction: { xid: String(tombstone.xid), committedAt: tombstone.deletedAt },
      source: context.source,
      table: tombstone.isWholeTable ? table : { ...table, ...relation },
      cascade: null,
      restartIdentity: null,
    });
  }

  async #delete(
    tombstone: DeletedKey,
    version: TombstoneVersion,
    options: { readonly signal: AbortSignal },
  ): Promise<ChangeEvent> {
    const { access, context } = this.#options;
    const { plan } = access;
    const { key, row, columns } = tombstone;
    let descriptor = plan.descriptor;
    let texts: readonly (string | null | typeof NOT_SENT)[];
    if (row === null || columns === null) {
      texts = plan.columns.map((_, index) => {
        const place = plan.key.findIndex((column) => column.index === index);
        return place < 0 ? NOT_SENT : (key[place] ?? null);
      });
    } else {
      descriptor = await this.#descriptorOf(columns, options);
      texts = row;
    }
    const old =
      row === null || columns === null
        ? null
        : new Map(columns.map(({ name }, index) => [name, row[index] ?? null]));
    return createRowChange({
      descriptor,
      operation: 'delete',
      id: `${rowId(context, plan.settings.label, key, String(tombstone.xid))}/deleted/${tombstone.sequence}`,
      version: version(tombstone, old),
      transaction: { xid: String(tombstone.xid), committedAt: tombstone.deletedAt },
      source: context.source,
      before: tupleFromTexts(texts),
      after: null,
    });
  }

  /** Decodes a deleted row with the columns that it had. */
  async #descriptorOf(
    columns: NonNullable<DeletedKey['columns']>,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<RowDescriptor> {
    const { access, context, types } = this.#options;
    const { plan } = access;
    const name = JSON.stringify(columns);
    const known = this.#descriptors.get(name);
    if (known !== undefined) return known;
    const missing = types.missing(columns.map(({ typeOid }) => typeOid));
    if (missing.length > 0) {
      const query = async (sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> =>
        (await context.session.query(sql, [], { signal })).rows;
      types.add(await readTypeDescriptors(query, missing));
    }
    const keyColumns = plan.key.map((column) => column.name);
    const table: TableInfo = {
      ...plan.table,
      columns: columns.map((column): ColumnInfo => ({
        name: column.name,
        typeOid: column.typeOid,
        typeName: column.typeName,
        isKey: keyColumns.includes(column.name),
        nullable: column.nullable,
      })),
    };
    const hidden = new Set(plan.hidden);
    const omit = columns
      .filter(
        (column) => column.generated || OWN_COLUMNS.has(column.name) || hidden.has(column.name),
      )
      .map((column) => column.name);
    const descriptor = createRowDescriptor({ table, registry: types, omit, keyColumns });
    if (this.#descriptors.size >= MAX_DESCRIPTORS) this.#descriptors.clear();
    this.#descriptors.set(name, descriptor);
    return descriptor;
  }
}

/** A cursor as a checkpoint keeps it. */
export function cursorToJson(cursor: TombstoneCursor | null): JsonValue {
  return cursor === null ? null : { xid: String(cursor.xid), sequence: String(cursor.sequence) };
}

/** Reads it back. */
export function cursorFromJson(json: JsonValue | undefined): TombstoneCursor | null {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null;
  const { xid, sequence } = json as Readonly<Record<string, JsonValue>>;
  if (typeof xid !== 'string' || typeof sequence !== 'string') return null;
  return { xid: BigInt(xid), sequence: BigInt(sequence) };
}
