import type { CertyoEffect } from '../certyo/inspection.ts';

/** What tells one record from all others. */
export function recordName(record: {
  readonly collection: string;
  readonly recordId: string;
}): string {
  return `${record.collection} ${record.recordId}`;
}

/** Effects by record, each list in order of acceptance. */
export function heldByRecord(effects: readonly CertyoEffect[]): Map<string, CertyoEffect[]> {
  const byRecord = new Map<string, CertyoEffect[]>();
  for (const effect of effects) push(byRecord, recordName(effect), effect);
  return byRecord;
}

/** The first effect of each version, in the order of versions. */
export function distinctVersions(effects: readonly CertyoEffect[]): readonly CertyoEffect[] {
  const first = new Map<string, CertyoEffect>();
  for (const effect of effects) {
    if (!first.has(effect.recordVersion)) first.set(effect.recordVersion, effect);
  }
  return [...first.values()].sort((a, b) =>
    a.recordVersion < b.recordVersion ? -1 : a.recordVersion > b.recordVersion ? 1 : 0,
  );
}

/** The effects that were accepted before an earlier version of the same record. */
export function reorderedEffects(inVersionOrder: readonly CertyoEffect[]): readonly CertyoEffect[] {
  return inVersionOrder.filter(
    (effect, i) => effect.sequence < (inVersionOrder[i - 1]?.sequence ?? 0),
  );
}

export function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
