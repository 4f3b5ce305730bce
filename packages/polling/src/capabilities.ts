import type { PollingSettings, TableSettings } from './settings.ts';

/** How rows that are gone are seen. */
export type HardDeleteCapability = 'tombstone' | 'reconciled' | 'not-captured';

/** What a polling source sees of one table. */
export interface TableCapabilities {
  /** States between two looks are not seen. */
  readonly everyVersion: false;
  /** Changes of rows that exist. False with the id cursor, which sees added rows only. */
  readonly updates: boolean;
  /** Whether nothing is missed however long a transaction takes; false with the timestamp cursor, which has its overlap. */
  readonly exact: boolean;
  readonly softDeletes: boolean;
  readonly hardDeletes: HardDeleteCapability;
}

/** What a polling source sees: what holds for every one of its tables, and each of them by its label. */
export interface PollingCapabilities extends TableCapabilities {
  readonly tables: Readonly<Record<string, TableCapabilities>>;
}

/** Derives from the options what the source can see. */
export function pollingCapabilities({ tables }: PollingSettings): PollingCapabilities {
  const each = tables.map((table) => [table.label, capabilitiesOf(table)] as const);
  const all = each.map(([, capabilities]) => capabilities);
  const kinds: readonly HardDeleteCapability[] = ['not-captured', 'reconciled', 'tombstone'];
  return Object.freeze({
    everyVersion: false,
    updates: all.every(({ updates }) => updates),
    exact: all.every(({ exact }) => exact),
    softDeletes: all.every(({ softDeletes }) => softDeletes),
    hardDeletes:
      kinds.find((kind) => all.some(({ hardDeletes }) => hardDeletes === kind)) ?? 'not-captured',
    tables: Object.freeze(Object.fromEntries(each)),
  });
}

function capabilitiesOf({ cursor, hardDeletes, softDelete }: TableSettings): TableCapabilities {
  return Object.freeze({
    everyVersion: false,
    updates: cursor.kind !== 'id',
    exact: cursor.kind !== 'timestamp',
    softDeletes: softDelete !== null,
    hardDeletes: typeof hardDeletes === 'string' ? hardDeletes : 'reconciled',
  });
}
