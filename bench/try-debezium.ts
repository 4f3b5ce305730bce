import { createServer } from 'node:http';
import { startPostgres } from '@certyo-cdc/testing';
import { openDebezium } from './yardsticks/debezium/debezium.ts';
const ROWS = Number(process.argv[2] ?? 50000);
let bytes = 0,
  requests = 0,
  first = '';
const server = createServer((req, res) => {
  requests++;
  let own = '';
  req.on('data', (d) => {
    bytes += d.length;
    if (requests === 1) own += d;
  });
  req.on('end', () => {
    if (own) first ||= own;
    res.writeHead(202, { 'content-type': 'application/json' });
    res.end('{}');
  });
});
server.keepAliveTimeout = 60000;
await new Promise<void>((r) => server.listen(0, '127.0.0.1', () => r()));
const port = (server.address() as { port: number }).port;
{
  await using pg = await startPostgres({ major: 18 });
  await using db = await pg.createDatabase();
  await db.query(
    'CREATE TABLE bench_rows(id bigserial primary key, name text, email text, amount numeric(12,2), quantity int, active bool, attributes jsonb, created_at timestamptz, updated_at timestamptz)',
  );
  await db.query('CREATE PUBLICATION p FOR TABLE bench_rows');
  const n = Number(process.argv[3] ?? 1);
  for (let i = 0; i < n; i++)
    await db.query(`SELECT pg_create_logical_replication_slot('dbz${i}', 'pgoutput')`);
  for (let i = 0; i < ROWS / 1000; i++)
    await db.query(
      `INSERT INTO bench_rows(name,email,amount,quantity,active,attributes,created_at,updated_at) SELECT 'name '||g, 'u'||g||'@example.com', g*1.25, g, g%2=0, jsonb_build_object('a', g, 'list', jsonb_build_array(1,2,3)), now(), now() FROM generate_series(1,1000) g`,
    );
  const d = await openDebezium({ say: console.log, signal: new AbortController().signal });
  if (typeof d === 'string') throw new Error(d);
  console.log(d.version);
  for (let i = 0; i < n; i++) {
    const m = await d.run({
      database: db.url,
      slot: 'dbz' + i,
      publication: 'p',
      table: 'public.bench_rows',
      receiver: `http://127.0.0.1:${port}/bulk`,
      rows: ROWS,
      signal: new AbortController().signal,
    });
    console.log(m, ROWS / m.seconds, requests, bytes / ROWS);
  }
  console.log(first.slice(0, 1500));
}
server.close();
server.closeAllConnections();
