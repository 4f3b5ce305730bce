import type { EmulatorPhase } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { rig } from '../testing/rig.ts';

const PHASES: readonly EmulatorPhase[] = ['request-received', 'applied', 'responded'];

interface KillPoint {
  readonly phase: EmulatorPhase;
  /** Counts requests that ask about anchoring, from 1. */
  readonly request: number;
}

const POINTS: readonly KillPoint[] = PHASES.flatMap((phase) =>
  [1, 2, 3, 5, 8].map((request) => ({ phase, request })),
);

/** A function, because the compiler takes what was assigned last for what is there. */
async function endOf(killed: { readonly by: Promise<void> | null }): Promise<void> {
  await killed.by;
}

describe('createVerifier, stopped in the middle', () => {
  test('at every request: every receipt ends where it belongs, and nothing is sent twice', async () => {
    let onRequest: ((phase: EmulatorPhase) => void) | null = null;
    await using it = await rig({
      onPhase(phase, { path }) {
        if (!path.startsWith('/api/v1/records')) onRequest?.(phase);
      },
    });
    let first = 0;
    for (const { phase, request } of POINTS) {
      // Half of them fail once, so that looks and resubmissions are among the requests.
      it.emulator.faults.add({ kind: 'anchor-failure', count: 1 });
      await it.handIn(6, first);
      it.anchor();
      await it.handIn(6, first + 6);
      it.anchor();
      first += 12;
      const victim = it.verifier({ maxClaimed: 5, claimMs: 5_000 });
      let requests = 0;
      const killed: { by: Promise<void> | null } = { by: null };
      onRequest = (at) => {
        if (at === 'request-received') requests += 1;
        if (at === phase && requests === request) killed.by ??= victim.stop();
      };
      for (let round = 0; round < 4 && killed.by === null; round += 1) {
        await it.allDue();
        await victim.runOnce().catch((error: unknown) => {
          if (killed.by === null) throw error;
        });
      }
      onRequest = null;
      await endOf(killed);
      expect(killed.by, `${phase} of request ${String(request)} came`).not.toBeNull();
      await it.emulator.faults.clear();
      const successor = it.verifier({ maxClaimed: 5, claimMs: 5_000 });
      await expect
        .poll(async () => {
          it.anchor();
          await it.allDue();
          await successor.runOnce();
          return it.states();
        })
        .toEqual({ anchored: first });
      await successor.stop();
    }
    expect(it.emulator.counters).toMatchObject({ effects: first, attempts: first, failed: 0 });
  });

  test('when its connection is cut at any moment, it goes on with another', async () => {
    await using it = await rig();
    await it.handIn(600);
    it.anchor();
    const verifier = it.verifier({ maxClaimed: 20, claimMs: 1_000 });
    await verifier.start();
    for (let cut = 0; cut < 10; cut += 1) {
      await it.database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'certyo-cdc verifier'`,
      );
      await it.handIn(10, 1000 + cut * 10);
      it.anchor();
    }
    await expect.poll(() => it.states()).toEqual({ anchored: 700 });
    expect(verifier.status().state).toBe('running');
    await verifier.drain();
  });

  test('a claim of one that died ends by itself, and its receipts are another one’s', async () => {
    await using it = await rig();
    await it.handIn(10);
    it.anchor();
    await it.database.query(
      `INSERT INTO certyo.verifier_claims SELECT gen_random_uuid(), min(due_at), max(due_at), 'dead',
       clock_timestamp() + interval '1 hour' FROM certyo.receipts`,
    );
    const verifier = it.verifier();
    expect(await verifier.runOnce()).toMatchObject({ looked: 0 });
    await it.database.query('UPDATE certyo.verifier_claims SET expires_at = clock_timestamp()');
    await expect.poll(() => verifier.runOnce()).toMatchObject({ anchored: 10 });
  });

  test('a claim of one that died ends by itself also where nothing else is due', async () => {
    await using it = await rig();
    await it.handIn(10);
    it.anchor();
    await it.database.query(
      `INSERT INTO certyo.verifier_claims SELECT gen_random_uuid(), min(due_at), max(due_at), 'dead',
       clock_timestamp() + interval '500 ms' FROM certyo.receipts`,
    );
    await it.verifier().start();
    await expect.poll(() => it.states()).toEqual({ anchored: 10 });
  });
});
