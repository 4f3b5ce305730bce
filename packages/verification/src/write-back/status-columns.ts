import { OptionReader, wrongOption } from '@certyo-cdc/core/internal';
import { STATUS_COLUMNS } from '@certyo-cdc/postgres';

/** Names of the columns of a row into which its status is written. */
export interface StatusColumnOptions {
  /** text; `false` for none. @default 'certyo_record_hash' */
  readonly recordHash?: string | false | undefined;
  /** text: `pending`, `anchored` or `failed`. @default 'certyo_anchor_status' */
  readonly status?: string | undefined;
  /** timestamptz; `false` for none. @default 'certyo_verified_at' */
  readonly verifiedAt?: string | false | undefined;
}

/** The same with defaults. */
export interface StatusColumns {
  readonly recordHash: string | null;
  readonly status: string;
  readonly verifiedAt: string | null;
}

/** What a status column can say, in the order in which one replaces the other while the row stays the same. */
export const ROW_STATUSES = ['pending', 'failed', 'anchored'] as const;

export type RowStatus = (typeof ROW_STATUSES)[number];

/** Greater ones replace lesser ones. What is none of ours counts as nothing. */
export function statusRank(status: string | null): number {
  return ROW_STATUSES.findIndex((each) => each === status);
}

export function normalizeStatusColumns(options: StatusColumnOptions | undefined): StatusColumns {
  const reader = new OptionReader('columns', options, ['recordHash', 'status', 'verifiedAt']);
  const optional = (name: 'recordHash' | 'verifiedAt', fallback: string): string | null =>
    options?.[name] === false ? null : reader.text(name, fallback);
  const columns = {
    recordHash: optional('recordHash', 'certyo_record_hash'),
    status: reader.text('status', 'certyo_anchor_status'),
    verifiedAt: optional('verifiedAt', 'certyo_verified_at'),
  };
  const names = namesOf(columns);
  if (new Set(names).size < names.length) {
    throw wrongOption('columns', 'names that differ', options);
  }
  return columns;
}

/** The columns that are there, the status first. */
export function namesOf({ recordHash, status, verifiedAt }: StatusColumns): readonly string[] {
  return [status, ...(recordHash === null ? [] : [recordHash])].concat(verifiedAt ?? []);
}

/** True where every source leaves the columns out by itself. */
export function areKnownToSources(columns: StatusColumns): boolean {
  return namesOf(columns).every((name) => STATUS_COLUMNS.has(name));
}
