import { testDatabase } from '@certyo-cdc/testing/vitest';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { parseRecordText } from './record-text.ts';
import { sample, sampleSize, seed } from './testing/oracle.ts';
import { anyText } from './testing/scalar-literals.ts';

test(`T-11: parseRecordText splits what the server prints for any record (seed ${seed})`, async () => {
  await using database = await testDatabase();
  const rows = sample(
    fc.tuple(fc.option(anyText), fc.option(anyText), fc.option(fc.array(fc.option(anyText)))),
    sampleSize(400),
    'records',
  );
  const printed = await database.query<{ record: string; texts: (string | null)[] }>(
    `SELECT ROW(r.a, r.b, r.c, ROW(r.a, r.b))::text AS record,
            ARRAY[r.a, r.b, r.c::text, ROW(r.a, r.b)::text] AS texts
       FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY e(row, n)
       CROSS JOIN LATERAL (
         SELECT e.row ->> 0 AS a, e.row ->> 1 AS b,
                CASE WHEN e.row -> 2 <> 'null' THEN ARRAY(SELECT jsonb_array_elements_text(e.row -> 2)) END AS c
       ) r ORDER BY e.n`,
    [JSON.stringify(rows)],
  );
  expect(printed).toHaveLength(rows.length);
  for (const { record, texts } of printed) expect(parseRecordText(record)).toEqual(texts);
});
