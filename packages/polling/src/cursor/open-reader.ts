import { type JsonValue, SourceSetupError } from '@certyo-cdc/core';
import type { QualifiedName, TypeRegistry } from '@certyo-cdc/postgres';
import type { PollingSettings } from '../settings.ts';
import type { PolledTable } from '../stream/polling-stream.ts';
import type { TableAccess } from '../table/table-access.ts';
import { cursorFromJson, Deletes } from './deletes.ts';
import { IdReader } from './id-reader.ts';
import type { ReaderContext, TableReader, TableState } from './table-reader.ts';
import { TimestampReader } from './timestamp-reader.ts';
import { XidReader } from './xid-reader.ts';

/** Opens the reader of a table by the kind of its cursor. */
export function openReader(
  settings: Pick<PollingSettings, 'name' | 'stateSchema'>,
  context: ReaderContext,
  access: TableAccess,
  types: TypeRegistry,
  sequence: QualifiedName | null,
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
  const reader = readerOf(context, access, deletes, sequence, state);
  const usesHorizon = access.plan.settings.cursor.kind === 'xid' || deletes !== null;
  return {
    reader,
    header: () => {
      const isHeldUp = usesHorizon || (reader instanceof TimestampReader && reader.isWaiting);
      return isHeldUp ? access.header : null;
    },
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
  sequence: QualifiedName | null,
  state: TableState | null,
): TableReader {
  const { cursor, label } = access.plan.settings;
  if (cursor.kind === 'xid') return new XidReader(context, access, deletes, state);
  if (cursor.kind === 'timestamp') {
    return new TimestampReader(context, access, deletes, cursor.overlapMs, state);
  }
  if (sequence === null) {
    throw new SourceSetupError(
      `The column "${cursor.column}" of ${label} is not filled by a sequence, so that nobody knows which numbers are still to come.`,
      { remedy: 'Let a sequence with CACHE 1 fill it, or choose another cursor.' },
    );
  }
  return new IdReader(context, access, deletes, sequence, state);
}
