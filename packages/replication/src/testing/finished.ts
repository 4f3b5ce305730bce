import type { StreamReader } from '@certyo-cdc/testing';
import { expect } from 'vitest';
import type { Backfill, BackfillStatus } from '../copy/backfill.ts';

/** Acknowledges, as a pipeline does, until the backfill has ended. */
export async function finished(backfill: Backfill, reader: StreamReader): Promise<BackfillStatus> {
  const { done } = backfill;
  done.catch(() => undefined);
  await expect
    .poll(
      async () => {
        if (reader.failure !== null) throw reader.failure;
        if (reader.end !== null) await reader.acknowledge();
        return (await backfill.status()).state;
      },
      { timeout: 60_000 },
    )
    .toBe('finished');
  return done;
}
