import type { PollingSettings } from '../settings.ts';
import type { PollingSpec } from '../setup/spec.ts';

/** What setup has to make for a source with these options. */
export function pollingSpec(settings: PollingSettings): PollingSpec {
  return {
    schema: settings.stateSchema,
    name: settings.name,
    tables: settings.tables.map(({ schema, name, key, cursor, lastUpdate, hardDeletes }) => ({
      table: { schema, name },
      key,
      cursor: { kind: cursor.kind, column: cursor.column },
      lastUpdate,
      hardDeletes: typeof hardDeletes === 'string' ? hardDeletes : 'reconcile',
    })),
  };
}
