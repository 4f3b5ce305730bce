import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createCertificates, type PostgresServer, startPostgres } from '@certyo-cdc/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import { connect, type ConnectOptions } from './connect.ts';
import type { ConnectionOptions, TlsOptions } from './connection-options.ts';
import { resolveConnection } from './resolve-connection.ts';
import { queryText } from './text-query.ts';

const { signal } = new AbortController();
let secure: PostgresServer;
let named: PostgresServer;
let plain: PostgresServer;
let foreignCa: string;

beforeAll(async () => {
  const major = inject('postgresMajor');
  [secure, named, plain] = await Promise.all([
    startPostgres({
      major,
      tls: true,
      password: 'pw',
      hba: [
        'hostssl all certuser all cert',
        'hostnossl all tlsonly all reject',
        'hostssl all trusted all trust',
      ],
    }),
    startPostgres({ major, tls: await createCertificates({ hosts: ['db.example'] }) }),
    startPostgres({ major }),
  ]);
  foreignCa = (await createCertificates()).ca;
  await secure.query('CREATE ROLE certuser LOGIN REPLICATION');
  await secure.query("CREATE ROLE tlsonly LOGIN PASSWORD 'pw'");
  await secure.query('CREATE ROLE trusted LOGIN');
});

afterAll(async () => {
  await Promise.all([secure, named, plain].map((server) => server[Symbol.asyncDispose]()));
});

interface Case {
  readonly server?: PostgresServer;
  readonly tls?: TlsOptions;
  readonly more?: ConnectionOptions;
  readonly options?: Partial<ConnectOptions>;
}

function ca(server: PostgresServer): string {
  return server.certificates?.ca ?? '';
}

