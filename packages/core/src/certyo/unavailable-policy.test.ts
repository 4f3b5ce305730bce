import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySource,
  startCertyoEmulator,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { createPipeline } from '../pipeline/create-pipeline.ts';
import type { Verdict } from '../sink/sink.ts';
import { certyoSink } from './certyo-sink.ts';
import { rowChange, table } from './test-event.ts';
import type { UnavailablePolicy } from './unavailable-policy.ts';

const { signal } = new AbortController();
const columns = table(['id', 'big', 'note']);

/** An update that leaves `big` alone. */
const event = rowChange({
  operation: 'update',
  table: columns,
  key: { id: 1 },
  after: { id: 1, note: 'x' },
  unavailable: ['big'],
});

async function verdictOn(
  unavailable: UnavailablePolicy | undefined,
  options: Parameters<typeof certyoSink>[0] = {},
): Promise<{ readonly verdict: Verdict | undefined; readonly requests: number }> {
  await using emulator = await startCertyoEmulator();
  const sink = certyoSink({ env: { ...emulator.environment }, unavailable, ...options });
  const items = sink.prepare(event).map(({ item }) => item);
  const [verdict] = await sink.deliver(items, { attempt: 1, signal });
  await sink.close?.();
  return { verdict, requests: emulator.requests.length };
}

describe('certyoSink: unavailable', () => {
  test.each<readonly [UnavailablePolicy | undefined, string]>([
    [undefined, 'delivered'],
    ['omit', 'delivered'],
    ['park', 'rejected'],
    ['halt', 'halt'],
    [{ 'public.orders': 'park' }, 'rejected'],
    [{ 'public.orders': 'omit', '*': 'halt' }, 'delivered'],
    [{ '*': 'halt' }, 'halt'],
    [{ 'public.others': 'halt' }, 'delivered'],
  ])('R-21: with %j a row whose value cannot be seen is %s', async (policy, type) => {
    const { requests, verdict } = await verdictOn(policy);
    expect(verdict?.type).toBe(type);
    expect(requests).toBe(type === 'delivered' ? 1 : 0);
    if (type !== 'delivered') {
      expect(verdict).toMatchObject({
        error: { code: 'VALUE_UNAVAILABLE', table: 'public.orders', columns: ['big'] },
      });
    }
  });

  test('columns that are no part of the payload do not count', async () => {
    const left = await verdictOn('halt', { columns: { 'public.orders': { exclude: ['big'] } } });
    expect(left.verdict?.type).toBe('delivered');
    expect((await verdictOn('halt', { statusColumns: ['big'] })).verdict?.type).toBe('delivered');
  });

  test('I3: what is parked holds its record back, and is delivered once the policy lets it', async () => {
    await using emulator = await startCertyoEmulator();
    const checkpoints = memoryCheckpointStore();
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints, deadLetters });
    const key = { id: 1 };
    source.push([
      { operation: 'update', key, after: { id: 1, note: 'x' }, unavailable: ['big'] },
      { operation: 'update', key, after: { id: 1, note: 'y', big: 'z' } },
    ]);
    const run = (unavailable: UnavailablePolicy): ReturnType<typeof createPipeline> =>
      createPipeline(source, certyoSink({ env: { ...emulator.environment }, unavailable }), {
        onRejected: 'park',
      });
    const parking = run('park');
    await parking.start();
    await parking.caughtUp();
    await parking.drain();
    expect(emulator.records()).toEqual([]);
    const omitting = run('omit');
    await omitting.start();
    expect(await omitting.redrive()).toEqual({ delivered: 2, stillParked: 0 });
    await omitting.drain();
    expect(emulator.records().map(({ payload }) => payload)).toEqual([
      '{"_unavailable":["big"],"id":1,"note":"x"}',
      '{"big":"z","id":1,"note":"y"}',
    ]);
  });

  test.each<readonly [unknown, string]>([
    ['drop', '`unavailable`'],
    [['omit'], '`unavailable`'],
    [{ orders: 'omit' }, '`schema.table` or `*`'],
    [{ 'public.orders': 'drop' }, "`unavailable['public.orders']`"],
  ])('refuses %j', (unavailable, message) => {
    expect(() =>
      certyoSink({ apiKey: 'k', tenantId: 't', unavailable: unavailable as UnavailablePolicy }),
    ).toThrow(message);
  });
});
