import { spawn } from 'node:child_process';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  startCertyoEmulator,
  startPostgres,
  type CertyoEmulator,
  type PostgresServer,
  type TestDatabase,
} from '@certyo-cdc/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../examples/own-database/src/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

let postgres: PostgresServer;
let emulator: CertyoEmulator;
let database: TestDatabase;
const servers: Server[] = [];

beforeAll(async () => {
  [postgres, emulator] = await Promise.all([
    startPostgres({ password: 'right' }),
    startCertyoEmulator(),
  ]);
  database = await postgres.createDatabase();
  await database.query('CREATE TABLE orders (id int PRIMARY KEY)');
  await database.query('CREATE TABLE no_key (v int)');
  await database.query("CREATE ROLE weak LOGIN PASSWORD 'weak'");
  await database.query(`GRANT CREATE ON DATABASE ${database.database} TO weak`);
});

afterAll(async () => {
  for (const server of servers) server.close();
  await postgres[Symbol.asyncDispose]();
  await emulator[Symbol.asyncDispose]();
});

/** Runs the example as a person would; `until` names what it prints before it is interrupted, or is waited for. */
function run(
  env: Environment,
  args: readonly string[] = [],
  until?: RegExp | Promise<unknown>,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env },
      timeout: 120_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    let interrupted = false;
    const interrupt = (): void => {
      interrupted = true;
      child.kill('SIGINT');
      // For an end that waits for an API which is away; any other is over by then.
      setTimeout(() => child.kill('SIGINT'), 5_000).unref();
    };
    if (until instanceof Promise) void until.finally(interrupt);
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
      if (until instanceof RegExp && !interrupted && until.test(stderr)) interrupt();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const ORDERS = ['--tables', 'public.orders'];
const good = (): Environment => ({ PG_DSN: database.url, ...emulator.environment });

/** The lines without a time before them: what is not progress. */
function messageOf({ stderr }: Outcome): string {
  return stderr
    .split('\n')
    .filter((line) => line !== '' && !/^\d\d:\d\d:\d\d {2}/u.test(line))
    .join('\n');
}

function expectMessage(outcome: Outcome, ...parts: readonly (string | RegExp)[]): void {
  const message = messageOf(outcome);
  for (const part of parts) expect(message).toMatch(part);
  expect(message).not.toMatch(/^\s+at /mu);
  expect(message.match(/^[A-Z_]+: /gmu) ?? []).toHaveLength(1);
  expect(outcome.code).toBe(1);
}

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

const http = async (listener: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(createServer(listener))}`;

describe('the command line and the environment', () => {
  test.each([
    [['--tabels', 'x'], 'Unknown option'],
    [[], 'No table is named'],
  ])('%j is refused with 2', async (args, message) => {
    const outcome = await run({}, args);
    expect(outcome.code).toBe(2);
    expect(messageOf(outcome)).toContain(message);
  });

  test('a negative number is refused by its option', async () => {
    expectMessage(await run(good(), [...ORDERS, '--slot-wait-ms=-1']), /`slotWaitMs`.*`-1`/u);
  });

  test.each([
    ['everything', [], 'PG_DSN'],
    ['CERTYO_API_KEY', ['PG_DSN'], 'CERTYO_API_KEY'],
    ['CERTYO_TENANT_ID', ['PG_DSN', 'CERTYO_API_KEY'], 'CERTYO_TENANT_ID'],
  ])('without %s the variable is named', async (_, names, missing) => {
    const env = Object.fromEntries(names.map((name) => [name, good()[name]]));
    expectMessage(await run(env, ORDERS), 'CONFIG_INVALID', missing);
  });

  test('a base URL of another scheme is refused', async () => {
    expectMessage(await run({ ...good(), CERTYO_BASE_URL: 'ftp://x' }, ORDERS), 'CERTYO_BASE_URL');
  });
});

describe('the database', () => {
  const against = (url: string, tables = 'public.orders'): Promise<Outcome> =>
    run({ ...good(), PG_DSN: url }, ['--tables', tables]);

  test('no server', async () => {
    const outcome = await against('postgresql://postgres@127.0.0.1:1/x');
    expectMessage(outcome, 'SOURCE_UNREACHABLE', '127.0.0.1:1', 'check host and port');
  });

  test('a wrong password', async () => {
    const outcome = await against(postgres.urlOf(database.database, 'postgres', 'Wrong-1'));
    expectMessage(outcome, 'SOURCE_LOGIN_REFUSED', 'Check user, password');
    expect(outcome.stderr).not.toContain('Wrong-1');
  });

  test('TLS is required and not offered', async () => {
    expectMessage(await against(`${database.url}?sslmode=require`), 'SOURCE_TLS', 'ssl = on');
  });

  test('wal_level is replica', async () => {
    await using plain = await startPostgres({ settings: { wal_level: 'replica' } });
    await using other = await plain.createDatabase();
    await other.query('CREATE TABLE orders (id int PRIMARY KEY)');
    expectMessage(await against(other.url), "ALTER SYSTEM SET wal_level = 'logical'");
  });

  test('a role without REPLICATION', async () => {
    await database.query('CREATE TABLE weak_orders (id int PRIMARY KEY)');
    await database.query('ALTER TABLE weak_orders OWNER TO weak');
    const outcome = await run(
      { ...good(), PG_DSN: postgres.urlOf(database.database, 'weak', 'weak') },
      ['--tables', 'public.weak_orders', '--slot', 'weak'],
    );
    expectMessage(outcome, 'SOURCE_SETUP', 'ALTER ROLE "weak" REPLICATION;');
    await database.query('DROP SCHEMA IF EXISTS certyo CASCADE');
  });

  test('a table without a key', async () => {
    expectMessage(await against(database.url, 'public.no_key'), 'REPLICA IDENTITY FULL');
  });

  test('a table that is not there', async () => {
    expectMessage(await against(database.url, 'public.order'), 'did you mean public.orders');
  });

  test('R-30: a pooler that refuses replication settings', async () => {
    const text = 'SERROR\0C08P01\0Munsupported startup parameter: options\0\0';
    const answer = Buffer.alloc(5);
    answer.write('E');
    answer.writeInt32BE(text.length + 4, 1);
    const port = await listen(
      createTcpServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.end(Buffer.concat([answer, Buffer.from(text)])));
      }),
    );
    const outcome = await against(`postgresql://postgres@127.0.0.1:${port}/x?sslmode=disable`);
    expectMessage(outcome, 'pooler such as PgBouncer', 'Connect to PostgreSQL itself');
  });
});