/** Connects; says `none` or the TLS version that the server sees, else rejects. */
async function attempt({ server = secure, tls, more = {}, options = {} }: Case): Promise<string> {
  const resolved = resolveConnection(
    {
      host: 'localhost',
      port: server.port,
      user: 'postgres',
      password: 'pw',
      database: 'postgres',
      ...more,
      ...(tls === undefined ? {} : { tls }),
    },
    {},
  );
  const client = await connect(resolved, { ...options, signal });
  try {
    const { rows } = await queryText(
      client,
      'SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    );
    return rows[0]?.['version'] ?? 'none';
  } finally {
    await client.end();
  }
}

const TLS_REFUSED = { name: 'SourceConnectionError', code: 'SOURCE_TLS', retryable: false };
const LOGIN_REFUSED = {
  name: 'SourceConnectionError',
  code: 'SOURCE_LOGIN_REFUSED',
  retryable: false,
};

describe('TLS matrix (faults.md 4.4)', () => {
  test('1: loopback without options takes TLS where it is offered, as libpq', async () => {
    expect(await attempt({})).toBe('TLSv1.3');
  });

  test('2: prefer goes without TLS only where the server says that it has none', async () => {
    expect(await attempt({ tls: { mode: 'prefer' } })).toBe('TLSv1.3');
    expect(await attempt({ server: plain, tls: { mode: 'prefer' } })).toBe('none');
  });

  test('3: disable is plaintext, and a server that demands TLS refuses it', async () => {
    expect(await attempt({ tls: { mode: 'disable' } })).toBe('none');
    const refused = attempt({ tls: { mode: 'disable' }, more: { user: 'tlsonly' } });
    await expect(refused).rejects.toMatchObject(LOGIN_REFUSED);
    expect(await attempt({ tls: { mode: 'require' }, more: { user: 'tlsonly' } })).toBe('TLSv1.3');
  });

  test('4: require encrypts, verifies nothing, and refuses a server without TLS', async () => {
    expect(await attempt({ tls: { mode: 'require' } })).toBe('TLSv1.3');
    expect(await attempt({ server: named, tls: { mode: 'require' } })).toBe('TLSv1.3');
    await expect(attempt({ server: plain, tls: { mode: 'require' } })).rejects.toMatchObject({
      ...TLS_REFUSED,
      message: expect.stringContaining('offers no TLS') as string,
    });
  });

  test('5: require with a CA verifies the chain, as libpq', async () => {
    expect(await attempt({ server: named, tls: { mode: 'require', ca: ca(named) } })).toBe(
      'TLSv1.3',
    );
    const foreign = attempt({ tls: { mode: 'require', ca: foreignCa } });
    await expect(foreign).rejects.toMatchObject(TLS_REFUSED);
  });

  test('6: verify-ca verifies the chain and not the host', async () => {
    expect(await attempt({ server: named, tls: { mode: 'verify-ca', ca: ca(named) } })).toBe(
      'TLSv1.3',
    );
    const foreign = attempt({ server: named, tls: { mode: 'verify-ca', ca: foreignCa } });
    await expect(foreign).rejects.toMatchObject(TLS_REFUSED);
  });

  test('7: verify-full verifies chain and host; a CA alone means verify-full', async () => {
    expect(await attempt({ tls: { mode: 'verify-full', ca: ca(secure) } })).toBe('TLSv1.3');
    expect(await attempt({ tls: { ca: ca(secure) } })).toBe('TLSv1.3');
    for (const tls of [{ ca: ca(named) }, { mode: 'verify-full', ca: ca(named) } as const])
      await expect(attempt({ server: named, tls })).rejects.toMatchObject({
        ...TLS_REFUSED,
        message: expect.stringContaining('tls.servername') as string,
      });
    await expect(attempt({ tls: { ca: foreignCa } })).rejects.toMatchObject(TLS_REFUSED);
    // Without a CA, the public ones.
    await expect(attempt({ tls: { mode: 'verify-full' } })).rejects.toMatchObject({
      ...TLS_REFUSED,
      message: expect.stringContaining('tls.ca') as string,
    });
    await expect(attempt({ server: plain, tls: { ca: ca(secure) } })).rejects.toMatchObject(
      TLS_REFUSED,
    );
  });

  test('8: an IP address is looked for among the addresses of the certificate', async () => {
    const more = { host: '127.0.0.1' };
    expect(await attempt({ tls: { ca: ca(secure) }, more })).toBe('TLSv1.3');
    const refused = attempt({ server: named, tls: { ca: ca(named) }, more });
    await expect(refused).rejects.toMatchObject(TLS_REFUSED);
  });

  test('9: tls.servername is asked for and verified instead of the host', async () => {
    const tls = { ca: ca(named), servername: 'db.example' };
    expect(await attempt({ server: named, tls })).toBe('TLSv1.3');
    expect(await attempt({ server: named, tls, more: { host: '127.0.0.1' } })).toBe('TLSv1.3');
    const wrong = attempt({ tls: { ca: ca(secure), servername: 'db.example' } });
    await expect(wrong).rejects.toMatchObject(TLS_REFUSED);
  });

  test('10: a client certificate logs in, for replication too; a foreign or missing one does not', async () => {
    const pair = await secure.certificates?.client('certuser');
    const foreign = await (await createCertificates()).client('certuser');
    const more = { user: 'certuser', password: 'unused' };
    for (const replication of [false, true])
      expect(
        await attempt({ tls: { ca: ca(secure), ...pair }, more, options: { replication } }),
      ).toBe('TLSv1.3');
    await expect(attempt({ tls: { ca: ca(secure), ...foreign }, more })).rejects.toMatchObject({
      name: 'SourceConnectionError',
    });
    await expect(attempt({ tls: { ca: ca(secure) }, more })).rejects.toMatchObject(LOGIN_REFUSED);
  });

  test('11: the login is bound to the channel; channel_binding=require refuses one that is not', async () => {
    const string = `host=localhost port=${String(secure.port)} dbname=postgres channel_binding=require`;
    const tls = { ca: ca(secure) };
    const over = async (user: string, extra: TlsOptions): Promise<string> => {
      const resolved = resolveConnection(
        { connectionString: string, user, password: 'pw', tls: extra },
        {},
      );
      const client = await connect(resolved, { signal });
      await client.end();
      return 'connected';
    };
    expect(await over('postgres', tls)).toBe('connected');
    await expect(over('trusted', tls)).rejects.toThrow('channel_binding=require');
    expect(() =>
      resolveConnection({ connectionString: string, tls: { mode: 'disable' } }, {}),
    ).toThrow('needs TLS');
  });

  test('12: protocols below TLS 1.2 and expired certificates are refused', async () => {
    await using old = await startPostgres({
      major: inject('postgresMajor'),
      tls: true,
      settings: { ssl_min_protocol_version: 'TLSv1', ssl_max_protocol_version: 'TLSv1.1' },
    });
    await expect(attempt({ server: old, tls: { mode: 'require' } })).rejects.toMatchObject(
      TLS_REFUSED,
    );
    await old.restart({ ssl_max_protocol_version: 'TLSv1.2' });
    expect(await attempt({ server: old, tls: { mode: 'require' } })).toBe('TLSv1.2');
    const newer = attempt({ server: old, tls: { mode: 'require', minVersion: 'TLSv1.3' } });
    await expect(newer).rejects.toMatchObject(TLS_REFUSED);
    const certificates = await createCertificates({ notAfter: new Date(Date.now() - 60_000) });
    await using expired = await startPostgres({
      major: inject('postgresMajor'),
      tls: certificates,
    });
    await expect(
      attempt({ server: expired, tls: { mode: 'verify-ca', ca: certificates.ca } }),
    ).rejects.toThrow('Renew the certificate');
  });
});

describe('certificates as files', () => {
  test('are read again at every connection; a key that others can read is refused', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'certyo-cdc-tls-'));
    try {
      const pair = await secure.certificates?.client('certuser');
      const files = {
        ca: join(directory, 'ca'),
        cert: join(directory, 'cert'),
        key: join(directory, 'key'),
      };
      await writeFile(files.ca, foreignCa);
      await writeFile(files.cert, pair?.cert ?? '');
      await writeFile(files.key, pair?.key ?? '', { mode: 0o600 });
      const connection = resolveConnection(
        {
          host: 'localhost',
          port: secure.port,
          user: 'certuser',
          database: 'postgres',
          tls: files,
        },
        {},
      );
      await expect(connect(connection, { signal })).rejects.toMatchObject(TLS_REFUSED);
      await writeFile(files.ca, ca(secure));
      await (await connect(connection, { signal })).end();
      await chmod(files.key, 0o644);
      await expect(connect(connection, { signal })).rejects.toThrow(
        'can be read by group or others',
      );
      await chmod(files.key, 0o600);
      await rm(files.cert);
      await expect(connect(connection, { signal })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
