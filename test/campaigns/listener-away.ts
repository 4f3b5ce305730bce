import { faultProxy, startPostgres } from '@certyo-cdc/testing';
import type { Campaign } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';
import { Client } from './support/client.ts';
import { assertExact, type Counters, Scenario } from './support/scenario.ts';
import { SOURCES } from './support/sources.ts';

/** Absences in one run. */
const AWAYS = 10;

/** How the listener goes away: killed, ended in order, cut off, or connected but deaf (half-open). */
const WAYS = ['killed', 'ended', 'cut', 'deaf'] as const;

/**
 * Whatever is notified while nobody listens is gone for ever: nothing may depend on it. The listener goes away again and
 * again, for random times, while writers go on.
 */
export const campaign: Campaign = {
  name: 'listener-away',
  description: `The listener is away ${AWAYS} times a run, for random times, while writers go on.`,
  runs: 20,
  sources: SOURCES.filter((name) => name !== 'replication' && name !== 'polling'),
  run: (options) =>
    eachRun(options, async ({ source, turn, random }) => {
      await using server = await startPostgres({ major: 18 });
      await using scenario = await Scenario.create(server, {}, source);
      await using proxy = await faultProxy({ target: { host: server.host, port: server.port } });
      const url = new URL(scenario.database.url);
      url.host = `${proxy.host}:${proxy.port}`;
      const environment = { ...scenario.environment, PG_DSN: url.href };
      const pause = (ms: number): Promise<void> =>
        new Promise((resolve) => setTimeout(resolve, random() * ms));
      scenario.startWriters(3, random);
      const counters: Counters = { aways: 0 };
      let client: Client | null = null;
      for (let away = 0; away < AWAYS; away++) {
        if (client === null) {
          client = await Client.start(environment);
          await client.started();
        }
        await pause(600);
        const way = WAYS[(turn + away) % WAYS.length] ?? 'killed';
        const lengthMs = random() < 0.2 ? 4_000 : 800;
        if (way === 'killed' || way === 'ended') {
          if (way === 'killed') await client.kill();
          else {
            client.askToStop();
            await client.ended(120_000);
          }
          client = null;
          await pause(lengthMs);
        } else {
          if (way === 'cut') await proxy.refuse();
          else proxy.set({ blackhole: 'both' });
          if (way === 'cut') proxy.reset();
          await pause(lengthMs);
          // What was held back may still arrive, as on a real network.
          if (random() < 0.5) proxy.reset();
          await proxy.heal();
        }
        counters['aways'] = (counters['aways'] ?? 0) + 1;
        counters[`aways ${way}`] = (counters[`aways ${way}`] ?? 0) + 1;
      }
      await scenario.stopWriters();
      if (client === null) {
        client = await Client.start(environment);
        await client.started();
      }
      if (!client.isAlive) await client.ended(0);
      client.askToDrain();
      await client.ended(180_000);
      const result = await scenario.compare();
      assertExact(result.counters, result.examples);
      return { ...counters, ...result.counters };
    }),
};
