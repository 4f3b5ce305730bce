import type { JsonValue } from '@certyo-cdc/core';
import type { TypeRegistry } from '@certyo-cdc/postgres';
import type { PollingSettings } from '../settings.ts';
import type { PolledTable } from '../stream/polling-stream.ts';
import type { TableAccess } from '../table/table-access.ts';
import { cursorFromJson, Deletes } from './deletes.ts';
import type { ReaderContext, TableReader, TableState } from './table-reader.ts';
import { XidReader } from './xid-reader.ts';

/** Opens the reader of a table by the kind of its cursor. */
export function openReader(
  settings: Pick<PollingSettings, 'name' | 'stateSchema'>,
  context: ReaderContext,
  access: TableAccess,
  types: TypeRegistry,
  state: TableState | null,
): PolledTable {
  const { hardDeletes } = access.plan.settings;
  const deletes =
    hardDeletes === 'not-captured'
      ? null
      : new Deletes(
          {
            context,
            access,
            types,
            target: { schema: settings.stateSchema, name: settings.name },
            reconcileMs: hardDeletes === 'tombstone' ? null : hardDeletes.reconcileMs,
            now: Date.now,
          },
          cursorFromJson(state?.['tombstones']),
        );
  const usesHorizon = access.plan.settings.cursor.kind === 'xid' || deletes !== null;
  return {
    reader: readerOf(context, access, deletes, state),
    header: () => (usesHorizon ? access.header : null),
    prune: async (acknowledged: JsonValue, options) => {
      const cursor = cursorFromJson((acknowledged as TableState)['tombstones']);
      if (cursor !== null) await deletes?.prune(cursor.xid, options);
    },
  };
}

function readerOf(
  context: ReaderContext,
  access: TableAccess,
  deletes: Deletes | null,
  state: TableState | null,
): TableReader {
  return new XidReader(context, access, deletes, state);
}
