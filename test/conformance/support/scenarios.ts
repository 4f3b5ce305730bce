import type { PostgresServer } from '@certyo-cdc/testing';
import { type Running, same, type Scenario, until } from './capture.ts';
import { LEAST_MEMORY } from './raw-stream.ts';

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v text)';
const MANY = 3_000;

/** Rows that are more than decoding keeps in memory. */
export const manyRows = (from: number): string =>
  `INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(${from}, ${from + MANY - 1}) i`;

const told =
  (write: (running: Running) => Promise<void>, ...expected: readonly string[]) =>
  async (running: Running): Promise<void> => {
    await write(running);
    await running.reader.caughtUp();
    same(running.reader.told, expected);
  };

const LARGE = 'x'.repeat(5_000);

/** Runs statements as if replication had brought their rows. */
async function asReplica({ db }: Running, statement: string): Promise<void> {
  const client = await db.client();
  await client.query('SELECT pg_replication_origin_create($1)', [db.database]);
  await client.query('SELECT pg_replication_origin_session_setup($1)', [db.database]);
  await client.query(statement);
  await client.query('SELECT pg_replication_origin_session_reset()');
}

/** Origins are the cluster's. */
async function dropOrigin({ db }: Running): Promise<void> {
  await db.query('SELECT pg_replication_origin_drop($1)', [db.database]);
}

const plain: Scenario = {
  before: [
    `CREATE TYPE mood AS ENUM ('good')`,
    'CREATE TABLE t (id int PRIMARY KEY, v text, m mood)',
    'CREATE TABLE child (id int PRIMARY KEY REFERENCES t)',
    'CREATE TABLE f (id int PRIMARY KEY, v text)',
    'ALTER TABLE f REPLICA IDENTITY FULL',
    'CREATE TABLE large (id int PRIMARY KEY, v text, n int)',
    'ALTER TABLE large ALTER v SET STORAGE EXTERNAL',
  ],
  options: { tables: ['t', 'child', 'f', 'large'] },
  run: async (running) => {
    const { db, reader } = running;
    await db.query(`INSERT INTO t VALUES (1, NULL, 'good')`);
    await db.query(`UPDATE t SET v = 'a'`);
    await db.query('UPDATE t SET id = 2');
    await db.query('DELETE FROM t');
    await db.query(`INSERT INTO f VALUES (1, 'a')`);
    await db.query(`UPDATE f SET v = 'b'`);
    await db.query('DELETE FROM f');
    await db.query(`INSERT INTO large VALUES (1, '${LARGE}', 0)`);
    await db.query('UPDATE large SET n = 1');
    await asReplica(running, `INSERT INTO f VALUES (2, 'brought')`);
    await db.query('TRUNCATE f RESTART IDENTITY');
    await db.query('TRUNCATE t CASCADE');
    await reader.caughtUp();
    await dropOrigin(running);
    const truncated = reader.told.splice(-2);
    same(
      [...reader.told.slice(0, -2), ...truncated.sort()],
      [
        'insert t {"id":1,"m":"good","v":null}',
        'update t {"id":1,"m":"good","v":"a"}',
        'update t {"id":2,"m":"good","v":"a"}',
        'delete t {"id":2}',
        'insert f {"id":1,"v":"a"}',
        'update f {"id":1,"v":"b"}',
        'delete f {"id":1,"v":"b"}',
        `insert large {"id":1,"n":0,"v":"${LARGE}"}`,
        'update large {"_unavailable":["v"],"id":1,"n":1}',
        'insert f {"id":2,"v":"brought"}',
        'truncate f',
        'truncate child',
        'truncate t',
      ],
    );
  },
};

const streaming: Scenario = {
  before: [TABLE],
  options: { tables: ['t'], streaming: true },
  afterSetup: async (db) => void (await db.query(LEAST_MEMORY)),
  run: async ({ db, reader, tap }) => {
    const count = (fact: string): number => tap.seen.get(fact) ?? 0;
    const writer = await db.client();
    await writer.query('BEGIN');
    await writer.query(manyRows(1));
    await until('a transaction in progress is streamed', () => count('S') > 0);
    await writer.query('ROLLBACK');
    await until('its end is told', () => count('A') > 0);
    await writer.query('BEGIN');
    const before = count('I');
    await writer.query(manyRows(1));
    await writer.query('SAVEPOINT a');
    await writer.query(manyRows(MANY + 1));
    await until('rows behind the savepoint are streamed', () => count('I') > before + MANY);
    await writer.query('ROLLBACK TO a');
    await writer.query('COMMIT');
    await reader.caughtUp();
    same(
      reader.rows.map(({ key }) => key['id']),
      Array.from({ length: MANY }, (_, i) => i + 1),
    );
  },
};

