import { ReceiptError } from '@certyo-cdc/core';
import { SYSTEM_TIME } from '@certyo-cdc/core/internal';
import { describe, expect, test } from 'vitest';

import { Service, type ServiceWork } from './service.ts';

interface Round {
  readonly signal: AbortSignal;
  finish(result: number): void;
  fail(error: Error): void;
}

/** A service whose rounds end when the test says so. */
function serviceOf(more: Partial<ServiceWork<number>> = {}): {
  readonly service: Service<number>;
  readonly rounds: Round[];
  readonly said: string[];
} {
  const rounds: Round[] = [];
  const said: string[] = [];
  const service = new Service<number>({
    name: 'worker',
    time: SYSTEM_TIME,
    intervalMs: 1,
    prepare: async () => {},
    round: (signal) =>
      new Promise((finish, fail) => {
        rounds.push({ signal, finish, fail });
      }),
    close: async () => {
      said.push('closed');
    },
    changed: (from, to) => said.push(`${from} to ${to}`),
    interrupted: (error) => said.push(error.message),
    ...more,
  });
  return { service, rounds, said };
}

describe('Service', () => {
  test('drained while idle it finishes the round that somebody asked for, and takes no other', async () => {
    const { rounds, said, service } = serviceOf();
    const asked = service.runOnce();
    await expect.poll(() => rounds.length).toBe(1);
    const drained = service.drain();
    await expect(service.runOnce()).rejects.toThrow(
      'A worker cannot do runOnce(): it is draining.',
    );
    expect(rounds[0]?.signal.aborted).toBe(false);
    rounds[0]?.finish(7);
    await drained;
    await expect(asked).resolves.toBe(7);
    expect(said).toEqual(['idle to draining', 'draining to stopped', 'closed']);
    await expect(service.closed).resolves.toBeNull();
  });

  test('what kept it from seeing whether a round is due is over when it sees that none is', async () => {
    let looks = 0;
    const { said, service } = serviceOf({
      isDue: async () => {
        looks += 1;
        if (looks === 1) throw new ReceiptError('The ledger is away.', { retryable: true });
        return false;
      },
    });
    await service.start();
    await expect.poll(() => looks).toBeGreaterThan(2);
    expect(said).toEqual(['idle to running', 'The ledger is away.']);
    expect(service.interruption).toBeNull();
    await service.stop();
  });

  test('what kept a round from its end is told until one has ended, also when none is due', async () => {
    let looks = 0;
    const { rounds, service } = serviceOf({
      isDue: async () => {
        looks += 1;
        return looks === 1;
      },
    });
    await service.start();
    await expect.poll(() => rounds.length).toBe(1);
    rounds[0]?.fail(new ReceiptError('The API is away.', { retryable: true }));
    await expect.poll(() => looks).toBeGreaterThan(2);
    expect(service.interruption).toMatchObject({ message: 'The API is away.' });
    await service.stop();
  });

  test('drained while it runs it finishes the round, and what was asked for beside it', async () => {
    const { rounds, service } = serviceOf();
    await service.start();
    await expect.poll(() => rounds.length).toBe(1);
    const asked = service.runOnce();
    const drained = service.drain();
    rounds[0]?.finish(1);
    await expect.poll(() => rounds.length).toBe(2);
    rounds[1]?.finish(2);
    await expect(asked).resolves.toBe(2);
    await drained;
    expect(rounds).toHaveLength(2);
  });

  test('stopped it ends the round', async () => {
    const { rounds, service } = serviceOf();
    const asked = service.runOnce();
    await expect.poll(() => rounds.length).toBe(1);
    const stopped = service.stop();
    await expect(asked).rejects.toThrow('A worker cannot do the call(): it is stopped.');
    expect(rounds[0]?.signal.aborted).toBe(true);
    rounds[0]?.finish(1);
    await stopped;
  });

  test('waits out what may pass, tells it until a round succeeds, and fails of anything else', async () => {
    const { rounds, said, service } = serviceOf();
    await service.start();
    await expect.poll(() => rounds.length).toBe(1);
    const away = new ReceiptError('away', { retryable: true });
    rounds[0]?.fail(away);
    await expect.poll(() => rounds.length).toBe(2);
    expect(service.interruption).toBe(away);
    rounds[1]?.finish(1);
    await expect.poll(() => rounds.length).toBe(3);
    expect(service.interruption).toBeNull();
    const broken = new ReceiptError('broken', { retryable: false });
    rounds[2]?.fail(broken);
    await expect(service.closed).resolves.toBe(broken);
    await expect(service.runOnce()).rejects.toBe(broken);
    expect(said).toEqual(['idle to running', 'away', 'running to failed', 'closed']);
  });

  test('has no round while nothing is due', async () => {
    let looks = 0;
    const { rounds, service } = serviceOf({
      isDue: async () => {
        looks += 1;
        return looks === 3;
      },
    });
    await service.start();
    await expect.poll(() => rounds.length).toBe(1);
    expect(looks).toBe(3);
    rounds[0]?.finish(1);
    await expect.poll(() => looks).toBeGreaterThan(5);
    expect(rounds).toHaveLength(1);
    await service.drain();
  });

  test('a start that fails says why, and has closed everything', async () => {
    const missing = new ReceiptError('no table', { retryable: false });
    const { said, service } = serviceOf({ prepare: () => Promise.reject(missing) });
    await expect(service.start()).rejects.toBe(missing);
    expect(said).toEqual(['idle to running', 'running to failed', 'closed']);
  });
});
