import {
  type FoundEventTrigger,
  qualifiedName,
  readEventTriggers,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import type { CaptureSettings } from './capture-settings.ts';
import {
  FUNCTIONS_SQL,
  RELATIONS_SQL,
  SCHEMA_SQL,
  TREES_SQL,
  TRIGGERS_SQL,
} from './catalog-sql.ts';
import { logFunctions } from './change-log-sql.ts';
import { type ChangeLogName, logPart } from './log-names.ts';

/** A function as the catalog has it. */
export interface CatalogFunction {
  readonly name: string;
  readonly version: string;
  readonly body: string;
  readonly is_definer: string;
  readonly settings: string;
  readonly is_public: string;
}

/** A captured table or a partition of one. */
export interface CatalogTable {
  readonly root_schema: string;
  readonly root_name: string;
  readonly root_oid: string;
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly is_partitioned: string;
  readonly may_execute: string;
}

/** A trigger that calls a function of the log. */
export interface CatalogTrigger {
  readonly table_oid: string;
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly function: string;
  readonly type: string;
  readonly enabled: string;
  readonly is_restricted: string;
  readonly is_inherited: string;
  /** Of the trigger and its function. */
  readonly version: string;
}

/** All that the catalog says about a change log and what fills it. */
export interface CaptureCatalog {
  readonly hasSchema: boolean;
  /** Tables and sequences by name, with the number that a sequence draws at once. */
  readonly relations: ReadonlyMap<string, { readonly oid: string; readonly cache: string | null }>;
  readonly functions: ReadonlyMap<string, CatalogFunction>;
  readonly tables: readonly CatalogTable[];
  readonly triggers: readonly CatalogTrigger[];
  readonly eventTriggers: readonly FoundEventTrigger[];
}

const RELATIONS = ['log', 'sequence', 'columns', 'state', 'secret', 'replacements'] as const;

/** Names of all functions that a log can have, whatever its settings. */
export function functionNames(name: ChangeLogName): readonly string[] {
  return logFunctions({ ...name, doorbell: 'armed', ddl: true }).map(
    ({ part }) => logPart(name, part).name,
  );
}

/** Reads it; takes no grant beyond CONNECT. */
export async function readCaptureCatalog(
  session: SqlExecutor,
  settings: Pick<CaptureSettings, 'stateSchema' | 'log' | 'tables'>,
  options: { readonly signal: AbortSignal },
): Promise<CaptureCatalog> {
  const { stateSchema: schema, tables } = settings;
  const names = RELATIONS.map((part) => logPart(settings, part).name);
  const functions = functionNames(settings);
  const read = async <Row>(
    sql: string,
    parameters: readonly (string | readonly string[])[],
  ): Promise<readonly Row[]> => (await session.query<Row>(sql, parameters, options)).rows;
  const relations = await read<{ name: string; oid: string; cache: string | null }>(RELATIONS_SQL, [
    schema,
    names,
  ]);
  const found = await read<CatalogFunction>(FUNCTIONS_SQL, [schema, functions]);
  const capture = logPart(settings, 'capture');
  return {
    hasSchema: (await read(SCHEMA_SQL, [schema])).length > 0,
    relations: new Map(relations.map(({ cache, name, oid }) => [name, { oid, cache }])),
    functions: new Map(found.map((row) => [row.name, row])),
    tables: await read<CatalogTable>(TREES_SQL, [
      tables.map((table) => table.schema),
      tables.map((table) => table.name),
      `${qualifiedName(capture)}()`,
    ]),
    triggers: await read<CatalogTrigger>(TRIGGERS_SQL, [schema, functions]),
    eventTriggers: await readEventTriggers(session, logPart(settings, 'ddl'), options),
  };
}