const twoPhase: Scenario = {
  before: [TABLE],
  options: { tables: ['t'], twoPhase: true },
  run: told(async ({ db, reader }) => {
    await db.query(`BEGIN; INSERT INTO t VALUES (1, 'kept'); PREPARE TRANSACTION 'kept'`);
    await db.query(`BEGIN; INSERT INTO t VALUES (2, 'undone'); PREPARE TRANSACTION 'undone'`);
    await reader.caughtUp();
    same(reader.told, []);
    await db.query(`COMMIT PREPARED 'kept'`);
    await db.query(`ROLLBACK PREPARED 'undone'`);
  }, 'insert t {"id":1,"v":"kept"}'),
};

const streamedTwoPhase: Scenario = {
  before: [TABLE],
  options: { tables: ['t'], twoPhase: true, streaming: true },
  afterSetup: async (db) => void (await db.query(LEAST_MEMORY)),
  run: async ({ db, reader, tap }) => {
    const writer = await db.client();
    await writer.query('BEGIN');
    await writer.query(manyRows(1));
    await until('a transaction in progress is streamed', () => tap.seen.has('S'));
    await writer.query(`PREPARE TRANSACTION 'streamed'`);
    await until('its PREPARE is told', () => tap.seen.has('p'));
    await writer.query(`COMMIT PREPARED 'streamed'`);
    await reader.caughtUp();
    same(reader.rows.length, MANY);
  },
};

const messages: Scenario = {
  before: [TABLE],
  options: { tables: ['t'], messages: ['app'] },
  run: told(
    async ({ db }) => {
      await db.query(`SELECT pg_logical_emit_message(true, 'app', 'in a transaction')`);
      await db.query(`SELECT pg_logical_emit_message(false, 'app', 'by itself')`);
      await db.query(`SELECT pg_logical_emit_message(true, 'other', 'left out')`);
      await db.query(`INSERT INTO t VALUES (1, 'a')`);
    },
    'message',
    'message',
    'insert t {"id":1,"v":"a"}',
  ),
};

const PARTS = [
  'CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)',
  'CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)',
];

const insertOne = async ({ db }: Running): Promise<void> => {
  await db.query(`INSERT INTO t VALUES (1, 'a')`);
};

/** The ways to use the library that the table is made from. */
export const SCENARIO_NAMES = [
  'plain',
  'streaming',
  'twoPhase',
  'streamedTwoPhase',
  'messages',
  'originNone',
  'rowFilter',
  'columnList',
  'allTables',
  'schemas',
  'viaRoot',
  'leaf',
  'partitionByName',
  'someActions',
  'generated',
  'failover',
  'temporary',
  'copy',
  'backfill',
] as const;

export type ScenarioName = (typeof SCENARIO_NAMES)[number];

