import { GapError, type JsonValue, SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import type { QualifiedName } from '@certyo-cdc/postgres';
import type { TextQuery } from './relation-resolver.ts';
import { TRIGGERS_SQL } from './trigger-sql.ts';

/** By table label: which rows of the catalog make up a table's capture. */
export type CaptureFingerprint = Readonly<Record<string, CapturedTable>>;

interface CapturedTable {
  readonly oid: string;
  /** By name. */
  readonly triggers: Readonly<Record<string, string>>;
}

export interface CaptureWatchOptions {
  readonly query: TextQuery;
  readonly log: QualifiedName;
  readonly tables: readonly QualifiedName[];
  /** Of the checkpoint, or null where there is none. */
  readonly stored: CaptureFingerprint | null;
}

/** Bits of `pg_trigger.tgtype`. https://www.postgresql.org/docs/current/catalog-pg-trigger.html */
const ROW = 1;
const INSERT = 4;
const DELETE = 8;
const UPDATE = 16;
const TRUNCATE = 32;

/** What has to be captured, and by which kind of trigger. */
const NEEDED = [
  { name: 'INSERT', bit: INSERT, row: true },
  { name: 'UPDATE', bit: UPDATE, row: true },
  { name: 'DELETE', bit: DELETE, row: true },
  { name: 'TRUNCATE', bit: TRUNCATE, row: false },
] as const;

interface Seen {
  readonly label: string;
  /** Oid of the captured table; null when it does not exist. */
  readonly tableOid: string | null;
  readonly triggers: readonly SeenTrigger[];
}

interface SeenTrigger {
  readonly name: string;
  readonly type: number;
  readonly isAlways: boolean;
  /** Of a partition: the trigger there belongs to the one of the partitioned table. */
  readonly partition: string | null;
  readonly identity: string;
}

/**
 * Notices that the triggers which fill the log were dropped, disabled or altered, even for a moment (N-12): a trigger that
 * was made again looks the same, but what was written between is not in the log. So the catalog's rows are compared by oid
 * and xmin, not by what they say.
 */
export class CaptureWatch {
  readonly #options: CaptureWatchOptions;
  #fingerprint: CaptureFingerprint | null;

  constructor(options: CaptureWatchOptions) {
    this.#options = options;
    this.#fingerprint = options.stored;
  }

  /** To be kept with the checkpoint. */
  toJSON(): JsonValue {
    return this.#fingerprint as JsonValue;
  }

  /** Compares with the catalog as it is now. Throws `GapError`; before anything was read, `SourceSetupError`. */
  async check(): Promise<void> {
    const seen = await this.#read();
    const known = this.#fingerprint;
    const problem = firstProblem(seen);
    if (problem !== null) {
      if (known !== null) throw triggerGap(problem);
      throw new SourceSetupError(problem, {
        remedy: 'Run source.setup(), or have a DBA run what source.setup({ dryRun: true }) prints.',
      });
    }
    const now: Record<string, CapturedTable> = {};
    for (const { label, tableOid, triggers } of seen) {
      const own = triggers.filter((trigger) => trigger.partition === null);
      now[label] = {
        oid: tableOid ?? '',
        triggers: Object.fromEntries(own.map(({ identity, name }) => [name, identity])),
      };
    }
    for (const [label, table] of Object.entries(known ?? {})) compare(label, table, now[label]);
    this.#fingerprint = now;
  }

  async #read(): Promise<readonly Seen[]> {
    const { log, query, tables } = this.#options;
    const rows = await query(TRIGGERS_SQL, [
      tables.map((table) => table.schema),
      tables.map((table) => table.name),
      log.schema,
      log.name,
    ]);
    return tables.map((table) => {
      const label = tableLabel(table);
      const own = rows.filter(
        (row) => row['schema'] === table.schema && row['table'] === table.name,
      );
      return {
        label,
        tableOid: own[0]?.['table_oid'] ?? null,
        triggers: own
          .filter((row) => row['trigger'] !== null)
          .map((row) => ({
            name: row['trigger'] ?? '',
            type: Number(row['type']),
            isAlways: row['enabled'] === 'A',
            partition: row['partition'] ?? null,
            identity: row['identity'] ?? '',
          })),
      };
    });
  }
}

/** A table that is not captured any more was left out knowingly (option acceptTables). */
function compare(label: string, known: CapturedTable, now: CapturedTable | undefined): void {
  if (now === undefined) return;
  if (now.oid !== known.oid) {
    throw triggerGap(
      `The table ${label} is not the one that was captured: it was dropped and made again.`,
    );
  }
  for (const [name, identity] of Object.entries(known.triggers)) {
    if (now.triggers[name] === identity) continue;
    throw triggerGap(
      `The trigger ${name} of ${label} was dropped, disabled, altered or made again.`,
    );
  }
}

function firstProblem(seen: readonly Seen[]): string | null {
  for (const { label, tableOid, triggers } of seen) {
    if (tableOid === null) return `The table ${label} does not exist.`;
    const off = triggers.find((trigger) => !trigger.isAlways);
    if (off !== undefined) {
      return `The trigger ${off.name} of ${off.partition ?? label} is not enabled always.`;
    }
    for (const { bit, name, row } of NEEDED) {
      const isThere = triggers.some(
        ({ partition, type }) =>
          partition === null && (type & bit) !== 0 && ((type & ROW) !== 0) === row,
      );
      if (!isThere) return `No trigger captures ${name} on ${label}.`;
    }
  }
  return null;
}

/** Reads what `toJSON` gave; null for anything else. */
export function captureFingerprint(value: unknown): CaptureFingerprint | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as CaptureFingerprint)
    : null;
}

function triggerGap(what: string): GapError {
  return new GapError('GAP_TRIGGER', `${what} Changes may be missing.`, {
    remedy:
      'Run source.setup(), which makes it again; then copy the tables again under a new pipeline name.',
  });
}
