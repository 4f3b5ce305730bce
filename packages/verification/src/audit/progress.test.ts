import { SYSTEM_TIME } from '@certyo-cdc/core/internal';
import { describe, expect, test } from 'vitest';

import type { AuditState } from './audit-state.ts';
import type { Audited } from './audited.ts';
import type { NormalizedAuditOptions } from './options.ts';
import { AuditProgress } from './progress.ts';
import type { Suspect } from './suspect.ts';
import { newTally } from './tally.ts';

/** More than a call takes arguments. */
const MANY = 300_000;

function suspects(table: string): readonly Suspect[] {
  return Array.from({ length: MANY }, (_, id) => ({
    table,
    database: 'shop',
    collection: table,
    recordId: String(id),
    key: [String(id)],
    wasRead: true,
  }));
}

function audited(label: string): Audited {
  const some = { shape: { label }, tally: newTally(), notComparable: new Map<string, number>() };
  return some as unknown as Audited;
}

describe('AuditProgress', () => {
  test('takes any number of suspects, and goes on with those of the tables that are not read anew', async () => {
    let kept: AuditState | null = null;
    const state = {
      load: () => Promise.resolve(kept),
      save: (now: AuditState | null) => {
        kept = now;
        return Promise.resolve();
      },
    };
    const options = { span: null, state, tables: [], time: SYSTEM_TIME };
    const load = (): Promise<AuditProgress> =>
      AuditProgress.load(options as unknown as NormalizedAuditOptions, 'server');
    const first = await load();
    const [one, other] = [
      audited('public.one'),
      { ...audited('public.other'), isNamedByKey: true },
    ];
    for (const each of [{ ...one, isNamedByKey: false }, other]) first.begin(each);
    first.suspect(suspects('public.one'));
    first.suspect(suspects('public.other'));
    other.notComparable.set('why', 3);
    await first.save();
    const next = await load();
    const again = [audited('public.one'), audited('public.other')];
    for (const each of again) next.begin(each);
    expect(next.suspects).toHaveLength(MANY);
    expect(new Set(next.suspects.map(({ table }) => table))).toEqual(new Set(['public.other']));
    expect(again[1]?.notComparable).toEqual(new Map([['why', 3]]));
  });
});
