import { resolveConnection, sqlSession } from '@certyo-cdc/postgres';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { binaryArray } from './binary-array.ts';

const { signal } = new AbortController();
const TEXT = fc.option(
  fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => text.replaceAll('\0', '')),
);

test('binaryArray: PostgreSQL reads what was written, of every type, with nulls and none at all', async () => {
  await using database = await testDatabase();
  const session = sqlSession(resolveConnection(database.url, {}));
  const read = async (type: string, array: Buffer): Promise<readonly (string | null)[]> => {
    const { rows } = await session.query<{ readonly element: string | null }>(
      `SELECT e.element::text AS element FROM pg_catalog.unnest($1::${type}[]) WITH ORDINALITY AS e(element, n) ORDER BY n`,
      [array],
      { signal },
    );
    return rows.map(({ element }) => element);
  };
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            text: TEXT,
            int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
            bytes: fc.uint8Array({ minLength: 16, maxLength: 16 }),
            flag: fc.boolean(),
            ms: fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(9998, 0, 1) }),
          }),
          { maxLength: 40 },
        ),
        async (elements) => {
          const hex = elements.map(({ bytes }) => Buffer.from(bytes).toString('hex'));
          const texts = binaryArray('text', elements, 1, (writer, { text }) => {
            if (text === null) writer.null();
            else writer.text(text);
          });
          expect(await read('text', texts)).toEqual(elements.map(({ text }) => text));
          const ints = binaryArray('int4', elements, 1, (writer, { int }) => writer.int4(int));
          expect(await read('int4', ints)).toEqual(elements.map(({ int }) => String(int)));
          const flags = binaryArray('bool', elements, 1, (writer, { flag }) => writer.bool(flag));
          expect(await read('bool', flags)).toEqual(elements.map(({ flag }) => String(flag)));
          const bytes = binaryArray('bytea', hex, 1, (writer, each) => writer.hex(each));
          expect(await read('bytea', bytes)).toEqual(hex.map((each) => `\\x${each}`));
          const ids = binaryArray('uuid', hex, 1, (writer, each) => writer.hex(each));
          const bare = (await read('uuid', ids)).map((id) => id?.replaceAll('-', ''));
          expect(bare).toEqual(hex);
          const times = binaryArray('timestamptz', elements, 1, (writer, { ms }) =>
            writer.time(BigInt(ms) * 1000n),
          );
          const seen = (await read('timestamptz', times)).map((time) =>
            Date.parse(`${time ?? ''}:00`),
          );
          expect(seen).toEqual(elements.map(({ ms }) => ms));
        },
      ),
      { numRuns: 60 },
    );
  } finally {
    await session.close();
  }
});
