import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { secret } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import type { ConnectionOptions, ResolvedConnection } from './connection-options.ts';
import { resolveConnection } from './resolve-connection.ts';

type Environment = Readonly<Record<string, string>>;

function refusal(options: unknown, env: Environment = {}): string {
  try {
    resolveConnection(options as ConnectionOptions, env);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return String(error);
  }
  throw new Error('It was not refused.');
}

describe('resolveConnection', () => {
  test('options override the string, which overrides PG_DSN, DATABASE_URL and PG* variables', async () => {
    const env = {
      PG_DSN: 'host=dsn user=dsn dbname=dsn sslmode=verify-full',
      DATABASE_URL: 'postgresql://url/url',
      PGHOST: 'env',
      PGPORT: '7777',
      PGPASSWORD: 'env',
      PGAPPNAME: 'env',
    };
    const fromEnv = resolveConnection({}, env);
    expect(fromEnv).toMatchObject({
      host: 'dsn',
      user: 'dsn',
      port: 7777,
      database: 'dsn',
      applicationName: 'env',
    });
    expect(await fromEnv.password()).toBe('env');
    const { PG_DSN: _left, ...url } = env;
    expect(resolveConnection({}, url)).toMatchObject({ host: 'url', database: 'url' });
    const given = resolveConnection(
      { connectionString: 'host=string user=string dbname=string', user: 'option', port: 1 },
      env,
    );
    expect(given).toMatchObject({ host: 'string', user: 'option', database: 'string', port: 1 });
    // The login of one server must not be sent to another.
    const host = resolveConnection(
      { host: 'option' },
      { PG_DSN: 'host=dsn user=dsn password=dsn' },
    );
    expect(host).toMatchObject({ host: 'option', user: userInfo().username });
    expect(await host.password()).toBeNull();
  });

  test('has defaults, and refuses an empty environment', () => {
    const resolved = resolveConnection({ user: 'me' }, {});
    expect(resolved).toMatchObject({
      host: 'localhost',
      address: null,
      port: 5432,
      user: 'me',
      database: 'me',
      applicationName: 'certyo-cdc',
      connectTimeoutMs: 10_000,
      keepAliveMs: 30_000,
    });
    expect(refusal({})).toContain('PG_DSN');
    expect(refusal(undefined, { PGPASSWORD: 'x' })).toContain('No database is named');
  });

  test('reads what libpq calls otherwise', () => {
    const resolved = resolveConnection(
      'host=h hostaddr=10.0.0.1 dbname=d user=u connect_timeout=3 keepalives_idle=60 fallback_application_name=f options=-cgeqo=off gssencmode=prefer target_session_attrs=any client_encoding=utf8',
      {},
    );
    expect(resolved).toMatchObject({
      host: 'h',
      address: '10.0.0.1',
      connectTimeoutMs: 3000,
      keepAliveMs: 60_000,
      applicationName: 'f',
      serverOptions: '-cgeqo=off',
    });
    const off = resolveConnection('host=h user=u connect_timeout=0 keepalives=0', {});
    expect(off).toMatchObject({ connectTimeoutMs: false, keepAliveMs: false });
  });

  const REFUSED: readonly (readonly [unknown, string, Environment?])[] = [
    [{ hots: 'h' }, 'Did you mean `host`?'],
    [{ host: 'h', port: -1 }, 'integer from 1 to 65535, got `-1` (number)'],
    [{ host: 'h', port: '5432' }, 'integer from 1 to 65535'],
    [{ host: 'h', connectTimeoutMs: -5 }, 'got `-5` (number)'],
    [{ host: 'h', connectTimeoutMs: Infinity }, 'positive finite'],
    [{ host: '' }, 'a text that is not empty'],
    [{ host: 'a,b' }, 'several hosts'],
    [{ host: 'h', tls: { mode: 'no' } }, 'verify-full'],
    [{ host: 'h', tls: { modus: 'require' } }, 'Did you mean `tls.mode`?'],
    [{ host: 'h', tls: { cert: '/c' } }, 'together'],
    [{ host: 'h', tls: { minVersion: 'TLSv1.1' } }, 'TLSv1.2 or TLSv1.3'],
    [{ host: 'h', password: 5 }, 'function'],
    [null, 'an object'],
    ['host=h port=0', 'integer from 1 to 65535'],
    ['host=h port=1,2', 'several hosts'],
    ['host=h sslmode=no-verify', 'allowInsecure'],
    ['host=h sslmode=maybe', 'verify-full'],
    ['host=h service=prod', 'Service files are not read'],
    ['host=h requirepeer=x', 'not supported'],
    ['host=h target_session_attrs=read-write', 'only any'],
    ['host=h client_encoding=LATIN1', 'only auto'],
    ['host=h usr=x', 'Did you mean `user`?'],
    ['host=h sslrootcert=system sslmode=verify-ca', 'tls.ca'],
    [{}, '`PGSERVICE` in the environment is refused', { PGSERVICE: 'prod' }],
    [{}, '`PGREQUIREPEER` in the environment', { PGHOST: 'h', PGREQUIREPEER: 'x' }],
    [{}, 'DATABASE_URL cannot be read', { DATABASE_URL: 'nonsense' }],
  ];
  for (const [options, said, env] of REFUSED)
    test(`refuses ${inspect(options, { breakLength: Infinity })}, saying: ${said}`, () => {
      expect(refusal(options, env)).toContain(said);
    });

  test('ignores knowingly what only tunes, and what other drivers put into a URL', () => {
    const url =
      'postgresql://u@h/d?schema=public&connection_limit=5&keepalives_count=3&uselibpqcompat=true';
    expect(resolveConnection(url, {}).database).toBe('d');
  });
});

