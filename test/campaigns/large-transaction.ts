import { startCertyoEmulator, startPostgres } from '@certyo-cdc/testing';
import { deliverLargeTransaction } from '../../bench/workloads/memory/large-transaction.ts';
import type { Campaign } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';

const ROWS = 1_000_000;
const MAX_RSS_BYTES = 256 * 1024 * 1024;

/** I7: memory is bounded by bytes, whatever the size of a transaction. */
export const campaign: Campaign = {
  name: 'large-transaction',
  description: 'One transaction of 1,000,000 rows; the process stays under 256 MB.',
  runs: 1,
  run: (options) =>
    eachRun(options, async () => {
      await using server = await startPostgres({ major: 18 });
      await using emulator = await startCertyoEmulator({ retention: 'counts' });
      await using database = await server.createDatabase();
      const { CERTYO_API_KEY: apiKey, CERTYO_TENANT_ID: tenantId } = emulator.environment;
      const receiver = { receiver: emulator.url, account: { apiKey, tenantId } };
      const { usage } = await deliverLargeTransaction(
        { database, rows: ROWS, ...receiver },
        options.signal,
      );
      if (emulator.counters.effects !== ROWS) {
        throw new Error(`${emulator.counters.effects} of ${ROWS} rows had an effect.`);
      }
      if (usage.maxRssBytes >= MAX_RSS_BYTES) {
        throw new Error(`The process held ${Math.round(usage.maxRssBytes / 2 ** 20)} MB.`);
      }
      return {
        rows: usage.delivered,
        maxRssMb: Math.round(usage.maxRssBytes / 2 ** 20),
        seconds: Math.round(usage.seconds),
        cpuSeconds: Math.round(usage.cpuSeconds),
      };
    }),
};
