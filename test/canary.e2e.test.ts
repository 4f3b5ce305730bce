import { inspect } from 'node:util';

import { recordMapper, type CertyoSinkOptions, type PipelineOptions } from '@certyo-cdc/core';
import type { ReplicationSourceOptions } from '@certyo-cdc/replication';
import { startPostgres, type CertyoFault } from '@certyo-cdc/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { createRig, type Rig } from './support/rig.ts';

const PASSWORD = 'Canary-Password-71f3';
const API_KEY = 'certyo_sk_canary_key_5b1c';
const VALUES = {
  key: 'canary-key-value-0001',
  text: 'canary text value 0002',
  json: 'canary-json-value-0003',
  member: 'canary_json_member_0004',
  number: '8412345678990005',
  date: '1987-03-14',
};
const SECRETS: readonly string[] = [PASSWORD, API_KEY, ...Object.values(VALUES)];

const TABLE = `CREATE TABLE t (id text PRIMARY KEY, v text, j jsonb, n int8, d date, r json)`;
const row = (key: string): string =>
  `INSERT INTO t VALUES ('${VALUES.key}-${key}', '${VALUES.text}', '{"${VALUES.member}": "${VALUES.json}"}',
    ${VALUES.number}, '${VALUES.date}', '{"a": "${VALUES.json}"}')`;

/** Everything that an application could have logged. */
class Ears {
  readonly heard: string[] = [];
  readonly #undo: (() => void)[] = [];

  listen(): void {
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write.bind(stream);
      stream.write = ((chunk: string | Uint8Array, ...rest: never[]) => {
        this.heard.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
        return write(chunk, ...rest);
      }) as typeof stream.write;
      this.#undo.push(() => {
        stream.write = write;
      });
    }
    const onWarning = (warning: Error): void => this.hear(warning);
    process.on('warning', onWarning);
    this.#undo.push(() => process.off('warning', onWarning));
  }

  leave(): void {
    for (const undo of this.#undo) undo();
  }

  hear(what: unknown): void {
    this.heard.push(inspect(what, { depth: Infinity, showHidden: true, maxStringLength: null }));
    this.heard.push(JSON.stringify(what) ?? '', String(what));
    if (what instanceof Error) {
      this.heard.push(what.stack ?? '');
      if (what.cause !== undefined) this.hear(what.cause);
      if (what instanceof AggregateError) for (const error of what.errors) this.hear(error);
    }
    const { error } = (what ?? {}) as { readonly error?: unknown };
    if (error instanceof Error) this.hear(error);
  }

  /** What was told of them since the last look. */
  leaks(): string[] {
    const heard = this.heard.splice(0);
    expect(heard.length).toBeGreaterThan(0);
    return SECRETS.flatMap((secret) =>
      heard
        .filter((text) => text.includes(secret))
        .map((text) => `${secret}: …${around(text, secret)}…`),
    );
  }
}

function around(text: string, secret: string): string {
  const at = text.indexOf(secret);
  return text.slice(Math.max(0, at - 120), at + secret.length + 20);
}

let rig: Rig;
const ears = new Ears();
let rows = 0;

interface Scenario {
  readonly faults?: readonly CertyoFault[] | undefined;
  readonly sink?: CertyoSinkOptions | undefined;
  readonly source?: Partial<ReplicationSourceOptions> | undefined;
  readonly pipeline?: PipelineOptions | undefined;
  /** What happens while it runs, after a row was written. */
  readonly during?: (() => Promise<unknown>) | undefined;
}