export const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = {
  plain,
  streaming,
  twoPhase,
  streamedTwoPhase,
  messages,
  originNone: {
    before: [TABLE],
    options: { tables: ['t'], origin: 'none' },
    run: async (running) => {
      await asReplica(running, `INSERT INTO t VALUES (1, 'brought')`);
      await running.db.query(`INSERT INTO t VALUES (2, 'own')`);
      await running.reader.caughtUp();
      await dropOrigin(running);
      same(running.reader.told, ['insert t {"id":2,"v":"own"}']);
    },
  },
  rowFilter: {
    before: [TABLE],
    options: { tables: [{ name: 't', where: 'id > 1' }] },
    run: told(
      ({ db }) => db.query(`INSERT INTO t VALUES (1, 'a'), (2, 'b')`).then(() => undefined),
      'insert t {"id":2,"v":"b"}',
    ),
  },
  columnList: {
    before: [TABLE],
    options: { tables: [{ name: 't', columns: ['id'] }] },
    run: told(insertOne, 'insert t {"id":1}'),
  },
  allTables: {
    before: [TABLE, 'CREATE PUBLICATION certyo_cdc FOR ALL TABLES'],
    options: { tables: ['t'] },
    run: told(insertOne, 'insert t {"id":1,"v":"a"}'),
  },
  schemas: {
    before: ['CREATE SCHEMA s'],
    options: { schemas: ['s'] },
    run: told(async ({ db }) => {
      await db.query('CREATE TABLE s.t (id int PRIMARY KEY)');
      await db.query('INSERT INTO s.t VALUES (1)');
    }, 'insert t {"id":1}'),
  },
  viaRoot: {
    before: PARTS,
    options: { tables: ['p'] },
    run: told(
      async ({ db }) => void (await db.query('INSERT INTO p VALUES (1)')),
      'insert p {"id":1}',
    ),
  },
  leaf: {
    before: PARTS,
    options: { tables: ['p'], partitions: 'leaf' },
    run: told(
      async ({ db }) => void (await db.query('INSERT INTO p VALUES (1)')),
      'insert p1 {"id":1}',
    ),
  },
  partitionByName: {
    before: PARTS,
    options: { tables: ['p1'] },
    run: told(
      async ({ db }) => void (await db.query('INSERT INTO p VALUES (1)')),
      'insert p1 {"id":1}',
    ),
  },
  someActions: {
    before: [TABLE],
    options: { tables: ['t'] },
    afterSetup: async (db) =>
      void (await db.query(`ALTER PUBLICATION certyo_cdc SET (publish = 'insert')`)),
    run: insertOne,
  },
  generated: {
    before: ['CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED)'],
    options: { tables: ['t'], includeGenerated: true },
    run: async ({ db, reader }) => {
      await db.query('INSERT INTO t VALUES (1)');
      await reader.caughtUp();
      same(reader.told, [`insert t {${db.major >= 18 ? '"g":2,' : ''}"id":1}`]);
    },
  },
  failover: {
    before: [TABLE],
    options: { tables: ['t'], failover: true },
    run: async (running) => {
      await told(insertOne, 'insert t {"id":1,"v":"a"}')(running);
      const sql = 'SELECT failover FROM pg_replication_slots WHERE slot_name = $1';
      same(await running.db.query(sql, [running.db.database]), [{ failover: true }]);
    },
  },
  temporary: {
    before: [TABLE],
    options: { tables: ['t'] },
    afterSetup: async (db) => {
      const client = await db.client();
      await client.query('SELECT pg_drop_replication_slot($1)', [db.database]);
      const make = "SELECT pg_create_logical_replication_slot($1, 'pgoutput', true)";
      await client.query(make, [db.database]);
    },
    run: insertOne,
  },
  copy: {
    before: [TABLE, `INSERT INTO t VALUES (1, 'copied')`],
    options: { tables: ['t'], copy: true },
    run: told(
      ({ db }) => db.query(`INSERT INTO t VALUES (2, 'streamed')`).then(() => undefined),
      'snapshot t {"id":1,"v":"copied"}',
      'insert t {"id":2,"v":"streamed"}',
    ),
  },
  backfill: {
    before: [TABLE, `INSERT INTO t VALUES (1, 'copied')`],
    options: { tables: ['t'] },
    afterSetup: async (_, source) => void (await source.backfill({ tables: ['t'] })),
    run: async ({ source, reader }) => {
      const asked = await source.backfills();
      const done = Promise.all(asked.map((backfill) => backfill.done));
      const acknowledging = setInterval(() => {
        if (reader.end !== null) void reader.stream.acknowledge(reader.end);
      }, 20);
      try {
        await Promise.race([
          done,
          reader.ended().then((error) => {
            throw error;
          }),
        ]);
      } finally {
        clearInterval(acknowledging);
      }
      same(asked.length, 1);
      same(reader.told, ['snapshot t {"id":1,"v":"copied"}']);
    },
  },
};

/** A server that can do what the scenarios ask for. */
export const CONFORMANCE_SETTINGS: Parameters<PostgresServer['start']>[0] = {
  max_prepared_transactions: 10,
};
