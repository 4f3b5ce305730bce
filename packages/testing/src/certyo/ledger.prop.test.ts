import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IDEMPOTENCY_WINDOW_MS } from './idempotency-store.ts';
import { Ledger } from './ledger.ts';
import { RawJson } from './raw-json.ts';
import type { IncomingRecord } from './record-input.ts';

const HOUR_MS = 60 * 60 * 1000;

const command = fc.record({
  tenantId: fc.constantFrom('a', 'b'),
  key: fc.option(fc.constantFrom('k1', 'k2', 'k3')),
  recordId: fc.constantFrom('1', '2'),
  payload: fc.constantFrom('{"n":1}', '{"n":1.0}', '{"n":2}'),
  waitMs: fc.constantFrom(0, 1, HOUR_MS, 23 * HOUR_MS, IDEMPOTENCY_WINDOW_MS),
});

function incoming(fields: {
  readonly tenantId: string;
  readonly key: string | null;
  readonly recordId: string;
  readonly payload: string;
}): IncomingRecord {
  return {
    tenantId: fields.tenantId,
    clientId: null,
    database: 'd',
    collection: 'c',
    recordId: fields.recordId,
    recordVersion: '1',
    operationType: 'upsert',
    payload: new RawJson(fields.payload, false),
    sourceTimestamp: null,
    idempotencyKey: fields.key,
  };
}

describe('Ledger', () => {
  test('a key has one effect per tenant in 24 hours, and every replay gives the first answer', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const ledger = new Ledger('full');
        /** The model: first answers by tenant and key. */
        const first = new Map<string, { atMs: number; recordId: string; payload: string }>();
        let nowMs = 0;
        let effects = 0;
        let collisions = 0;
        for (const { waitMs, ...fields } of commands) {
          nowMs += waitMs;
          const name = `${fields.tenantId}/${fields.key}`;
          const known = fields.key === null ? undefined : first.get(name);
          const { acceptance, stored } = ledger.accept(incoming(fields), nowMs);
          if (known !== undefined && nowMs - known.atMs < IDEMPOTENCY_WINDOW_MS) {
            expect(stored).toBeNull();
            expect(acceptance).toMatchObject({
              isReplay: true,
              acceptedAtMs: known.atMs,
              recordId: known.recordId,
            });
            if (known.recordId !== fields.recordId || known.payload !== fields.payload) {
              collisions += 1;
            }
          } else {
            expect(stored).not.toBeNull();
            expect(acceptance).toMatchObject({ isReplay: false, acceptedAtMs: nowMs });
            effects += 1;
            first.set(name, { atMs: nowMs, recordId: fields.recordId, payload: fields.payload });
          }
        }
        expect(ledger).toMatchObject({ effects, collisions, replays: commands.length - effects });
        expect(ledger.records.reduce((sum, record) => sum + record.attempts, 0)).toBe(
          commands.length,
        );
      }),
    );
  });

  test('all retentions answer alike', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const answers = (['full', 'digest', 'counts'] as const).map((retention) => {
          const ledger = new Ledger(retention);
          let nowMs = 0;
          return commands.map(({ waitMs, ...fields }) => {
            nowMs += waitMs;
            return ledger.accept(incoming(fields), nowMs).acceptance;
          });
        });
        expect(answers[1]).toEqual(answers[0]);
        expect(answers[2]).toEqual(answers[0]);
      }),
    );
  });

  test('I3: a version that goes back is counted', () => {
    for (const retention of ['full', 'digest'] as const) {
      const ledger = new Ledger(retention);
      const versions = ['01', '02', '01', '03', '03'];
      versions.forEach((recordVersion, index) => {
        const fields = { tenantId: 'a', key: null, recordId: '1', payload: '{}' };
        ledger.accept({ ...incoming(fields), recordVersion }, index);
        // Another table's record of the same id has nothing to do with it.
        ledger.accept({ ...incoming(fields), recordVersion: '00', collection: 'other' }, index);
      });
      expect(ledger.regressions).toBe(1);
    }
  });
});