/** Runs a pipeline over one more row until it has caught up or stopped; gives the error that stopped it. */
async function listenTo(scenario: Scenario): Promise<Error | null> {
  rows += 1;
  await rig.db.query(row(String(rows)));
  for (const fault of scenario.faults ?? []) rig.certyo.faults.add(fault);
  const url = new URL(rig.db.url);
  url.password = PASSWORD;
  const { pipeline } = rig.pipeline({
    ...scenario,
    source: { connection: url.href, ...scenario.source },
    sink: { apiKey: API_KEY, ...scenario.sink },
    pipeline: { ...scenario.pipeline, onEvent: (event) => ears.hear(event) },
  });
  try {
    await pipeline.start();
    await scenario.during?.();
    await Promise.race([pipeline.caughtUp(), pipeline.closed]);
    ears.hear(await pipeline.lag());
    ears.hear(await pipeline.redrive());
  } catch (error) {
    ears.hear(error);
  }
  ears.hear(pipeline.status());
  ears.hear(pipeline);
  await pipeline.stop();
  const error = await pipeline.closed;
  ears.hear(error);
  await rig.certyo.faults.clear();
  return error;
}

/** What was left undone by a scenario is done now, so that the next one begins with its own row. */
async function settle(): Promise<void> {
  expect(await listenTo({})).toBeNull();
}

beforeAll(async () => {
  rig = await createRig([TABLE, 'ALTER TABLE t REPLICA IDENTITY FULL'], {
    tables: ['public.t'],
    emulator: { keys: [{ key: API_KEY, tenantId: 'test-tenant' }] },
  });
  ears.listen();
});

afterAll(async () => {
  ears.leave();
  await rig[Symbol.asyncDispose]();
});

