import { describe, expect, test } from 'vitest';

import { parseConnectionString } from './connection-string.ts';

function read(text: string): Record<string, string> {
  return Object.fromEntries(parseConnectionString(text, 'PG_DSN'));
}

describe('parseConnectionString', () => {
  const URLS: Readonly<Record<string, Record<string, string>>> = {
    'postgresql://': {},
    'postgres://localhost': { host: 'localhost' },
    'postgresql://localhost:5433': { host: 'localhost', port: '5433' },
    'postgresql://localhost/mydb': { host: 'localhost', dbname: 'mydb' },
    'postgresql://user@localhost': { user: 'user', host: 'localhost' },
    'postgresql://user:secret@localhost/db': {
      user: 'user',
      password: 'secret',
      host: 'localhost',
      dbname: 'db',
    },
    'postgresql://other@localhost/otherdb?connect_timeout=10&application_name=my%20app': {
      user: 'other',
      host: 'localhost',
      dbname: 'otherdb',
      connect_timeout: '10',
      application_name: 'my app',
    },
    'postgresql://u:p%40%3A%2F%3F%23%25%20x@h/d%2Fe': {
      user: 'u',
      password: 'p@:/?#% x',
      host: 'h',
      dbname: 'd/e',
    },
    'postgresql://u:a@b:c@h/d': { user: 'u', password: 'a@b:c', host: 'h', dbname: 'd' },
    'postgresql://u:plus+sign@h': { user: 'u', password: 'plus+sign', host: 'h' },
    'postgresql://[2001:db8::1234]/database': { host: '2001:db8::1234', dbname: 'database' },
    'postgresql://u@[::1]:5433/d': { user: 'u', host: '::1', port: '5433', dbname: 'd' },
    'postgresql://%2Fvar%2Flib%2Fpostgresql/dbname': {
      host: '/var/lib/postgresql',
      dbname: 'dbname',
    },
    'postgresql:///dbname?host=/var/lib/postgresql': {
      host: '/var/lib/postgresql',
      dbname: 'dbname',
    },
    'postgresql://user@/db?host=/tmp&port=5433': {
      user: 'user',
      host: '/tmp',
      port: '5433',
      dbname: 'db',
    },
  };
  for (const [url, expected] of Object.entries(URLS))
    test(`reads ${url}`, () => {
      expect(read(url)).toEqual(expected);
    });

  const KEYWORDS: readonly (readonly [string, Record<string, string>])[] = [
    ['host=localhost port=5432 dbname=mydb', { host: 'localhost', port: '5432', dbname: 'mydb' }],
    ['  host = localhost\n\tuser=me ', { host: 'localhost', user: 'me' }],
    [
      String.raw`password='it\'s a \\ quoted one' host=h`,
      { password: String.raw`it's a \ quoted one`, host: 'h' },
    ],
    ["password='it''s' host=h", { password: "it's", host: 'h' }],
    [String.raw`password=a\ b\'c\\ host=h`, { password: String.raw`a b'c` + '\\', host: 'h' }],
    ["password='' user='a b'", { password: '', user: 'a b' }],
    ["options='-c geqo=off -c work_mem=4MB'", { options: '-c geqo=off -c work_mem=4MB' }],
    ['password=a=b=c', { password: 'a=b=c' }],
    ['password= host=h', { password: 'host=h' }],
    ["host='h'user=me", { host: 'h', user: 'me' }],
  ];
  for (const [text, expected] of KEYWORDS)
    test(`reads ${text}`, () => {
      expect(read(text)).toEqual(expected);
    });

  const REFUSED: readonly (readonly [string, string])[] = [
    ['postgresql://u:canary@a,b/d', 'several hosts'],
    ['postgresql://u:canary@h:1,h:2/d', 'several hosts'],
    ['postgresql://u:can%zzary@h/d', 'write % as %25'],
    ['postgresql://u:can%00ary@h/d', '%00'],
    ['postgresql://u:can/ary@h/d', '%2F'],
    ['postgresql://u:can?ary@h/d', '%3F'],
    ['postgresql://u:canary@[::1/d', 'brackets'],
    ['postgresql://u:canary@h/d?sslmode', 'no value'],
    ['mysql://u:canary@h/d', 'its scheme'],
    ['canary', 'neither'],
    ['host=h password=canary canary', 'followed by ='],
    ["host=h password='canary", 'not closed'],
    ['host=h password=can\0ary', 'NUL'],
  ];
  for (const [text, said] of REFUSED)
    test(`I11: refuses ${JSON.stringify(text)} and shows none of it`, () => {
      let error: unknown;
      try {
        read(text);
      } catch (caught) {
        error = caught;
      }
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', option: 'PG_DSN' });
      expect(String(error)).toContain(said);
      expect(JSON.stringify(error) + String(error)).not.toMatch(/canary|ary@|can%/);
    });
});
