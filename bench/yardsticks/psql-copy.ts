import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { DrainMeasure } from '../runner/drain.ts';
import { ForeignProcess } from '../support/foreign-process.ts';
import { CLIENT_PROGRAMS } from '../support/server.ts';

const PSQL = CLIENT_PROGRAMS === null ? 'psql' : join(CLIENT_PROGRAMS, 'psql');

/** Why there is no psql, as a sentence; null where there is one. */
export const PSQL_MISSING: string | null =
  spawnSync(PSQL, ['--version']).status === 0 ? null : 'psql is not installed.';

/** What is copied. */
export interface CopyTask {
  readonly url: string;
  /** `schema.table` */
  readonly table: string;
  readonly rows: number;
}

/** `COPY … TO STDOUT` read by psql into /dev/null: what the server can send at most, one table over one connection. */
export async function psqlCopy(
  { rows, table, url }: CopyTask,
  signal: AbortSignal,
): Promise<DrainMeasure> {
  const startedAt = process.hrtime.bigint();
  await using psql = new ForeignProcess(PSQL, [url, '-qAtXc', `COPY ${table} TO STDOUT`], {
    signal,
  });
  const code = await psql.exited;
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`psql ended with ${String(code)}: ${psql.errors}`);
  return { rows, seconds, ...psql.usage };
}
