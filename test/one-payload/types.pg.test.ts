import { quoteIdentifier, quoteLiteral } from '@certyo-cdc/postgres';
import { type TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { COLUMNS, ODD_NAMES, TYPES } from './support/columns-of-every-kind.ts';
import { differences, lastShown, readEveryWay, versions } from './support/every-way.ts';
import {
  dropWriter,
  hostileDatabase,
  hostileSessions,
  makeShadows,
} from './support/hostile-sessions.ts';

const columns = [
  ...COLUMNS,
  ...ODD_NAMES.map((name, i) => ({ name, type: 'text', texts: [`odd ${i}`] })),
];
const list = columns.map(({ name }) => quoteIdentifier(name)).join(', ');
/** Enough rows that every text comes, and one of nulls. */
const ROWS = Math.max(...columns.map(({ texts }) => texts.length)) + 1;
const OWN = ['certyo_record_hash', 'certyo_anchor_status', 'certyo_verified_at'];

/** `kinds`, to be captured, and `staged`, whose rows are values that no writer's settings had a part in. */
async function makeTables(db: TestDatabase): Promise<void> {
  for (const statement of TYPES) await db.query(statement);
  const definitions = columns.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
  await db.query(`
    CREATE TABLE kinds (dropped_first text, id int PRIMARY KEY, note text, ${definitions.join(', ')},
      dropped_last app.mood DEFAULT 'sad',
      ${OWN.map((name) => `${name} text DEFAULT 'own'`).join(', ')});
    ALTER TABLE kinds DROP COLUMN dropped_first, DROP COLUMN dropped_last;
    ALTER TABLE kinds REPLICA IDENTITY FULL;
    CREATE TABLE staged (id int PRIMARY KEY, note text, ${definitions.join(', ')})`);
  for (let row = 0; row < ROWS; row += 1) {
    const values = columns.map(({ texts, type }) => {
      const text = texts.length === 1 && row + 1 < ROWS ? texts[0] : texts[row];
      return text === undefined ? 'NULL' : `${quoteLiteral(text)}::${type}`;
    });
    await db.query(`INSERT INTO staged VALUES (${row}, 'x', ${values.join(', ')})`);
  }
  // The same values for every session, in its own hundred.
  await db.query(
    `INSERT INTO staged SELECT id + 100 * s, note, ${list} FROM staged, generate_series(1, 20) s`,
  );
}

describe('I6: one row version has one payload', () => {
  test('whatever the type, whatever the settings of those who write and read', async () => {
    await using db = await testDatabase();
    await makeTables(db);
    await makeShadows(db);
    await hostileDatabase(db);
    const tables = ['public.kinds'];
    const ways = await readEveryWay({ db, tables }, async () => {
      const sessions = await hostileSessions(db, tables);
      for (const [i, { client }] of sessions.entries()) {
        const own = `WHERE id OPERATOR(pg_catalog./) 100 OPERATOR(pg_catalog.=) ${i}`;
        await client.query(`INSERT INTO public.kinds SELECT * FROM public.staged ${own}`);
        await client.query(`UPDATE public.kinds SET note = 'y' ${own}`);
        // What is none: only columns of this library change.
        await client.query(`UPDATE public.kinds SET certyo_record_hash = 'other' ${own}`);
        await client.query(`DELETE FROM public.kinds WHERE id OPERATOR(pg_catalog.=) ${i * 100}`);
      }
    });
    await dropWriter(db);

    expect(differences(ways)).toEqual([]);
    // Every version and the old rows of deletes, not only what is there in the end.
    expect(versions(ways.get('replication') ?? [])).toEqual(versions(ways.get('change log') ?? []));
    const deleted = (way: 'polling' | 'change log'): readonly string[] =>
      versions((ways.get(way) ?? []).filter(({ operation }) => operation === 'delete'));
    expect(deleted('polling')).toEqual(deleted('change log'));
    expect(deleted('polling')).toHaveLength(10);

    const last = [...lastShown(ways.get('copy') ?? []).values()];
    expect(last).toHaveLength(10 * (ROWS - 1));
    for (const { recordId, payload } of last) {
      const names = Object.keys(JSON.parse(payload) as object);
      expect(names).toHaveLength(columns.length + 2);
      // The same value is the same text, whoever wrote it.
      const same = last.find((one) => one.recordId === String(Number(recordId) % 100));
      const withoutId = (text: string | undefined): string | undefined =>
        text?.replace(/"id":\d+,/, '');
      expect(withoutId(payload)).toBe(withoutId(same?.payload));
    }
    const keys = [
      ...(last[0]?.payload.matchAll(/(?:^\{|,)("(?:zeta|\uff5e|\u{1f600}|é)"):/gu) ?? []),
    ];
    expect(keys.map(([, key]) => key)).toEqual(['"zeta"', '"é"', '"\uff5e"', '"\u{1f600}"']);
  });
});
