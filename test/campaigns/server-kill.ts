import { startPostgres } from '@certyo-cdc/testing';
import type { Campaign } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';
import { Client } from './support/client.ts';
import { assertExact, Scenario } from './support/scenario.ts';
import { SOURCES } from './support/sources.ts';

/** Kills in one run. */
const KILLS = 5;
const MAJORS = [18, 17, 16, 15, 14];

/**
 * The server is killed with all its processes while it is written, and started again; the client lives through it. Half
 * of the kills come right after a forced checkpoint, because only that makes the server keep what was acknowledged.
 */
export const campaign: Campaign = {
  name: 'server-kill',
  description: `The server is killed (-9) ${KILLS} times a run under load; the client goes on by itself.`,
  runs: 20,
  sources: SOURCES,
  run: (options) =>
    eachRun(options, async ({ source, turn, random }) => {
      await using server = await startPostgres({ major: MAJORS[turn % MAJORS.length] ?? 18 });
      await using scenario = await Scenario.create(server, {}, source);
      const client = await Client.start(scenario.environment);
      await client.started();
      // In every other run one writer does not wait for the disk (P-17).
      scenario.startWriters(3, random, turn % 2);
      for (let kill = 0; kill < KILLS; kill++) {
        await new Promise((resolve) => setTimeout(resolve, 300 + random() * 700));
        if (kill % 2 === 1) await server.query('CHECKPOINT');
        await server.crash();
        await new Promise((resolve) => setTimeout(resolve, random() * 200));
        await server.start();
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
      await scenario.stopWriters();
      if (!client.isAlive) await client.ended(0);
      client.askToDrain();
      await client.ended(180_000);
      const { counters, examples } = await scenario.compare();
      assertExact(counters, examples);
      return { kills: KILLS, ...counters };
    }),
};