describe('the API', () => {
  /** Sets up, leaves one more change waiting, and runs against an API that is wrong. */
  async function against(env: Environment, until?: RegExp): Promise<Outcome> {
    if (await isNotSetUp()) await run(good(), ORDERS, /is running/u);
    await database.query('INSERT INTO orders SELECT count(*) + 1 FROM orders');
    const before = await checkpoints();
    const outcome = await run({ ...good(), ...env }, ORDERS, until);
    expect(await checkpoints()).toEqual(before);
    return outcome;
  }

  const isNotSetUp = async (): Promise<boolean> =>
    (
      await database.query(
        "SELECT FROM pg_replication_slots WHERE database = current_database() AND slot_name = 'certyo_cdc'",
      )
    ).length === 0;
  const checkpoints = async (): Promise<unknown> =>
    database.query('SELECT name, position FROM certyo.checkpoints');

  test('another tenant', async () => {
    const outcome = await against({ CERTYO_TENANT_ID: 'other' });
    expectMessage(outcome, 'API_KEY_REFUSED', 'CERTYO_TENANT_ID');
  });

  test('a redirect', async () => {
    const url = await http((_, response) => {
      response.writeHead(302, { location: 'https://elsewhere.example/' }).end();
    });
    expectMessage(await against({ CERTYO_BASE_URL: url }), 'REDIRECT_REFUSED', 'base URL');
  });

  test('a page of a proxy instead of JSON: says so and tries again', async () => {
    const url = await http((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>');
    });
    const { stderr } = await against({ CERTYO_BASE_URL: url }, /not JSON: a proxy/u);
    expect(stderr).toContain('come again at the next start');
  });

  test('an API that is down: says so, tries again, and nothing is lost', async () => {
    const { stderr } = await against(
      { CERTYO_BASE_URL: 'http://127.0.0.1:1' },
      /ECONNREFUSED.*CERTYO_BASE_URL/u,
    );
    expect(stderr).toContain('come again at the next start');
    const committed = await database.query('SELECT FROM orders');
    await run(good(), ORDERS, new RegExp(`records delivered: ${committed.length}`, 'u'));
    expect(emulator.counters.effects).toBe(committed.length);
  });

  test('a slot that is in use', async () => {
    let letGo = (): void => {};
    const released = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const holder = run(good(), ORDERS, released);
    await expect
      .poll(async () =>
        database.query(
          "SELECT FROM pg_replication_slots WHERE slot_name = 'certyo_cdc' AND active",
        ),
      )
      .toHaveLength(1);
    const outcome = await run(good(), [...ORDERS, '--slot-wait-ms', '500']);
    letGo();
    expectMessage(outcome, 'SOURCE_BUSY', 'Stop the other instance');
    expect((await holder).code).toBe(0);
  });
});
