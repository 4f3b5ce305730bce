import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { loadDatasets } from '../../examples/demo/src/datasets.ts';
import { createTables } from '../../examples/demo/src/workload.ts';
import { differences, lastShown, readEveryWay, WAYS } from './support/every-way.ts';
import { dropWriter, hostileSessions, makeShadows } from './support/hostile-sessions.ts';
import { randomColumns, randomRow, seed } from './support/random-rows.ts';
import { TYPES } from './support/columns-of-every-kind.ts';
import { quoteIdentifier } from '@certyo-cdc/postgres';

/** A twentieth by default. */
const ROWS = Math.ceil(250 * Number(process.env['CAMPAIGN_SCALE'] ?? '1'));

describe('I6: one row version has one payload', () => {
  test('every row of the demo’s tables', async () => {
    await using db = await testDatabase();
    const datasets = await loadDatasets();
    await createTables(await db.client(), datasets);
    await makeShadows(db);
    await db.query('CREATE TABLE staged ()');
    const tables = datasets.map(({ schema, name }) => `${schema}.${name}`);
    const ways = await readEveryWay({ db, tables }, async () => {
      const sessions = await hostileSessions(db, tables);
      for (const { name, key, columns, rows, update } of datasets) {
        const width = rows[0]?.length ?? 0;
        const names = columns.slice(0, width).map(([column]) => column);
        // In turn, a page of rows for each session.
        const size = Math.ceil(rows.length / (3 * sessions.length));
        for (let at = 0; at < rows.length; at += size) {
          const session = sessions[(at / size) % sessions.length];
          const page = rows.slice(at, at + size);
          // What a session's encoding does not have it cannot write.
          const isLatin = page.every((row) => /^[\0-\xff]*$/u.test(row.join('')));
          const writer = session?.about === 'another encoding' && !isLatin ? sessions[0] : session;
          const values = page.map(
            (_, i) => `(${names.map((_name, j) => `$${i * width + j + 1}`).join(', ')})`,
          );
          await writer?.client.query(
            `INSERT INTO public.${name} (${names.join(', ')}) VALUES ${values.join(', ')} ON CONFLICT DO NOTHING`,
            page.flat(),
          );
        }
        for (const [i, { client }] of sessions.entries()) {
          await client.query(
            `SET search_path = pg_catalog; UPDATE public.${name} SET ${update[0]} = ${update[1]} WHERE abs(hashtext(${key[0] ?? ''}::text)) % 40 = ${i}`,
          );
        }
      }
    });
    await dropWriter(db);
    expect(differences(ways)).toEqual([]);
    const [count] = await db.query<{ rows: number }>(
      `SELECT (${tables.map((table) => `(SELECT count(*) FROM ${table})`).join(' + ')})::int AS rows`,
    );
    expect(count?.rows).toBeGreaterThan(8_000);
    for (const way of WAYS) expect(lastShown(ways.get(way) ?? []).size).toBe(count?.rows);
  });

  test(`random rows (seed ${seed})`, async () => {
    await using db = await testDatabase();
    for (const statement of TYPES) await db.query(statement);
    await makeShadows(db);
    const columns = randomColumns();
    const definitions = columns.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
    const list = definitions.join(', ');
    await db.query(
      `CREATE TABLE random (id int PRIMARY KEY, ${list}); ALTER TABLE random REPLICA IDENTITY FULL`,
    );
    await db.query(`CREATE TABLE staged (id int PRIMARY KEY, ${list})`);
    const marks = columns.map(({ type }, i) => `$${i + 2}::${type}`);
    for (let id = 0; id < ROWS; id += 1)
      await db.query(`INSERT INTO staged VALUES ($1, ${marks.join(', ')})`, [id, ...randomRow(id)]);
    const tables = ['public.random'];
    const ways = await readEveryWay({ db, tables }, async () => {
      const sessions = await hostileSessions(db, tables);
      for (const [i, { client }] of sessions.entries()) {
        const mine = `WHERE id OPERATOR(pg_catalog.%) ${sessions.length} OPERATOR(pg_catalog.=) ${i}`;
        await client.query(`INSERT INTO public.random SELECT * FROM public.staged ${mine}`);
        await client.query(
          `UPDATE public.random SET id = id OPERATOR(pg_catalog.+) 1000000 ${mine}`,
        );
      }
    });
    await dropWriter(db);
    expect(differences(ways)).toEqual([]);
    expect(lastShown(ways.get('copy') ?? []).size).toBe(ROWS);
  });
});
