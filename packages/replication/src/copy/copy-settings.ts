import { MAX_TIMER_MS, OptionReader } from '@certyo-cdc/core/internal';
import { SLOT_LOCK_TIMEOUT_MS } from '../setup/slot-lock-timeout.ts';

/** In which order a table is copied: where its rows lie, or by its key. */
export const COPY_METHODS = ['ctid', 'keyset'] as const;

/** In which order a table is copied: where its rows lie, or by its key. */
export type CopyMethod = (typeof COPY_METHODS)[number];

/** The option `copy` as settled. */
export interface CopySettings {
  readonly parallel: number;
  readonly method: CopyMethod;
  readonly chunkRows: number;
  readonly slotLockTimeoutMs: number;
}

/** Rows of a chunk, where `chunkRows` says nothing else. */
export const CHUNK_ROWS = 10_000;
const MOST_CHUNK_ROWS = 1_000_000;

/** Reads the option `copy`; null when nothing is to be copied. */
export function normalizeCopy(value: unknown): CopySettings | null {
  if (value === undefined || value === false) return null;
  const options = value === true ? {} : value;
  const reader = new OptionReader('copy', options, [
    'parallel',
    'method',
    'chunkRows',
    'slotLockTimeoutMs',
  ]);
  return Object.freeze({
    parallel: reader.positiveInteger('parallel', 2, 64),
    method: reader.oneOf('method', COPY_METHODS, 'ctid'),
    chunkRows: normalizeChunkRows(reader),
    slotLockTimeoutMs: reader.positiveInteger(
      'slotLockTimeoutMs',
      SLOT_LOCK_TIMEOUT_MS,
      MAX_TIMER_MS,
    ),
  });
}

/** Reads `chunkRows`, of `copy` as of `backfill()`. */
export function normalizeChunkRows(reader: OptionReader): number {
  return reader.positiveInteger('chunkRows', CHUNK_ROWS, MOST_CHUNK_ROWS);
}
