import { once } from 'node:events';
import { type AddressInfo, connect as dial, createServer, type Server } from 'node:net';

import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { connect } from './connect.ts';
import { resolveConnection } from './resolve-connection.ts';
import { sqlSession } from './sql-session.ts';

const { signal } = new AbortController();
const STAMP = "SELECT '2026-02-01 00:00:00+00'::timestamptz AS stamp";

/** ErrorResponse: FATAL 08P01, in PgBouncer's words. */
function refusal(parameter: string): Buffer {
  const fields = `SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: ${parameter}\0\0`;
  const body = Buffer.from(fields, 'latin1');
  const head = Buffer.alloc(5, 'E');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/**
 * Passes connections on to a real server, but treats start-up packets as PgBouncer does: `options` is refused, or with
 * ignore_startup_parameters dropped in silence; `replication` is refused.
 */
async function startPooler(
  target: { readonly host: string; readonly port: number },
  how: 'refuses' | 'drops',
): Promise<Server> {
  const pooler = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', function first(packet: Buffer) {
      if (packet.readInt32BE(4) === 80_877_103) {
        socket.write('N');
        return;
      }
      socket.off('data', first);
      const words = packet.subarray(8).toString().split('\0');
      const pairs: [string, string][] = [];
      for (let at = 0; words[at] !== '' && at < words.length; at += 2)
        pairs.push([words[at] ?? '', words[at + 1] ?? '']);
      const refused = ['replication', ...(how === 'refuses' ? ['options'] : [])];
      const bad = pairs.find(([name]) => refused.includes(name));
      if (bad !== undefined) {
        socket.end(refusal(bad[0]));
        return;
      }
      const kept = pairs.filter(([name]) => name !== 'options');
      const body = Buffer.from(`${kept.map(([name, value]) => `${name}\0${value}\0`).join('')}\0`);
      const head = Buffer.alloc(8);
      head.writeInt32BE(body.length + 8, 0);
      head.writeInt32BE(196_608, 4);
      const upstream = dial(target.port, target.host);
      upstream.on('error', () => {});
      upstream.write(Buffer.concat([head, body]));
      socket.pipe(upstream);
      upstream.pipe(socket);
    });
  });
  pooler.listen(0, '127.0.0.1');
  await once(pooler, 'listening');
  return pooler;
}

describe('a pooler in the way', () => {
  for (const how of ['refuses', 'drops'] as const)
    test(`that ${how} start-up options is named to replication, and done without by plain SQL`, async () => {
      await using database = await testDatabase();
      await database.query(`ALTER DATABASE ${database.database} SET datestyle = 'SQL, DMY'`);
      const pooler = await startPooler(database, how);
      const url = new URL(database.url);
      url.port = String((pooler.address() as AddressInfo).port);
      const connection = resolveConnection(url.href, {});
      const session = sqlSession(connection);
      try {
        for (const replication of [true, false])
          await expect(connect(connection, { replication, signal })).rejects.toMatchObject({
            code: 'SOURCE_SETUP',
            message: expect.stringContaining('PgBouncer') as string,
            remedy: expect.stringContaining('to PostgreSQL itself') as string,
          });
        for (const run of [1, 2]) {
          const { rows } = await session.query(STAMP, [], { signal });
          expect([run, rows[0]?.['stamp']]).toEqual([run, '2026-02-01 00:00:00+00']);
        }
        const inside = await session.transaction((tx) => tx.query(STAMP, [], { signal }), {
          signal,
        });
        expect(inside.rows[0]?.['stamp']).toBe('2026-02-01 00:00:00+00');
      } finally {
        await session.close();
        pooler.close();
      }
    });
});

describe('logins that are refused', () => {
  test('say what to do, with a code, and are not retried', async () => {
    await using database = await testDatabase();
    const role = `plain_${database.database}`;
    await database.query(`CREATE ROLE ${role} LOGIN`);
    const { host, port } = database;
    const base = { host, port, user: role, password: 'canary', database: database.database };
    try {
      await expect(
        connect(resolveConnection(base, {}), { replication: true, signal }),
      ).rejects.toMatchObject({
        code: 'SOURCE_SETUP',
        remedy: `Run as a superuser: ALTER ROLE "${role}" REPLICATION;`,
      });
      for (const wrong of [{ user: 'nobody_here' }, { database: 'no_such_database' }])
        await expect(
          connect(resolveConnection({ ...base, ...wrong }, {}), { signal }),
        ).rejects.toMatchObject({ code: 'SOURCE_LOGIN_REFUSED', retryable: false });
      await database.query(`REVOKE CONNECT ON DATABASE ${database.database} FROM PUBLIC`);
      await expect(connect(resolveConnection(base, {}), { signal })).rejects.toMatchObject({
        code: 'SOURCE_LOGIN_REFUSED',
      });
      const closed = connect(resolveConnection({ ...base, port: 1 }, {}), { signal });
      await expect(closed).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true });
      const socket = resolveConnection({ ...base, host: '/nowhere' }, {});
      await expect(connect(socket, { signal })).rejects.toMatchObject({
        code: 'SOURCE_UNREACHABLE',
      });
    } finally {
      await database.query(`DROP ROLE ${role}`);
    }
  });
});
