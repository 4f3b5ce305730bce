import type { DrainMeasure } from '../runner/drain.ts';
import { ForeignProcess } from '../support/foreign-process.ts';
import type { WalReading } from '../support/recorded-wal.ts';
import { CLIENT_PROGRAMS } from '../support/server.ts';

/** Why pg_recvlogical cannot be run here, or null. */
export const PG_RECVLOGICAL_MISSING: string | null =
  CLIENT_PROGRAMS === null ? 'pg_recvlogical of PostgreSQL 15 is not installed (Debian)' : null;

/**
 * PostgreSQL's own client, written in C, to /dev/null. The clock runs from its line that the stream has begun to its exit; its
 * CPU is that of the whole process.
 */
export async function pgRecvlogical(
  reading: WalReading,
  signal: AbortSignal,
): Promise<DrainMeasure> {
  const { database, endLsn, host, port, publication, rows, slot, user } = reading;
  let startedAt = 0n;
  await using program = new ForeignProcess(
    `${CLIENT_PROGRAMS ?? ''}/pg_recvlogical`,
    [
      `--dbname=${database}`,
      `--host=${host}`,
      `--port=${port}`,
      `--username=${user}`,
      `--slot=${slot}`,
      `--endpos=${endLsn}`,
      '--start',
      '--no-loop',
      '--verbose',
      '--option=proto_version=1',
      `--option=publication_names=${publication}`,
      '--file=/dev/null',
      '--fsync-interval=0',
    ],
    {
      signal,
      env: { LC_ALL: 'C' },
      onErrorText: (text) => {
        if (text.includes('streaming initiated')) startedAt = process.hrtime.bigint();
      },
    },
  );
  const code = await program.exited;
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  if (code !== 0 || startedAt === 0n)
    throw new Error(`pg_recvlogical ended with ${String(code)}. ${program.errors}`);
  return { rows, seconds, ...program.usage };
}
