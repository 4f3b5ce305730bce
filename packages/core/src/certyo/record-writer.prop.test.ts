import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { laneOf } from './certyo-item.ts';
import type { ItemOrigin } from './item-origin.ts';
import type { RecordDraft } from './record-draft.ts';
import { RecordWriter } from './record-writer.ts';
import { payloadOf } from './sink-receipts.ts';

/** Texts with what is escaped, halves of pairs, and what stands around the parts of a body. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({
    unit: fc.constantFrom('"', '\\', ',', '\n', '\ud800', '\udc00', '\ufffd', 'é', 'a'),
  }),
  fc.constantFrom(
    '',
    ',"recordPayload":',
    '","recordPayload":{',
    ',"sourceTimestamp":"',
    ',"idempotencyKey":"',
    '"}',
    'x'.repeat(2_500),
  ),
);
const payload = fc
  .dictionary(
    fc.oneof(
      text,
      fc.constantFrom('recordPayload', 'idempotencyKey', 'sourceTimestamp', '__proto__'),
    ),
    fc.oneof(text, fc.dictionary(text, text), fc.double(), fc.constant(null)),
    { maxKeys: 5 },
  )
  .map((value) => JSON.stringify(value));

const draft: fc.Arbitrary<RecordDraft> = fc.record({
  database: text,
  collection: text,
  recordId: text,
  recordVersion: text,
  operationType: fc.constantFrom('insert', 'update', 'delete', 'upsert'),
  sourceTimestamp: fc.option(text),
  payload,
  unavailable: fc.constant(null),
});

/** With one, it is noted where the payload stands. */
const ORIGIN: ItemOrigin = {
  eventId: 'event',
  operationType: 'insert',
  committedAt: null,
  isFound: false,
  table: null,
};

describe('RecordWriter', () => {
  test('writes the bytes that JSON.stringify would, and the payload is found in them again', () => {
    fc.assert(
      fc.property(
        text,
        fc.option(text, { nil: undefined }),
        fc.array(draft, { maxLength: 6 }),
        (tenantId, clientId, drafts) => {
          const writer = new RecordWriter(tenantId, clientId);
          for (const one of drafts) {
            const {
              collection,
              database,
              operationType,
              recordId,
              recordVersion,
              sourceTimestamp,
            } = one;
            const item = writer.write(one);
            const { idempotencyKey: key } = item;
            const named = `,"database":${JSON.stringify(database)},"collection":${JSON.stringify(collection)},"recordId":${JSON.stringify(recordId)},"recordVersion":${JSON.stringify(recordVersion)},"operationType":"${operationType}","recordPayload":${String(one.payload)}`;
            const head = JSON.stringify({ tenantId, clientId }).slice(0, -1);
            const time =
              sourceTimestamp === null
                ? ''
                : `,"sourceTimestamp":${JSON.stringify(sourceTimestamp)}`;
            expect(item.body.toString()).toBe(`${head}${named}${time},"idempotencyKey":"${key}"}`);
            expect(Buffer.from(item.body.toString())).toEqual(item.body);
            expect(key).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
            expect(key.slice(-32)).toBe(
              createHash('sha256').update(named).digest('hex').slice(0, 32),
            );
            expect(payloadOf(item).toString()).toBe(one.payload);
            const kept = writer.write(one, ORIGIN);
            expect(kept.body).toEqual(item.body);
            expect(payloadOf(kept).toString()).toBe(one.payload);
            expect(kept.recordVersion).toBe(recordVersion);
            expect(laneOf(item)).toBe(JSON.stringify([database, collection, recordId]));
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
