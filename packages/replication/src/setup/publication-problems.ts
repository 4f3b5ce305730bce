import { tableLabel } from '@certyo-cdc/core/internal';
import {
  type PublicationDescription,
  qualifiedName,
  quoteIdentifier,
  type TableDescription,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { CapturedTable } from '../normalize-tables.ts';
import type { Problem } from './readiness.ts';

/** What a publication is judged by. */
export type PublicationSettings = Pick<
  ReplicationSettings,
  'publication' | 'tables' | 'schemas' | 'partitions'
>;

/** What a publication lacks to send every change of the tables. */
export function publicationProblems(
  publication: PublicationDescription | null,
  tables: readonly TableDescription[],
  settings: PublicationSettings,
  versionNumber: number,
): readonly Problem[] {
  const name = quoteIdentifier(settings.publication);
  if (publication === null) {
    return [
      {
        what: `The publication "${settings.publication}" does not exist.`,
        sql: createPublicationSql(settings, tables, versionNumber),
        losesChanges: true,
      },
    ];
  }
  return [
    ...partitionProblems(publication, tables, settings),
    ...coverProblems(publication, tables, settings),
    ...narrowingProblems(publication, settings),
    ...generatedProblems(publication, tables, name, versionNumber),
    ...operationProblems(publication, name, versionNumber),
  ];
}

/** Under whose name changes of partitions come. */
function partitionProblems(
  publication: PublicationDescription,
  tables: readonly TableDescription[],
  settings: PublicationSettings,
): readonly Problem[] {
  const wantsRoot = settings.partitions === 'root';
  if (publication.viaRoot === wantsRoot || !tables.some((table) => table.isPartitioned)) return [];
  return [
    {
      what: wantsRoot
        ? `The publication "${settings.publication}" sends changes of partitioned tables under the names of their partitions.`
        : `The publication "${settings.publication}" sends changes of partitions under the names of their partitioned tables.`,
      sql: `ALTER PUBLICATION ${quoteIdentifier(settings.publication)} SET (publish_via_partition_root = ${String(wantsRoot)});`,
      losesChanges: wantsRoot,
    },
  ];
}

function coverProblems(
  publication: PublicationDescription,
  tables: readonly TableDescription[],
  settings: PublicationSettings,
): readonly Problem[] {
  if (publication.coversAllTables) return [];
  const name = quoteIdentifier(settings.publication);
  const covered = new Set([...publication.tables.map(({ oid }) => oid), ...publication.listed]);
  const listed = new Map(settings.tables.map((table) => [tableLabel(table), table]));
  const missing = tables.filter(
    (table) =>
      listed.has(tableLabel(table)) &&
      !covered.has(table.oid) &&
      !publication.schemas.includes(table.schema),
  );
  const missingSchemas = settings.schemas.filter((s) => !publication.schemas.includes(s));
  const problems: Problem[] = [];
  if (missing.length > 0) {
    const parts = missing.map((table) => publishedTable(table, listed.get(tableLabel(table))));
    problems.push({
      what: `The publication "${settings.publication}" does not cover ${missing.map((table) => tableLabel(table)).join(', ')}.`,
      sql: `ALTER PUBLICATION ${name} ADD TABLE ${parts.join(', ')};`,
      losesChanges: true,
    });
  }
  if (missingSchemas.length > 0) {
    problems.push({
      what: `The publication "${settings.publication}" does not cover the tables of ${missingSchemas.map((s) => `"${s}"`).join(', ')}.`,
      sql: `ALTER PUBLICATION ${name} ADD TABLES IN SCHEMA ${missingSchemas.map((s) => quoteIdentifier(s)).join(', ')};`,
      losesChanges: true,
    });
  }
  return problems;
}

/** Column lists and row filters that the options ask for and the publication does not have. */
function narrowingProblems(
  publication: PublicationDescription,
  settings: PublicationSettings,
): readonly Problem[] {
  return settings.tables.flatMap((table): Problem[] => {
    const published = publication.tables.find(
      ({ schema, name }) => schema === table.schema && name === table.name,
    );
    if (published === undefined) return [];
    const columns = published.columns ?? [];
    const hasColumns =
      table.columns === null ||
      (columns.length === table.columns.length && table.columns.every((c) => columns.includes(c)));
    const hasFilter = table.where === null || published.rowFilter !== null;
    if (hasColumns && hasFilter) return [];
    const what = hasColumns ? 'row filter' : 'column list';
    return [
      {
        what: `The publication "${settings.publication}" has another ${what} for ${tableLabel(table)} than the option tables.`,
        sql: replaceTableSql(settings.publication, table),
        losesChanges: false,
      },
    ];
  });
}

/** One statement, so that no change can fall in between. */
export function replaceTableSql(publication: string, table: CapturedTable): string {
  const name = quoteIdentifier(publication);
  const body = `BEGIN ALTER PUBLICATION ${name} DROP TABLE ${qualifiedName(table)}; ALTER PUBLICATION ${name} ADD TABLE ${publishedTable(table, table)}; END`;
  return `DO ${dollarQuoted(body)};`;
}

function generatedProblems(
  publication: PublicationDescription,
  tables: readonly TableDescription[],
  name: string,
  versionNumber: number,
): readonly Problem[] {
  const unsent = tables.filter(
    (table) => table.replicaIdentity === 'full' && hasUnsentColumn(table, publication),
  );
  if (versionNumber < 180_000 || unsent.length === 0) return [];
  return [
    {
      what: `The publication ${name} leaves out the generated columns of ${unsent.map((table) => tableLabel(table)).join(', ')}: under REPLICA IDENTITY FULL the server then refuses every UPDATE and DELETE.`,
      sql: `ALTER PUBLICATION ${name} SET (publish_generated_columns = stored);`,
      losesChanges: false,
    },
  ];
}

/** Whether the publication sends some columns of a table, and not a stored generated one. */
function hasUnsentColumn(table: TableDescription, publication: PublicationDescription): boolean {
  const sent = publication.tables.find(({ oid }) => oid === table.oid)?.columns;
  if (sent === undefined || sent === null) return false;
  return table.columns.some((c) => c.generated === 'stored' && !sent.includes(c.name));
}

function operationProblems(
  publication: PublicationDescription,
  name: string,
  versionNumber: number,
): readonly Problem[] {
  const operations = [
    publication.insert ? null : 'insert',
    publication.update ? null : 'update',
    publication.delete ? null : 'delete',
    publication.truncate || versionNumber < 110_000 ? null : 'truncate',
  ].filter((operation) => operation !== null);
  if (operations.length === 0) return [];
  return [
    {
      what: `The publication ${name} does not send ${operations.join(', ')}.`,
      sql: `ALTER PUBLICATION ${name} SET (publish = '${publishedOperations(versionNumber)}');`,
      losesChanges: true,
    },
  ];
}

/** The SQL of a publication as the options want it. */
export function createPublicationSql(
  settings: PublicationSettings,
  tables: readonly TableDescription[],
  versionNumber: number,
): string {
  const options = [`publish = '${publishedOperations(versionNumber)}'`];
  if (versionNumber >= 130_000) {
    options.push(`publish_via_partition_root = ${String(settings.partitions === 'root')}`);
  }
  // They are left out of rows; but under REPLICA IDENTITY FULL a writer fails whose table has unpublished ones.
  // https://www.postgresql.org/docs/current/logical-replication-gencols.html
  const hasGenerated = tables.some((table) => table.columns.some((c) => c.generated === 'stored'));
  if (versionNumber >= 180_000 && hasGenerated) options.push('publish_generated_columns = stored');
  const listed = settings.tables.map((table) => publishedTable(table, table));
  const schemas = settings.schemas.map((schema) => quoteIdentifier(schema));
  const objects = [
    ...(listed.length === 0 ? [] : [`TABLE ${listed.join(', ')}`]),
    ...(schemas.length === 0 ? [] : [`TABLES IN SCHEMA ${schemas.join(', ')}`]),
  ];
  return `CREATE PUBLICATION ${quoteIdentifier(settings.publication)} FOR ${objects.join(', ')} WITH (${options.join(', ')});`;
}

/** A table as a publication names it, with its column list and row filter (PostgreSQL 15). */
function publishedTable(
  table: { readonly schema: string; readonly name: string },
  captured: CapturedTable | undefined,
): string {
  const columns = captured?.columns ?? null;
  const where = captured?.where ?? null;
  return [
    qualifiedName(table),
    columns === null ? '' : ` (${columns.map((column) => quoteIdentifier(column)).join(', ')})`,
    where === null ? '' : ` WHERE (${where})`,
  ].join('');
}

/** TRUNCATE is published since PostgreSQL 11. */
function publishedOperations(versionNumber: number): string {
  return versionNumber < 110_000 ? 'insert, update, delete' : 'insert, update, delete, truncate';
}

function dollarQuoted(body: string): string {
  let tag = '$do$';
  while (body.includes(tag)) tag = `$${tag.slice(1, -1)}_$`;
  return `${tag} ${body} ${tag}`;
}
