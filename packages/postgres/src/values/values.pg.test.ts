import { testDatabase } from '@certyo-cdc/testing/vitest';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from 'pg';

import { startupOptions } from '../connection/pinned-settings.ts';
import {
  changedOnTheWay,
  quote,
  sample,
  sampleSize,
  seed,
  type TypeCase,
} from './testing/oracle.ts';
import { anyText, oneOf, SCALAR_CASES } from './testing/scalar-literals.ts';
import { SHAPE_CASES, TIME_CASES } from './testing/time-literals.ts';

const smallText = fc.string({ unit: oneOf('a "\\,(){}é'), maxLength: 5 });

const pair = fc
  .tuple(fc.option(fc.integer({ min: -9, max: 9 })), fc.option(anyText))
  .map(([number, text]) => {
    const quoted = text === null ? '' : `"${text.replaceAll(/["\\]/g, '$&$&')}"`;
    return `(${number ?? ''},${quoted})`;
  });

const hstore = fc
  .array(fc.tuple(anyText, fc.option(anyText)), { maxLength: 5 })
  .map((pairs) =>
    pairs.map(([key, value]) => `${quote(key)}=>${value === null ? 'NULL' : quote(value)}`).join(),
  );

const amounts = fc
  .array(fc.option(fc.nat().map((value) => `${value}.50`)), { maxLength: 4 })
  .map((list) => `{${list.map((value) => value ?? 'NULL').join()}}`);

const USER_CASES: readonly TypeCase[] = [
  { type: 'app.mood', literals: fc.constantFrom('sad', 'so "so"', 'a,b', 'NULL', '{}', 'ö') },
  { type: 'app.pair', literals: pair },
  {
    type: 'app.amount',
    literals: fc.bigInt({ min: 0n, max: 10n ** 30n }).map((value) => `${value}.50`),
  },
  { type: 'app.amount_of_amount', literals: fc.constantFrom('1.50', '0.00') },
  { type: 'app.amounts', literals: amounts, isArray: true },
  { type: 'app.moods', literals: fc.constantFrom('sad', 'NULL'), hasEquality: false },
  { type: 'app.span', literals: fc.constantFrom('empty', '[a,b)', '["a,""",)') },
  { type: 'app.hstore', literals: hstore, shape: 'hstore' },
  { type: 'app.citext', literals: smallText },
  { type: 'app.ltree', literals: fc.constantFrom('', 'a.b', 'Top.Science') },
];

function arrayCase(typeCase: TypeCase): fc.Arbitrary<string> {
  const element = fc
    .option(typeCase.literals, { freq: 6 })
    .map((literal) => (literal === null ? 'NULL' : quote(literal)));
  const delimiter = typeCase.delimiter ?? ',';
  const list = (length: number): fc.Arbitrary<string> =>
    fc
      .array(element, { minLength: length, maxLength: length })
      .map((elements) => `{${elements.join(delimiter)}}`);
  return fc.oneof(
    fc.constant('{}'),
    fc.integer({ min: 1, max: 5 }).chain(list),
    fc.array(list(2), { minLength: 1, maxLength: 3 }).map((rows) => `{${rows.join(delimiter)}}`),
    list(2).map((elements) => `[0:1]=${elements}`),
  );
}

let database: Awaited<ReturnType<typeof testDatabase>>;
let client: Client;

beforeAll(async () => {
  database = await testDatabase();
  await database.query(`
    CREATE SCHEMA app;
    CREATE EXTENSION hstore SCHEMA app;
    CREATE EXTENSION citext SCHEMA app;
    CREATE EXTENSION ltree SCHEMA app;
    CREATE TYPE app.mood AS ENUM ('sad', 'so "so"', 'a,b', 'NULL', '{}', 'ö');
    CREATE TYPE app.pair AS (number int, "text" text);
    CREATE DOMAIN app.amount AS numeric(40,2) CHECK (value >= 0);
    CREATE DOMAIN app.amount_of_amount AS app.amount;
    CREATE DOMAIN app.moods AS app.mood;
    CREATE DOMAIN app.amounts AS app.amount[];
    CREATE TYPE app.span AS RANGE (subtype = text);
  `);
  // app is on the path for the operators of its types only; no output depends on that.
  client = await database.client({ options: startupOptions({}, '') });
  await client.query('SET search_path = pg_catalog, app');
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

for (const typeCase of [...SCALAR_CASES, ...TIME_CASES, ...SHAPE_CASES, ...USER_CASES]) {
  describe(`${typeCase.type}`, () => {
    test(`comes back equal by the server's own comparison (seed ${seed})`, async () => {
      const literals = sample(typeCase.literals, sampleSize(60), typeCase.type);
      expect(await changedOnTheWay(client, typeCase, typeCase.type, literals)).toEqual([]);
    });

    if (typeCase.isArray) return;
    // Arrays of arrays have no literal of their own: where one dimension ends and a value begins cannot be seen.
    test(`comes back equal in arrays (seed ${seed})`, async () => {
      const type = `${typeCase.type}[]`;
      const literals = sample(arrayCase(typeCase), sampleSize(40), type);
      expect(await changedOnTheWay(client, typeCase, type, literals)).toEqual([]);
    });
  });
}