describe('TLS of resolveConnection', () => {
  const mode = (options: ConnectionOptions | string): string =>
    resolveConnection(options, {}).tls.mode;

  test('is verify-full beyond loopback, prefer on it, and none over a Unix socket', () => {
    expect(mode({ host: 'db.example' })).toBe('verify-full');
    expect(mode({ host: '10.0.0.1' })).toBe('verify-full');
    expect(mode('host=localhost hostaddr=10.0.0.1 user=u')).toBe('verify-full');
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1', 'LOCALHOST.'])
      expect(mode({ host })).toBe('prefer');
    expect(mode({ host: 'localhost', tls: { ca: '/ca.pem' } })).toBe('verify-full');
    expect(mode({ host: '/var/run/postgresql', tls: { mode: 'verify-full' } })).toBe('disable');
    for (const host of ['localhost.evil.example', '127.0.0.1.evil.example', 'localhostx'])
      expect(mode({ host })).toBe('verify-full');
  });

  test('modes that verify nothing are refused beyond loopback, unless allowed knowingly', () => {
    for (const weak of ['disable', 'prefer', 'require'] as const) {
      expect(refusal({ host: 'db.example', tls: { mode: weak } })).toContain(
        'tls.allowInsecure: true',
      );
      expect(refusal(`host=db.example user=u sslmode=${weak}`)).toContain(
        'tls.allowInsecure: true',
      );
      expect(mode({ host: 'db.example', tls: { mode: weak, allowInsecure: true } })).toBe(weak);
      expect(mode({ host: 'localhost', tls: { mode: weak } })).toBe(weak);
    }
    expect(refusal('postgresql://u@db.example/d?ssl=true')).toContain('`require`');
    expect(refusal('postgresql://u@db.example/d?ssl=false')).toContain('`disable`');
  });

  test('a CA given beside sslmode is kept, and makes require verify', () => {
    const options = { connectionString: 'host=h user=u sslmode=require', tls: { ca: '/ca.pem' } };
    expect(mode(options)).toBe('verify-ca');
    expect(mode('host=h user=u sslmode=require sslrootcert=/ca.pem')).toBe('verify-ca');
    expect(mode({ ...options, tls: { ca: '/ca.pem', mode: 'verify-full' } })).toBe('verify-full');
    expect(refusal({ host: 'h', tls: { mode: 'verify-ca' } })).toContain('tls.ca');
    expect(mode('host=h user=u sslrootcert=system')).toBe('verify-full');
  });
});

describe('secrets of resolveConnection', () => {
  test('I11: a resolved connection prints no password, key or passphrase', async () => {
    const key = '-----BEGIN PRIVATE KEY-----canary';
    const variants: readonly ResolvedConnection[] = [
      resolveConnection('postgresql://u:canary@h/d', {}),
      resolveConnection({ host: 'h', password: 'canary' }, {}),
      resolveConnection({ host: 'h', password: secret('canary') }, {}),
      resolveConnection(secret('host=h user=u password=canary'), {}),
      resolveConnection({ host: 'h', password: () => Promise.resolve('canary') }, {}),
      resolveConnection({}, { PGHOST: 'h', PGPASSWORD: 'canary' }),
      resolveConnection(
        { host: 'h', password: 'canary', tls: { key, cert: key, passphrase: 'canary' } },
        {},
      ),
    ];
    for (const resolved of variants) {
      const printed = inspect(resolved, { depth: 9, showHidden: true }) + JSON.stringify(resolved);
      expect(printed).not.toContain('canary');
      expect(await resolved.password()).toBe('canary');
    }
  });

  test('a password function is asked each time, and may reject', async () => {
    let calls = 0;
    const resolved = resolveConnection(
      { host: 'h', password: () => `token ${String((calls += 1))}` },
      {},
    );
    expect([await resolved.password(), await resolved.password()]).toEqual(['token 1', 'token 2']);
    const broken = resolveConnection(
      { host: 'h', password: () => Promise.reject(new Error('vault')) },
      {},
    );
    await expect(broken.password()).rejects.toThrow('vault');
  });

  test('a password file is read as libpq does, and refused when others can read it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'certyo-cdc-pass-'));
    try {
      const path = join(directory, 'pass file');
      const lines = [
        '# h:5432:d:u:no',
        'h:1:d:u:no',
        String.raw`h:*:d\:e:u:p\:a\\ss:word`,
        '*:*:*:u:last',
        '',
      ];
      await writeFile(path, lines.join('\n'), { mode: 0o600 });
      const ask = (dsn: string): Promise<string | null> =>
        resolveConnection(`${dsn} passfile='${path}'`, {}).password();
      expect(await ask('host=h dbname=d:e user=u')).toBe(String.raw`p:a\ss:word`);
      expect(await ask('host=h dbname=d user=u')).toBe('last');
      expect(await ask('host=h dbname=d user=other')).toBeNull();
      await chmod(path, 0o640);
      await expect(ask('host=h dbname=d user=u')).rejects.toThrow('chmod 600');
      await rm(path);
      await expect(ask('host=h dbname=d user=u')).rejects.toMatchObject({ option: 'passfile' });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