describe('I11', () => {
  test('the ears hear what is said', () => {
    const cause = new Error(`cause ${VALUES.text}`);
    const ear = new Ears();
    ear.hear({ type: 'x', error: new Error('outside', { cause }) });
    expect(ear.leaks().length).toBeGreaterThan(0);
  });

  test('success tells no value', async () => {
    expect(await listenTo({})).toBeNull();
    await rig.db.query(`UPDATE t SET v = v || 'x', id = id || 'y'`);
    await rig.db.query(`DELETE FROM t`);
    expect(await listenTo({})).toBeNull();
    expect(ears.leaks()).toEqual([]);
  });

  test.each<[string, readonly CertyoFault[], string | null]>([
    ['reject', [{ kind: 'reject', count: false }], 'RECORD_REJECTED'],
    ['401', [{ kind: 'status', status: 401 }], 'API_KEY_REFUSED'],
    ['403', [{ kind: 'status', status: 403 }], 'API_KEY_REFUSED'],
    [
      'redirect',
      [{ kind: 'redirect', status: 308, location: 'http://127.0.0.1:9/' }],
      'REDIRECT_REFUSED',
    ],
    ['500', [{ kind: 'status', status: 500, count: 2 }], null],
    ['html', [{ kind: 'garbage', body: 'html', count: 2 }], null],
    ['truncated', [{ kind: 'garbage', body: 'truncated', count: 1 }], null],
    ['unrelated', [{ kind: 'garbage', body: 'unrelated', count: 1 }], null],
    ['lost answer', [{ kind: 'fail-after-accept', count: 2 }], null],
    ['429', [{ kind: 'rate-limit', retryAfter: 'absent', count: 2 }], null],
    ['down', [{ kind: 'down', count: 2 }], null],
  ])('%s tells no value and no key', async (_name, faults, code) => {
    const error = await listenTo({ faults });
    expect((error as { readonly code?: string } | null)?.code ?? null).toBe(code);
    expect(ears.leaks()).toEqual([]);
    await settle();
  });

  test('a wrong key and a wrong password tell nothing', async () => {
    const error = await listenTo({ sink: { apiKey: `${API_KEY}-wrong` } });
    expect(error).toMatchObject({ code: 'API_KEY_REFUSED' });
    await using server = await startPostgres({ major: 18, password: 'another' });
    await using db = await server.createDatabase();
    const url = new URL(db.url);
    url.password = PASSWORD;
    const refused = await listenTo({ source: { connection: url.href } });
    expect(inspect(refused)).toContain('28P01');
    expect(ears.leaks()).toEqual([]);
    await settle();
  });

  test('parked records are told by table and number only', async () => {
    const error = await listenTo({
      faults: [{ kind: 'reject', count: false }],
      pipeline: { onRejected: 'park' },
    });
    expect(error).toBeNull();
    expect(ears.leaks()).toEqual([]);
    await rig.db.query('DELETE FROM certyo.dead_letters');
    await settle();
  });

  test.each([
    ['dead_letters', `CHECK (item = '') NOT VALID`],
    ['checkpoints', `CHECK (position = '') NOT VALID`],
  ])('a constraint of %s that is violated tells no value', async (table, check) => {
    await rig.db.query(`ALTER TABLE certyo.${table} ADD CONSTRAINT no ${check}`);
    const error = await listenTo({
      faults: [{ kind: 'reject', count: false }],
      pipeline: { onRejected: 'park' },
    });
    expect(error?.name).toMatch(/^(?:DeadLetter|Checkpoint)Error$/u);
    await rig.db.query(`ALTER TABLE certyo.${table} DROP CONSTRAINT no`);
    expect(ears.leaks()).toEqual([]);
    await rig.db.query('DELETE FROM certyo.dead_letters');
    await settle();
  });

  const bad = (value: unknown): never => {
    throw new TypeError(`This is ${JSON.stringify(value)}`, { cause: new Error(String(value)) });
  };
  test.each<[string, Scenario]>([
    ['mapper', { sink: { mapper: recordMapper({ 'public.t': { payload: bad } }) } }],
    ['recordId', { sink: { mapper: recordMapper({ 'public.t': { recordId: bad } }) } }],
    [
      'schema',
      {
        sink: {
          mapper: recordMapper({
            'public.t': { row: z.object({ v: z.enum(['other']), n: z.literal('1') }) },
          }),
        },
      },
    ],
    [
      'filter',
      {
        pipeline: {
          filter: (event) => ('after' in event ? BigInt(String(event.after?.['v'])) > 1n : true),
        },
      },
    ],
    [
      'filter with values',
      { pipeline: { filter: (event) => ('after' in event ? bad(event.after) : true) } },
    ],
    ['too large', { sink: { maxRecordBytes: 100 } }],
  ])('an error of the application, %s, tells no value', async (_name, scenario) => {
    const halted = await listenTo(scenario);
    expect(halted).not.toBeNull();
    expect(ears.leaks()).toEqual([]);
    const parked = await listenTo({
      ...scenario,
      pipeline: { ...scenario.pipeline, onRejected: 'park' },
    });
    expect(parked).toBeNull();
    // The lanes that the letters block are known from the start of the next life on.
    await listenTo({ pipeline: { onRejected: 'park' } });
    expect(ears.leaks()).toEqual([]);
    await rig.db.query('DELETE FROM certyo.dead_letters');
  });

  test('values that cannot be represented are named by column', async () => {
    await rig.db.query(
      `INSERT INTO t (id, v, r) VALUES ('${VALUES.key}-u', '${VALUES.text}', '{"a": "${VALUES.json}\\ud800"}')`,
    );
    const mapper = recordMapper({
      'public.t': { payload: (event) => ({ all: event }) },
    });
    await listenTo({ sink: { mapper }, pipeline: { onRejected: 'park' } });
    expect(ears.leaks()).toEqual([]);
    await rig.db.query('DELETE FROM certyo.dead_letters');
    await settle();
  });

  test('gaps and refused starts tell no value', async () => {
    const foreign = await listenTo({ source: { tables: ['public.other'] } });
    expect(foreign).not.toBeNull();
    await rig.db.query('CREATE TABLE other (id int PRIMARY KEY)');
    await rig.db.query(`UPDATE certyo.checkpoints SET position = 'FFFFFFFF/0'`);
    expect(await listenTo({})).toMatchObject({ code: expect.stringMatching(/^GAP_/u) as string });
    await rig.db.query(`UPDATE certyo.checkpoints SET identity = '{}'`);
    expect(await listenTo({})).toMatchObject({ code: 'GAP_CHECKPOINT_FOREIGN' });
    expect(ears.leaks()).toEqual([]);
  });

  test('the API has got the values all the same', () => {
    const held = rig.held('public.t').join('\n');
    for (const value of Object.values(VALUES)) expect(held).toContain(value);
  });
});
