import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import type { SqlExecutor } from '@certyo-cdc/postgres';

import type { LedgerAccess } from '../receipts/ledger-access.ts';
import {
  anchorsSql,
  backlogSql,
  claimedSql,
  claimSql,
  dropExpiredSql,
  dueSql,
  lockClaimsSql,
  nowSql,
  releaseClaimSql,
  renewClaimSql,
  tablesSql,
} from './claim-sql.ts';
import type { DueReceipt, KnownAnchor } from './due-receipt.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** Receipts that one verifier looks at, and nobody else until the claim ends. */
export interface Claim {
  readonly id: string;
  readonly receipts: readonly DueReceipt[];
  /** By id, of the receipts. */
  readonly anchors: ReadonlyMap<number, KnownAnchor>;
}

interface DueRow {
  readonly record_key: string;
  readonly record_version: string;
  readonly accepted_us: string;
  readonly due_us: string;
  readonly table_id: string;
  readonly record_id: string;
  readonly record_hash: string | null;
  readonly snapshot_id: string | null;
  readonly anchor_id: string | null;
  readonly looks: string;
  readonly resubmits: string;
  readonly failed_us: string | null;
  readonly is_raised: string;
}

interface Table {
  readonly database: string;
  readonly collection: string;
}

/**
 * Divides the due receipts between verifiers: each claims the oldest ones that nobody has, as a range of times at which they
 * are due. A claim ends by itself, so that a verifier that died keeps nobody from anything; looking twice has no effect.
 */
export class Claims {
  readonly #access: LedgerAccess;
  readonly #schema: string;
  readonly #ttlMs: number;
  readonly #holder = `${hostname()}/${String(process.pid)}`;
  readonly #tables = new Map<string, Table>();

  constructor(access: LedgerAccess, ttlMs: number) {
    this.#access = access;
    this.#schema = access.schema;
    this.#ttlMs = ttlMs;
  }

  /** How many receipts are due, `most` at most, and for how long the oldest one. */
  async backlog(
    most: number,
    options: CallOptions,
  ): Promise<{ readonly due: number; readonly lateMs: number }> {
    const [row] = await this.#access.rows<{
      readonly due: string;
      readonly late_ms: string | null;
    }>(backlogSql(this.#schema), [most], options);
    return { due: Number(row?.due ?? 0), lateMs: Number(row?.late_ms ?? 0) };
  }

  /** The server's time, for `take`. */
  async now(options: CallOptions): Promise<string> {
    const [row] = await this.#access.rows<{ readonly now_us: string }>(nowSql(), [], options);
    return row?.now_us ?? '0';
  }

  /**
   * The oldest receipts that nobody has claimed, or null.
   *
   * @param dueUs They were due at this time: what is looked at again and again must not keep a round from its end.
   */
  async take(most: number, dueUs: string, options: CallOptions): Promise<Claim | null> {
    return this.#access.write(async (executor) => {
      await executor.query(lockClaimsSql(this.#schema), [], options);
      await executor.query(dropExpiredSql(this.#schema), [], options);
      const { rows: others } = await executor.query<{ readonly from_due: string }>(
        claimedSql(this.#schema),
        [],
        options,
      );
      const found = await executor.query<DueRow>(dueSql(this.#schema), [most, dueUs], options);
      const rows = beforeOthers(
        found.rows,
        others.map((claim) => BigInt(claim.from_due)),
      );
      const first = rows[0];
      const last = rows.at(-1);
      if (first === undefined || last === undefined) return null;
      const id = randomUUID();
      await executor.query(
        claimSql(this.#schema),
        [id, first.due_us, last.due_us, this.#holder, this.#ttlMs],
        options,
      );
      await this.#learnTables(executor, rows, options);
      return {
        id,
        receipts: rows.map((row) => this.#toReceipt(row)),
        anchors: await this.#anchors(executor, rows, options),
      };
    }, options);
  }

  async renew(claim: Claim, options: CallOptions): Promise<void> {
    await this.#access.write(
      (executor) => executor.query(renewClaimSql(this.#schema), [claim.id, this.#ttlMs], options),
      options,
    );
  }

  /** In the transaction that records what was found, or alone. */
  async release(claim: Claim, executor: SqlExecutor, options: CallOptions): Promise<void> {
    await executor.query(releaseClaimSql(this.#schema), [claim.id], options);
  }

  async #learnTables(
    executor: SqlExecutor,
    rows: readonly DueRow[],
    options: CallOptions,
  ): Promise<void> {
    const missing = new Set(rows.map((row) => row.table_id).filter((id) => !this.#tables.has(id)));
    if (missing.size === 0) return;
    const { rows: tables } = await executor.query<Table & { readonly id: string }>(
      tablesSql(this.#schema),
      [[...missing]],
      options,
    );
    for (const { id, database, collection } of tables) {
      this.#tables.set(id, { database, collection });
    }
  }

  async #anchors(
    executor: SqlExecutor,
    rows: readonly DueRow[],
    options: CallOptions,
  ): Promise<ReadonlyMap<number, KnownAnchor>> {
    const ids = new Set(rows.flatMap((row) => row.anchor_id ?? []));
    if (ids.size === 0) return new Map();
    const { rows: anchors } = await executor.query<{
      readonly id: string;
      readonly batch_id: string | null;
      readonly merkle_root: string | null;
      readonly state: string;
      readonly anchored_us: string | null;
    }>(anchorsSql(this.#schema), [[...ids]], options);
    return new Map(
      anchors.map((anchor) => [
        Number(anchor.id),
        {
          id: Number(anchor.id),
          batchId: anchor.batch_id,
          merkleRoot: anchor.merkle_root,
          isAnchored: anchor.state === 'anchored',
          anchoredMs: milliseconds(anchor.anchored_us),
        },
      ]),
    );
  }

  #toReceipt(row: DueRow): DueReceipt {
    const table = this.#tables.get(row.table_id);
    return {
      recordKey: row.record_key,
      recordVersion: row.record_version,
      acceptedUs: row.accepted_us,
      acceptedMs: milliseconds(row.accepted_us) ?? 0,
      database: table?.database ?? '',
      collection: table?.collection ?? '',
      recordId: row.record_id,
      recordHash: row.record_hash,
      snapshotId: row.snapshot_id,
      anchorId: row.anchor_id === null ? null : Number(row.anchor_id),
      looks: Number(row.looks),
      resubmits: Number(row.resubmits),
      failedMs: milliseconds(row.failed_us),
      isRaised: row.is_raised === 'true',
    };
  }
}

/** A claim is one range: it ends before the next one of another verifier. */
function beforeOthers(rows: readonly DueRow[], others: readonly bigint[]): readonly DueRow[] {
  const first = rows[0];
  if (first === undefined) return [];
  const next = others.find((from) => from > BigInt(first.due_us));
  return next === undefined ? rows : rows.filter((row) => BigInt(row.due_us) < next);
}

function milliseconds(microseconds: string | null): number | null {
  return microseconds === null ? null : Number(BigInt(microseconds) / 1000n);
}
