import { describe, expect, test } from 'vitest';

import { encodeBulkRequest, encodeItems } from './bulk-envelope.ts';
import { deserializeItem, serializeItem, type CertyoItem } from './certyo-item.ts';
import { RecordWriter } from './record-writer.ts';

/** So many records that several slabs are filled, with some that are too large for one. */
function written(): CertyoItem[] {
  const writer = new RecordWriter('tenant', undefined);
  return Array.from({ length: 300 }, (_, index) =>
    writer.write({
      database: 'shop',
      collection: `public.orders_${index % 3}`,
      recordId: String(index),
      recordVersion: `1-${index}`,
      operationType: 'insert',
      sourceTimestamp: null,
      payload: JSON.stringify({
        text: 'é'.repeat(index % 50 === 49 ? 20_000 : (index * 37) % 900),
      }),
      unavailable: null,
    }),
  );
}

describe('encodeItems', () => {
  const all = written();
  const parked = all.map((item, index) =>
    index % 7 === 0 ? deserializeItem(serializeItem(item)) : item,
  );

  test.each([
    ['in the order that they were written in', all],
    ['backwards', all.toReversed()],
    ['with gaps between them', all.filter((_, index) => index % 5 !== 2)],
    ['of which some were read back from text', parked],
    ['a single one', all.slice(3, 4)],
    ['none', []],
  ])('gives the bytes of encodeBulkRequest: items %s', (_name, items) => {
    const bodies = items.map(({ body }) => body);
    expect(encodeItems(items)).toEqual(encodeBulkRequest(bodies));
  });

  test('two writers do not write into each other', () => {
    const left = written();
    const before = left.map(({ body }) => body.toString());
    const right = written();
    expect(left.map(({ body }) => body.toString())).toEqual(before);
    expect(right.map(({ body }) => body.toString())).toEqual(before);
    expect(left).toEqual(right);
  });
});
