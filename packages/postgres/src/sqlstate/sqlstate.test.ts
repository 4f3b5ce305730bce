import { createServer } from 'node:net';
import { inspect } from 'node:util';

import { SourceConnectionError } from '@certyo-cdc/core';
import pg from 'pg';
import { describe, expect, test } from 'vitest';

import { classifyPostgresError } from './classify-postgres-error.ts';
import { describePostgresError, redactPostgresError } from './describe-postgres-error.ts';

function server(code: string, more: Partial<pg.DatabaseError> = {}): pg.DatabaseError {
  const error = new pg.DatabaseError('said the server', 100, 'error');
  return Object.assign(error, { severity: 'ERROR', code, routine: 'somewhere', ...more });
}

function node(code: string, more: object = {}): Error {
  return Object.assign(new Error(`failed ${code}`), { code, ...more });
}

const CLASSES: readonly (readonly [unknown, SourceConnectionError['code'] | undefined])[] = [
  [server('08006'), 'SOURCE_UNREACHABLE'],
  [server('08001'), 'SOURCE_UNREACHABLE'],
  [server('57P01'), 'SOURCE_UNREACHABLE'],
  [server('57P02'), 'SOURCE_UNREACHABLE'],
  [server('57P03'), 'SOURCE_UNREACHABLE'],
  [server('57P05'), 'SOURCE_UNREACHABLE'],
  [server('53300'), 'SOURCE_UNREACHABLE'],
  [server('28P01'), 'SOURCE_LOGIN_REFUSED'],
  [server('28000'), 'SOURCE_LOGIN_REFUSED'],
  [server('3D000'), 'SOURCE_LOGIN_REFUSED'],
  [server('55006'), 'SOURCE_BUSY'],
  [server('08P01'), undefined],
  [server('42P01'), undefined],
  [server('23505'), undefined],
  [server('57014'), undefined],
  [server('40001'), undefined],
  [node('ECONNREFUSED'), 'SOURCE_UNREACHABLE'],
  [node('ECONNRESET'), 'SOURCE_UNREACHABLE'],
  [node('EPIPE'), 'SOURCE_UNREACHABLE'],
  [node('ETIMEDOUT'), 'SOURCE_UNREACHABLE'],
  [node('ENOTFOUND'), 'SOURCE_UNREACHABLE'],
  [node('EAI_AGAIN'), 'SOURCE_UNREACHABLE'],
  [node('ENOENT', { syscall: 'connect' }), 'SOURCE_UNREACHABLE'],
  [node('ENOENT', { syscall: 'open' }), undefined],
  [
    new AggregateError([node('ECONNREFUSED'), node('ENETUNREACH')], 'several'),
    'SOURCE_UNREACHABLE',
  ],
  [node('SELF_SIGNED_CERT_IN_CHAIN'), 'SOURCE_TLS'],
  [node('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'SOURCE_TLS'],
  [node('CERT_HAS_EXPIRED'), 'SOURCE_TLS'],
  [node('ERR_TLS_CERT_ALTNAME_INVALID'), 'SOURCE_TLS'],
  [node('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'), 'SOURCE_TLS'],
  [node('ERR_INVALID_ARG_TYPE'), undefined],
  [new TypeError('a mistake'), undefined],
  ['text', undefined],
  [null, undefined],
  [undefined, undefined],
];

describe('classifyPostgresError', () => {
  for (const [error, code] of CLASSES)
    test(`takes ${inspect(error).split('\n')[0] ?? ''} for ${String(code)}`, () => {
      const classified = classifyPostgresError(error);
      expect(classified?.code).toBe(code);
      const isPassing = code === 'SOURCE_UNREACHABLE' || code === 'SOURCE_BUSY';
      if (classified !== undefined) expect(classified.retryable).toBe(isPassing);
    });

  test('gives a connection error back as it is', () => {
    const error = new SourceConnectionError('SOURCE_TLS', 'said before');
    expect(classifyPostgresError(error)).toBe(error);
  });

  test('recognises what Node says of a port that nobody listens on', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => {
      listener.once('listening', resolve);
    });
    const address = listener.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => {
      listener.close(resolve);
    });
    const error: unknown = await new pg.Client({ host: '127.0.0.1', port })
      .connect()
      .catch((caught: unknown) => caught);
    expect(classifyPostgresError(error)?.code).toBe('SOURCE_UNREACHABLE');
  });
});

describe('describePostgresError', () => {
  test('I11: shows names and codes, and no field that can hold a row value', () => {
    const error = server('23505', {
      message: 'duplicate key value violates unique constraint "by_email"',
      detail: 'Key (email)=(canary@example.org) already exists.',
      hint: 'canary',
      where: 'canary',
      internalQuery: 'canary',
      schema: 'public',
      table: 'people',
      constraint: 'by_email',
    });
    expect(describePostgresError(error)).toBe(
      'ERROR 23505: duplicate key value violates unique constraint "by_email" [table public.people, constraint by_email]',
    );
    const redacted = redactPostgresError(error);
    expect(
      inspect(redacted, { depth: 9, showHidden: true }) + JSON.stringify(redacted),
    ).not.toContain('canary');
    expect(redacted).toMatchObject({ code: '23505', constraint: 'by_email', table: 'people' });
  });

  test('I11: withholds messages that quote values or statements, or were raised by users', () => {
    for (const error of [
      server('22P02', { message: 'invalid input syntax for type integer: "canary"' }),
      server('42601', { message: 'syntax error at or near "canary"' }),
      server('P0001', { message: 'canary', routine: 'exec_stmt_raise' }),
      server('23505', { message: 'canary', routine: 'exec_stmt_raise' }),
    ]) {
      expect(describePostgresError(error)).toContain(String(error.code));
      expect(describePostgresError(error)).not.toContain('canary');
      expect(String(redactPostgresError(error))).not.toContain('canary');
      expect(inspect(classifyPostgresError(error))).not.toContain('canary');
    }
  });

  test('describes an error that is redacted already by its own text, once', () => {
    const redacted = redactPostgresError(
      server('42P01', { message: 'relation "x" does not exist' }),
    );
    expect(describePostgresError(redacted)).toBe('ERROR 42P01: relation "x" does not exist');
    expect(redactPostgresError(redacted)).toBe(redacted);
  });

  test('describes what is not from the server', () => {
    expect(describePostgresError(node('ECONNRESET'))).toBe('failed ECONNRESET');
    expect(describePostgresError(Object.assign(new Error('x'), { code: 'E1' }))).toBe('x (E1)');
    const several = new AggregateError([node('ECONNREFUSED'), node('ENETUNREACH')], 'several');
    expect(describePostgresError(several)).toBe('failed ECONNREFUSED; failed ENETUNREACH');
    expect(describePostgresError(5)).toBe('an error of unknown kind');
  });
});
