import type { JsonValue, RowChange } from '@certyo-cdc/core';

/** `toJSON` of events and of copies of events: every field that is there and is no function. */
export function eventToJson(this: object): JsonValue {
  return Object.fromEntries(
    Object.entries(this).filter(([, value]) => typeof value !== 'function' && value !== undefined),
  ) as JsonValue;
}

/** `toJSON` of a row change, whose fields are not its own. */
export function rowChangeToJson(event: RowChange): JsonValue {
  const { after, before, id, key, lsn, operation, previousKey } = event;
  const { source, table, transaction, unavailable, version } = event;
  return {
    operation,
    id,
    version,
    table,
    ...(lsn === undefined ? {} : { lsn }),
    key,
    previousKey,
    before,
    after,
    unavailable,
    transaction,
    source,
  } as unknown as JsonValue;
}
