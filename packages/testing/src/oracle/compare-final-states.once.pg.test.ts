import { describe, expect, test } from 'vitest';

import type { CertyoEffect } from '../certyo/inspection.ts';
import type { TestDatabase } from '../postgres/test-database.ts';
import { testDatabase } from '../vitest/test-database.ts';
import { installHistory } from './committed-history.ts';
import { compareFinalStates, type FinalStateOptions } from './compare-final-states.ts';
import type { HistoryTable } from './history-table.ts';

const TABLES: readonly HistoryTable[] = [
  { schema: 'public', name: 'item', key: ['id'] },
  { schema: 'public', name: 'Part of', key: ['a', 'b'] },
];

const ROW = '{"amount":"1.50","deleted_at":null,"doc":{"n":1.0},"id":1,"note":';

/** A database in which a few rows have changed again and again. */
async function database(): Promise<TestDatabase> {
  const db = await testDatabase();
  await db.query(`CREATE TABLE item (id int PRIMARY KEY, note text, amount numeric, doc json, deleted_at timestamptz,
    certyo_xid int DEFAULT 7, twice int GENERATED ALWAYS AS (id * 2) STORED)`);
  await db.query('CREATE TABLE "Part of" (a int, b text, PRIMARY KEY (a, b))');
  await installHistory((sql, values) => db.query(sql, values), TABLES);
  await db.query(`INSERT INTO item VALUES (1, 'one', 1.50, '{"n": 1.0}')`);
  await db.query(`UPDATE item SET note = 'two'`);
  await db.query(`UPDATE item SET note = 'one'`);
  await db.query(`UPDATE item SET note = 'three'`);
  await db.query(`INSERT INTO "Part of" VALUES (1, 'x'), (1, 'y')`);
  await db.query(`DELETE FROM "Part of" WHERE b = 'x'`);
  return db;
}

let sequence = 0;

function effect(
  collection: string,
  recordId: string,
  recordVersion: string,
  operationType: 'upsert' | 'delete',
  payload: string,
): CertyoEffect {
  return {
    sequence: (sequence += 1),
    tenantId: 't',
    clientId: null,
    database: 'd',
    collection,
    recordId,
    recordVersion,
    operationType,
    payload,
    recordHash: '',
    idempotencyKey: null,
    sourceTimestamp: null,
    receivedAt: '',
    attempts: 2,
    snapshotId: '',
    status: 'Anchored',
  };
}

const item = (version: string, note: string): CertyoEffect =>
  effect('public.item', '1', version, 'upsert', `${ROW}"${note}"}`);
const REST: readonly CertyoEffect[] = [
  effect('public."Part of"', '["1","x"]', '1', 'delete', '{"a":1,"b":"x"}'),
  effect('public."Part of"', '["1","y"]', '1', 'upsert', '{"a":1,"b":"y"}'),
];

async function errors(
  effects: readonly CertyoEffect[],
  options?: FinalStateOptions,
): Promise<Readonly<Record<string, number>>> {
  await using db = await database();
  const { lost, duplicated, reordered, mismatched } = await compareFinalStates(
    (sql, values) => db.query(sql, values),
    TABLES,
    effects,
    options,
  );
  const all = { lost, duplicated, reordered, mismatched };
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count !== 0));
}

describe(compareFinalStates, () => {
  test('is content with the final states, whatever was seen on the way', async () => {
    await using db = await database();
    const query = db.query.bind(db);
    const comparison = await compareFinalStates(
      query,
      TABLES,
      [item('1', 'one'), item('3', 'one'), item('4', 'three'), ...REST],
      { fullRows: new Set(['public."Part of"']) },
    );
    expect(comparison).toEqual({
      committed: 3,
      delivered: 3,
      accepted: 3,
      anchored: 3,
      effects: 5,
      attempts: 10,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      mismatched: 0,
      examples: [],
      byCollection: {
        'public.item': { committed: 1, accepted: 1, anchored: 1, records: 1 },
        'public."Part of"': { committed: 2, accepted: 2, anchored: 2, records: 2 },
      },
    });
  });

  test('finds what is lost: a record, a last change, a delete', async () => {
    expect(await errors(REST)).toEqual({ lost: 1 });
    expect(await errors([item('1', 'two'), ...REST])).toEqual({ lost: 1 });
    expect(await errors([item('1', 'three'), ...REST.slice(1)])).toEqual({ lost: 1 });
  });

  test('asks for no delete that a source cannot see', async () => {
    const held = [item('1', 'three'), ...REST.slice(1)];
    expect(await errors(held, { deletes: 'of-held' })).toEqual({});
    expect(await errors(held, { deletes: 'none' })).toEqual({});
    const stale = effect('public."Part of"', '["1","x"]', '0', 'upsert', '{"a":1,"b":"x"}');
    expect(await errors([stale, ...held], { deletes: 'of-held' })).toEqual({ lost: 1 });
    expect(await errors([stale, ...held], { deletes: 'none' })).toEqual({});
  });

  test('finds a version that is held twice, a state that is, and a record that never was', async () => {
    const whole = [item('1', 'two'), item('2', 'three'), ...REST];
    expect(await errors([...whole, item('2', 'three')])).toEqual({ duplicated: 1 });
    expect(await errors([...whole, item('3', 'three')])).toEqual({ duplicated: 1 });
    const never = effect(
      'public.item',
      '2',
      '1',
      'upsert',
      `${ROW}"one"}`.replace('"id":1', '"id":2'),
    );
    expect(await errors([...whole, never])).toEqual({ duplicated: 1 });
  });

  test('finds what came in another order than it was committed', async () => {
    const late = item('1', 'two');
    expect(await errors([item('2', 'three'), { ...late, sequence: 1e9 }, ...REST])).toEqual({
      reordered: 1,
    });
    expect(
      await errors([
        item('1', 'one'),
        item('2', 'one'),
        item('3', 'two'),
        item('4', 'three'),
        ...REST,
      ]),
    ).toEqual({ reordered: 1 });
  });

  test('finds a state that was never committed, to the last digit', async () => {
    expect(await errors([item('1', 'ghost'), item('2', 'three'), ...REST])).toEqual({
      mismatched: 1,
    });
    const digits = item('1', 'three');
    const payload = digits.payload.replace('1.50', '1.5');
    expect(await errors([{ ...digits, payload }, ...REST])).toEqual({ lost: 1, mismatched: 1 });
  });

  test('counts a record as deleted when its column says so', async () => {
    await using db = await database();
    await db.query('UPDATE item SET deleted_at = now()');
    const last = item('1', 'three');
    const gone = effect('public.item', '1', '5', 'delete', '{"id":1}');
    const compare = async (effects: readonly CertyoEffect[]): Promise<number> => {
      const options = { softDeletes: { 'public.item': 'deleted_at' } };
      const query = db.query.bind(db);
      const comparison = await compareFinalStates(query, TABLES, effects, options);
      expect(comparison.mismatched + comparison.duplicated + comparison.reordered).toBe(0);
      return comparison.lost;
    };
    expect(await compare([last, gone, ...REST])).toBe(0);
    expect(await compare([last, ...REST])).toBe(1);
  });
});
