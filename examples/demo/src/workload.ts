import type { Client } from 'pg';
import type { Dataset } from './datasets.ts';

/** Makes the empty tables. */
export async function createTables(client: Client, datasets: readonly Dataset[]): Promise<void> {
  for (const { name, columns } of datasets) {
    const list = columns.map(([column, definition]) => `${column} ${definition}`).join(', ');
    await client.query(`CREATE TABLE ${name} (${list})`);
  }
  // The whole old row in updates and deletes, for one table.
  await client.query('ALTER TABLE earthquakes REPLICA IDENTITY FULL');
}

/** A transaction of the workload. */
type Step = (client: Client) => Promise<void>;

const INSERT_PAGE = 40;

/**
 * All that happens to the tables, as transactions in a fixed order: inserts of every row, updates, deletes,
 * transactions over several tables, and some that are rolled back.
 */
export function planWorkload(datasets: readonly Dataset[]): readonly Step[] {
  const pages = datasets.map((dataset) => chunk(dataset.rows, INSERT_PAGE));
  const steps: Step[] = [];
  const rounds = Math.max(...pages.map((list) => list.length));
  for (let round = 0; round < rounds; round++) {
    for (const [i, dataset] of datasets.entries()) {
      const rows = pages[i]?.[round];
      if (rows === undefined) continue;
      steps.push((client) => insertRows(client, dataset, rows));
      const earlier = pages[i]?.[round - 1];
      if (earlier === undefined) continue;
      steps.push((client) => updateRows(client, dataset, earlier.slice(0, 12)));
      if (round % 4 === 0) steps.push((client) => deleteRows(client, dataset, earlier.slice(-3)));
      if (round % 7 === 0) steps.push((client) => rolledBack(client, dataset, earlier));
    }
    if (round % 3 === 0) steps.push((client) => overAllTables(client, datasets, pages, round));
  }
  return steps;
}

async function insertRows(
  client: Client,
  dataset: Dataset,
  rows: readonly (readonly (string | null)[])[],
): Promise<void> {
  const width = rows[0]?.length ?? 0;
  const names = dataset.columns.slice(0, width).map(([name]) => name);
  const values = rows.map(
    (_, i) => `(${names.map((_name, j) => `$${i * width + j + 1}`).join(', ')})`,
  );
  await client.query(
    `INSERT INTO ${dataset.name} (${names.join(', ')}) VALUES ${values.join(', ')} ON CONFLICT DO NOTHING`,
    rows.flat(),
  );
}

async function updateRows(
  client: Client,
  dataset: Dataset,
  rows: readonly (readonly (string | null)[])[],
): Promise<void> {
  const [column, expression] = dataset.update;
  await client.query(
    `UPDATE ${dataset.name} SET ${column} = ${expression} WHERE ${isOneOf(dataset)}`,
    [keysOf(dataset, rows)],
  );
}

async function deleteRows(
  client: Client,
  dataset: Dataset,
  rows: readonly (readonly (string | null)[])[],
): Promise<void> {
  await client.query(`DELETE FROM ${dataset.name} WHERE ${isOneOf(dataset)}`, [
    keysOf(dataset, rows),
  ]);
}

/** One transaction over all tables, with a savepoint that is rolled back. */
async function overAllTables(
  client: Client,
  datasets: readonly Dataset[],
  pages: readonly (readonly (readonly (readonly (string | null)[])[])[])[],
  round: number,
): Promise<void> {
  await client.query('BEGIN');
  for (const [i, dataset] of datasets.entries()) {
    const rows = pages[i]?.[round % 5] ?? [];
    await updateRows(client, dataset, rows.slice(0, 8));
    await client.query('SAVEPOINT half_way');
    await deleteRows(client, dataset, rows);
    await client.query('ROLLBACK TO SAVEPOINT half_way');
    await updateRows(client, dataset, rows.slice(4, 10));
  }
  await client.query('COMMIT');
}

async function rolledBack(
  client: Client,
  dataset: Dataset,
  rows: readonly (readonly (string | null)[])[],
): Promise<void> {
  await client.query('BEGIN');
  await deleteRows(client, dataset, rows);
  await client.query('ROLLBACK');
}

function isOneOf(dataset: Dataset): string {
  return `ARRAY[${dataset.key.map((column) => `${column}::text`).join(', ')}]::text = ANY ($1::text[])`;
}

function keysOf(
  dataset: Dataset,
  rows: readonly (readonly (string | null)[])[],
): readonly string[] {
  return rows.map((row) => `{${dataset.key.map((_, i) => row[i] ?? '').join(',')}}`);
}

function chunk<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}
