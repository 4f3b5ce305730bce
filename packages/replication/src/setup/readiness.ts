import {
  type PublicationDescription,
  qualifiedName,
  quoteIdentifier,
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

/** What a publication lacks to send every change of the tables. */
export function publicationProblems(
  publication: PublicationDescription | null,
  tables: readonly TableDescription[],
  settings: Pick<ReplicationSettings, 'publication'>,
  versionNumber: number,
): readonly Problem[] {
  const name = quoteIdentifier(settings.publication);
  if (publication === null) {
    return [
      {
        what: `The publication "${settings.publication}" does not exist.`,
        sql: createPublicationSql(settings.publication, tables, versionNumber),
        losesChanges: true,
      },
    ];
  }
  const problems: Problem[] = [];
  const covered = new Set(publication.tables.map((table) => table.oid));
  const missing = tables.filter((table) => !covered.has(table.oid));
  const needsRoot = tables.some((table) => table.isPartitioned) && !publication.viaRoot;
  if (needsRoot) {
    problems.push({
      what: `The publication "${settings.publication}" sends changes of partitioned tables under the names of their partitions.`,
      sql: `ALTER PUBLICATION ${name} SET (publish_via_partition_root = true);`,
      losesChanges: true,
    });
  }
  // Without publish_via_partition_root the root is listed by its partitions; adding it again would be an error.
  const reallyMissing = needsRoot ? missing.filter((table) => !table.isPartitioned) : missing;
  if (reallyMissing.length > 0) {
    problems.push({
      what: `The publication "${settings.publication}" does not cover ${reallyMissing.map((table) => tableLabel(table)).join(', ')}.`,
      sql: `ALTER PUBLICATION ${name} ADD TABLE ${reallyMissing.map((table) => qualifiedName(table)).join(', ')};`,
      losesChanges: true,
    });
  }
  const unsent = tables.filter(
    (table) => table.replicaIdentity === 'full' && hasUnsentColumn(table, publication),
  );
  if (versionNumber >= 180_000 && unsent.length > 0) {
    problems.push({
      what: `The publication "${settings.publication}" leaves out the generated columns of ${unsent.map((table) => tableLabel(table)).join(', ')}: under REPLICA IDENTITY FULL the server then refuses every UPDATE and DELETE.`,
      sql: `ALTER PUBLICATION ${name} SET (publish_generated_columns = stored);`,
      losesChanges: false,
    });
  }
  const operations = [
    publication.insert ? null : 'insert',
    publication.update ? null : 'update',
    publication.delete ? null : 'delete',
    publication.truncate || versionNumber < 110_000 ? null : 'truncate',
  ].filter((operation) => operation !== null);
  if (operations.length > 0) {
    problems.push({
      what: `The publication "${settings.publication}" does not send ${operations.join(', ')}.`,
      sql: `ALTER PUBLICATION ${name} SET (publish = '${publishedOperations(versionNumber)}');`,
      losesChanges: true,
    });
  }
  return problems;
}

/** Whether the publication sends some columns of a table, and not a stored generated one. */
function hasUnsentColumn(table: TableDescription, publication: PublicationDescription): boolean {
  const sent = publication.tables.find(({ oid }) => oid === table.oid)?.columns;
  if (sent === undefined || sent === null) return false;
  return table.columns.some((c) => c.generated === 'stored' && !sent.includes(c.name));
}

/** Things that are allowed but should be known. */
export function warnings(
  publication: PublicationDescription,
  tables: readonly TableDescription[],
): readonly { readonly code: string; readonly message: string }[] {
  const wanted = new Map(tables.map((table) => [table.oid, table]));
  const filtered = publication.tables.filter((t) => t.rowFilter !== null && wanted.has(t.oid));
  return [
    ...filtered.map((table) => ({
      code: 'ROW_FILTER',
      message: `The publication has a row filter for ${tableLabel(table)}: rows that it leaves out are not captured.`,
    })),
    ...tables
      .filter((t) => t.replicaIdentity !== 'full' && t.columns.some((c) => c.mayBeToasted))
      .map((table) => ({
        code: 'TOAST_UNAVAILABLE',
        message: `Large values of ${tableLabel(table)} that an update leaves unchanged are not sent and will be named under _unavailable. To have them: ALTER TABLE ${qualifiedName(table)} REPLICA IDENTITY FULL;`,
      })),
  ];
}

export function createPublicationSql(
  publication: string,
  tables: readonly TableDescription[],
  versionNumber: number,
): string {
  const options = [`publish = '${publishedOperations(versionNumber)}'`];
  if (versionNumber >= 130_000) options.push('publish_via_partition_root = true');
  // They are left out of rows; but under REPLICA IDENTITY FULL a writer fails whose table has unpublished ones.
  // https://www.postgresql.org/docs/current/logical-replication-gencols.html
  const hasGenerated = tables.some((table) => table.columns.some((c) => c.generated === 'stored'));
  if (versionNumber >= 180_000 && hasGenerated) options.push('publish_generated_columns = stored');
  const names = tables.map((table) => qualifiedName(table)).join(', ');
  return `CREATE PUBLICATION ${quoteIdentifier(publication)} FOR TABLE ${names} WITH (${options.join(', ')});`;
}

/** TRUNCATE is published since PostgreSQL 11. */
function publishedOperations(versionNumber: number): string {
  return versionNumber < 110_000 ? 'insert, update, delete' : 'insert, update, delete, truncate';
}
