import { quoteIdentifier, quoteLiteral } from '@certyo-cdc/postgres';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { differences, lastShown, readEveryWay, versions, WAYS } from './support/every-way.ts';
import { NAMED_TYPES, NAMED_TYPES_SQL, type NamedType } from './support/named-types.ts';

const LARGE = 'large '.repeat(20_000);

/** Rows of edges that come behind that of the first values, and the one of nulls. */
const EDGES = Math.max(...NAMED_TYPES.map(({ edges }) => edges.length));
const NULLS = EDGES + 2;

/** The payload as docs/values.md wants it: keys in the order of their bytes, which are ASCII here. */
function payload(id: number, note: string, valueOf: (type: NamedType) => string): string {
  const values = [
    ['id', String(id)],
    ['large', JSON.stringify(LARGE)],
    ['note', `"${note}"`],
    ...NAMED_TYPES.map((one) => [one.type, valueOf(one)]),
  ];
  values.sort(([left = ''], [right = '']) => (left < right ? -1 : 1));
  return `{${values.map(([name = '', json = '']) => `"${name}":${json}`).join(',')}}`;
}

describe('I6: one row version has one payload', () => {
  test('every type that is named, in stream and copy, as it is written by hand', async () => {
    await using db = await testDatabase();
    for (const statement of NAMED_TYPES_SQL) await db.query(statement);
    const columns = NAMED_TYPES.map(({ type }) => `${quoteIdentifier(type)} ${type}`).join(', ');
    for (const table of ['whole', 'keyed']) {
      await db.query(
        `CREATE TABLE ${table} (id int PRIMARY KEY, note text, large text, ${columns});
         ALTER TABLE ${table} ALTER large SET STORAGE EXTERNAL`,
      );
    }
    await db.query('ALTER TABLE whole REPLICA IDENTITY FULL');
    const tables = ['public.whole', 'public.keyed'];
    const ways = await readEveryWay({ db, tables }, async () => {
      for (const table of tables) {
        for (let id = 1; id <= NULLS; id += 1) {
          const values = NAMED_TYPES.map(({ type, text, edges }) => {
            if (id === NULLS) return 'NULL';
            const value = id === 1 ? text : edges[id - 2];
            return value === undefined ? 'NULL' : `${quoteLiteral(value)}::${type}`;
          });
          const all = [String(id), `'a'`, quoteLiteral(LARGE), ...values].join(', ');
          await db.query(`INSERT INTO ${table} VALUES (${all})`);
        }
        await db.query(`UPDATE ${table} SET note = 'b'`);
      }
    });

    // Under REPLICA IDENTITY FULL the large value that the update left alone comes from the old row.
    const first = ['a', 'b'].map((note) => payload(1, note, ({ json }) => json));
    const nulls = ['a', 'b'].map((note) => payload(NULLS, note, () => 'null'));
    const streamed = (ways.get('replication') ?? []).filter((one) => one.table === 'public.whole');
    const shown = (id: number): readonly string[] =>
      streamed.filter((one) => one.recordId === String(id)).map((one) => one.payload);
    expect(shown(1)).toEqual(first);
    expect(shown(NULLS)).toEqual(nulls);
    for (const way of WAYS.filter((one) => one !== 'replication')) {
      const last = lastShown(ways.get(way) ?? []);
      for (const table of tables) {
        expect(last.get(`${table} 1`)?.payload, way).toBe(first[1]);
        expect(last.get(`${table} ${NULLS}`)?.payload, way).toBe(nulls[1]);
      }
    }

    // What is copied has come as rows that were there, and not by the stream.
    for (const way of ['first copy', 'backfill'] as const) {
      const operations = new Set((ways.get(way) ?? []).map(({ operation }) => operation));
      expect([...operations]).toEqual(['snapshot']);
    }

    // All rows, edges too, and every version of them.
    const wholeOf = (way: (typeof WAYS)[number]) =>
      (ways.get(way) ?? []).filter((one) => one.table === 'public.whole');
    const whole = new Map(WAYS.map((way) => [way, wholeOf(way)]));
    expect(differences(whole)).toEqual([]);
    expect(versions(whole.get('replication') ?? [])).toEqual(
      versions(whole.get('change log') ?? []),
    );
    for (const way of WAYS) expect(lastShown(whole.get(way) ?? []).size).toBe(NULLS);

    // Under the default identity the update does not show it: it is named, and neither null nor an older value.
    const updates = (ways.get('replication') ?? []).filter(
      (one) => one.table === 'public.keyed' && one.operation === 'update',
    );
    expect(updates).toHaveLength(NULLS);
    const large = `"large":${JSON.stringify(LARGE)},`;
    const unavailable = first[1]?.replace(large, '').replace('{', '{"_unavailable":["large"],');
    expect(updates[0]?.payload).toBe(unavailable);
    const others = new Map(ways);
    others.delete('replication');
    expect(differences(others)).toEqual([]);
  });
});
