import {
  type PublicationDescription,
  qualifiedName,
  type ServerInfo,
  type TableDescription,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import { tableLabel } from '@certyo-cdc/core/internal';

/** Something that stands in the way, and the SQL that removes it. */
export interface Problem {
  readonly what: string;
  readonly sql: string;
  /** True when changes may have been missed because of it while a checkpoint exists. */
  readonly losesChanges: boolean;
}

/** What the server would need before a restart changes anything. */
export function serverProblems(server: ServerInfo): readonly Problem[] {
  if (server.walLevel === 'logical') return [];
  return [
    {
      what: `wal_level is "${server.walLevel}"; logical replication needs "logical".`,
      sql: "ALTER SYSTEM SET wal_level = 'logical'; -- then restart the server (managed services: set it in the parameter group)",
      losesChanges: false,
    },
  ];
}

/**
 * Tables whose records could not be told apart or whose deletes would not name their record.
 * https://www.postgresql.org/docs/current/logical-replication-publication.html#LOGICAL-REPLICATION-PUBLICATION-REPLICA-IDENTITY
 */
export function tableProblems(
  tables: readonly TableDescription[],
  settings: Pick<ReplicationSettings, 'keys'>,
): readonly Problem[] {
  return tables.flatMap((table): Problem[] => {
    const name = tableLabel(table);
    const sqlName = qualifiedName(table);
    const configured = settings.keys[name];
    const key = configured ?? table.primaryKey;
    const unknown = key.find((column) => !table.columns.some((c) => c.name === column));
    if (unknown !== undefined) {
      return [
        {
          what: `keys['${name}'] names the column "${unknown}", which the table does not have.`,
          sql: `-- correct the option keys['${name}']`,
          losesChanges: false,
        },
      ];
    }
    if (key.length === 0) {
      return [
        {
          what: `${name} has no primary key, so nothing names its records.`,
          sql: `ALTER TABLE ${sqlName} REPLICA IDENTITY FULL; -- and set keys: { '${name}': [...] }; or add a primary key`,
          losesChanges: false,
        },
      ];
    }
    if (table.replicaIdentity === 'full' && table.columns.some((c) => c.generated === 'virtual')) {
      return [
        {
          what: `${name} has REPLICA IDENTITY FULL and a virtual generated column: the server refuses every UPDATE and DELETE of such a table once it is published.`,
          sql: `ALTER TABLE ${sqlName} REPLICA IDENTITY DEFAULT;`,
          losesChanges: false,
        },
      ];
    }
    const identity = new Set(table.replicaIdentityColumns);
    if (table.replicaIdentity === 'full' || key.every((column) => identity.has(column))) return [];
    const canDefault =
      configured === undefined || configured.every((column) => table.primaryKey.includes(column));
    return [
      {
        what: `The replica identity of ${name} (${table.replicaIdentity}) does not show the key columns ${key.join(', ')} of a deleted row.`,
        sql: `ALTER TABLE ${sqlName} REPLICA IDENTITY ${canDefault ? 'DEFAULT' : 'FULL'};`,
        losesChanges: false,
      },
    ];
  });
}

/** Things that are allowed but should be known. */
export function warnings(
  publication: PublicationDescription,
  tables: readonly TableDescription[],
): readonly { readonly code: string; readonly message: string }[] {
  const wanted = new Map(tables.map((table) => [table.oid, table]));
  const listed = publication.tables.filter(({ oid, columns }) =>
    wanted
      .get(oid)
      ?.columns.some((c) => c.generated === null && columns?.includes(c.name) === false),
  );
  const filtered = publication.tables.filter((t) => t.rowFilter !== null && wanted.has(t.oid));
  return [
    ...filtered.map((table) => ({
      code: 'ROW_FILTER',
      message: `The publication has a row filter for ${tableLabel(table)}: rows that it leaves out are not captured.`,
    })),
    ...listed.map((table) => ({
      code: 'COLUMN_LIST',
      message: `The publication has a column list for ${tableLabel(table)}: columns that it leaves out are no part of the row.`,
    })),
    ...tables
      .filter((t) => t.replicaIdentity !== 'full' && t.columns.some((c) => c.mayBeToasted))
      .map((table) => ({
        code: 'TOAST_UNAVAILABLE',
        message: `Large values of ${tableLabel(table)} that an update leaves unchanged are not sent and will be named under _unavailable. To have them: ALTER TABLE ${qualifiedName(table)} REPLICA IDENTITY FULL;`,
      })),
  ];
}
