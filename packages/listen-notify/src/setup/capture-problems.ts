import { tableLabel } from '@certyo-cdc/core/internal';
import {
  dropEventTriggerSql,
  qualifiedName,
  quoteIdentifier,
  replacementsSetupSql,
} from '@certyo-cdc/postgres';
import type {
  CaptureCatalog,
  CatalogFunction,
  CatalogTable,
  CatalogTrigger,
} from './capture-catalog.ts';
import { captureFunction } from './capture-function.ts';
import type { CaptureSettings } from './capture-settings.ts';
import {
  dropTriggerSql,
  emptiedTriggerSql,
  enableTriggerSql,
  eventTriggerSql,
  logFunctions,
  triggerFunction,
  triggerSql,
  wantedTriggers,
} from './change-log-sql.ts';
import { type FunctionBody, functionSettings, functionSql } from './function-header.ts';
import {
  type CaptureTrigger,
  eventTriggerName,
  type LogPart,
  logPart,
  sqlPart,
  sqlTrigger,
  triggerName,
} from './log-names.ts';
import { columnsTableSql, logTableSql, secretSql, stateTableSql } from './log-tables.ts';
import { captureKey, isWatched, withFunctionNoted, withTriggerNoted } from './noted-replacement.ts';

/** Something that is missing or wrong, and the exact SQL that mends it. */
export interface CaptureProblem {
  readonly what: string;
  readonly sql: readonly string[];
  /** True when changes may have been missed because of it while a checkpoint exists. */
  readonly losesChanges: boolean;
  /**
   * What is there and enabled, but not as this version of the library makes it: 'function', or the key of the trigger in
   * the fingerprint. As long as it is the one that was there before, it has captured as that version does.
   */
  readonly differs?: string | undefined;
  /** The captured table that the SQL locks. */
  readonly locks?: string | undefined;
}

/** What is missing or wrong, in the order in which it has to be mended. */
export function captureProblems(
  catalog: CaptureCatalog,
  settings: CaptureSettings,
  versionNumber: number,
): readonly CaptureProblem[] {
  return [
    ...logProblems(catalog, settings, versionNumber),
    ...functionProblems(catalog, settings),
    ...emptiedProblems(catalog, settings),
    ...missingTables(catalog, settings),
    ...catalog.tables.flatMap((table) =>
      tableProblems(catalog, settings, table).map((problem) => ({
        ...problem,
        locks: qualifiedName(table),
      })),
    ),
    ...eventTriggerProblems(catalog, settings),
  ];
}

function logProblems(
  { hasSchema, relations }: CaptureCatalog,
  settings: CaptureSettings,
  versionNumber: number,
): readonly CaptureProblem[] {
  const has = (part: LogPart): boolean => relations.has(logPart(settings, part).name);
  const problems: CaptureProblem[] = [];
  const add = (what: string, sql: readonly string[], losesChanges: boolean): void => {
    problems.push({ what, sql, losesChanges });
  };
  const schema = settings.stateSchema;
  const label = tableLabel(logPart(settings, 'log'));
  if (!hasSchema)
    add(
      `The schema ${schema} does not exist.`,
      [`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)};`],
      true,
    );
  if (!has('log')) {
    const leftOver = has('sequence') ? [`DROP SEQUENCE ${sqlPart(settings, 'sequence')};`] : [];
    add(`The change log ${label} does not exist.`, [...leftOver, ...logTableSql(settings)], true);
  } else if (relations.get(logPart(settings, 'sequence').name)?.cache !== '1') {
    add(
      `The sequence of ${label} hands out several numbers at once to each session, so they say nothing about the order of changes.`,
      [`ALTER SEQUENCE ${sqlPart(settings, 'sequence')} CACHE 1;`],
      true,
    );
  }
  if (!has('columns'))
    add(
      `The table of column descriptions of ${label} does not exist.`,
      columnsTableSql(settings),
      true,
    );
  if (!has('secret'))
    add(`The secret of ${label} does not exist.`, secretSql(settings, versionNumber), false);
  // Another log, another identity.
  if (!has('state') || !has('log'))
    add(`The state of ${label} does not exist.`, stateTableSql(settings, versionNumber), true);
  if (!has('replacements'))
    add(
      `The table in which setup notes what it replaces does not exist for ${label}.`,
      replacementsSetupSql(logPart(settings, 'replacements')),
      false,
    );
  return problems;
}

function functionProblems(
  { functions }: CaptureCatalog,
  settings: CaptureSettings,
): readonly CaptureProblem[] {
  return logFunctions(settings).flatMap(({ definition, part }): CaptureProblem[] => {
    const name = logPart(settings, part).name;
    const found = functions.get(name);
    const sql = functionSql(definition);
    const losesChanges = !['doorbell', 'ddl', 'emptied'].includes(part);
    if (found === undefined)
      return [{ what: `The function ${name}() does not exist.`, sql, losesChanges }];
    const noted = (statements: readonly string[]): readonly string[] =>
      isWatched(part) ? [withFunctionNoted(settings, definition, statements)] : statements;
    if (!isAsDefined(found, definition))
      return [
        {
          what: `The function ${name}() is not as it was made.`,
          sql: noted(sql),
          losesChanges,
          differs: 'function',
        },
      ];
    if (found.is_public !== 'true') return [];
    return [
      {
        what: `Everybody may call the function ${name}().`,
        sql: noted(sql.slice(-1)),
        losesChanges: false,
      },
    ];
  });
}

function isAsDefined(found: CatalogFunction, definition: FunctionBody): boolean {
  const wanted = functionSettings(definition);
  const settings = JSON.parse(found.settings) as Readonly<Record<string, string>>;
  const names = Object.keys(wanted);
  return (
    found.body === definition.body &&
    (found.is_definer === 'true') === (definition.runs !== 'caller') &&
    names.length === Object.keys(settings).length &&
    names.every((name) => settings[name] === wanted[name])
  );
}

function emptiedProblems(
  { triggers }: CaptureCatalog,
  settings: CaptureSettings,
): readonly CaptureProblem[] {
  const { name } = logPart(settings, 'emptied');
  const found = triggers.find((trigger) => trigger.function === name && trigger.name === name);
  if (found?.enabled === 'A') return [];
  const drop =
    found === undefined ? [] : [dropTriggerSql(logPart(settings, 'log'), quoteIdentifier(name))];
  return [
    {
      what: `The trigger ${name}, by which a TRUNCATE of the log is noticed, is ${found === undefined ? 'missing' : 'not enabled always'}.`,
      sql: [...drop, ...emptiedTriggerSql(settings)],
      losesChanges: false,
    },
  ];
}

const MISSING = 'is missing';

/** Of `pg_trigger.tgtype`: ROW 1, BEFORE 2, INSERT 4, DELETE 8, UPDATE 16, TRUNCATE 32. */
const TYPES: Readonly<Record<CaptureTrigger, string>> = {
  row: '29',
  truncate: '32',
  doorbell: '60',
};

function tableProblems(
  catalog: CaptureCatalog,
  settings: CaptureSettings,
  table: CatalogTable,
): readonly CaptureProblem[] {
  const isPartition = table.oid !== table.root_oid;
  const wanted = wantedTriggers(settings.doorbell);
  const problems = wanted.flatMap((kind): readonly CaptureProblem[] => {
    const found = catalog.triggers.find(
      (trigger) => trigger.table_oid === table.oid && trigger.name === triggerName(settings, kind),
    );
    // The row trigger of a partition comes with that of the partitioned table.
    if (
      found === undefined &&
      isPartition &&
      kind === 'row' &&
      hasRowTrigger(catalog, settings, table)
    )
      return [triggerProblem(settings, table, kind, MISSING, [])];
    if (found === undefined)
      return isPartition && kind === 'row'
        ? []
        : [triggerProblem(settings, table, kind, MISSING, triggerSql(settings, table, kind))];
    return triggerState(settings, table, kind, found);
  });
  const unwanted = catalog.triggers.filter(
    (trigger) =>
      settings.doorbell === false &&
      trigger.table_oid === table.oid &&
      trigger.function === logPart(settings, 'doorbell').name,
  );
  return [
    ...problems,
    ...unwanted.map((trigger) => ({
      what: `The doorbell of ${tableLabel(table)} is not wanted.`,
      sql: [dropTriggerSql(table, quoteIdentifier(trigger.name))],
      losesChanges: false,
    })),
    ...ownerProblems(settings, table),
  ];
}

function missingTables(
  { tables }: CaptureCatalog,
  settings: CaptureSettings,
): readonly CaptureProblem[] {
  const found = new Set(tables.map((table) => tableLabel(table)));
  return settings.tables
    .map((table) => tableLabel(table))
    .filter((label) => !found.has(label))
    .map((label) => ({ what: `The table ${label} does not exist.`, sql: [], losesChanges: true }));
}

function hasRowTrigger(
  catalog: CaptureCatalog,
  settings: CaptureSettings,
  { root_oid: root }: CatalogTable,
): boolean {
  return catalog.triggers.some(
    (trigger) => trigger.table_oid === root && trigger.name === triggerName(settings, 'row'),
  );
}

function triggerState(
  settings: CaptureSettings,
  table: CatalogTable,
  kind: CaptureTrigger,
  found: CatalogTrigger,
): readonly CaptureProblem[] {
  const name = sqlTrigger(settings, kind);
  const isAsMade =
    found.type === TYPES[kind] &&
    found.is_restricted === 'false' &&
    found.function === logPart(settings, triggerFunction(kind)).name;
  if (!isAsMade) {
    const sql = [dropTriggerSql(table, name), ...triggerSql(settings, table, kind)];
    const isLossy = kind !== 'doorbell';
    return [
      {
        ...triggerProblem(
          settings,
          table,
          kind,
          'is not as it was made',
          isLossy ? [withTriggerNoted(settings, table, kind, sql)] : sql,
        ),
        differs: isLossy && found.enabled === 'A' ? captureKey(found) : undefined,
      },
    ];
  }
  if (found.enabled === 'A') return [];
  return [
    triggerProblem(settings, table, kind, 'is not enabled always', [enableTriggerSql(table, name)]),
  ];
}

function triggerProblem(
  settings: CaptureSettings,
  table: CatalogTable,
  kind: CaptureTrigger,
  state: string,
  sql: readonly string[],
): CaptureProblem {
  return {
    what: `The trigger ${sqlTrigger(settings, kind)} of ${tableLabel(table)} ${state}.`,
    sql,
    // A partition that was made since has none, and is emptied by itself or with the table above it.
    losesChanges:
      kind === 'row' ||
      (kind === 'truncate' && (table.oid === table.root_oid || state !== MISSING)),
  };
}

/** Whoever makes a partition makes its trigger, for which the function has to be his to call. */
function ownerProblems(settings: CaptureSettings, table: CatalogTable): readonly CaptureProblem[] {
  if (table.is_partitioned !== 'true' || table.may_execute === 'true') return [];
  return [
    {
      what: `The owner of ${tableLabel(table)} could not make partitions.`,
      sql: [
        withFunctionNoted(settings, captureFunction(settings), [
          `GRANT EXECUTE ON FUNCTION ${sqlPart(settings, 'capture')}() TO ${quoteIdentifier(table.owner)};`,
        ]),
      ],
      losesChanges: false,
    },
  ];
}

function eventTriggerProblems(
  { eventTriggers }: CaptureCatalog,
  settings: CaptureSettings,
): readonly CaptureProblem[] {
  const name = eventTriggerName(settings);
  const found = eventTriggers.find((trigger) => trigger.name === name);
  if (!settings.ddl || found?.enabled === 'A') return [];
  const drop = found === undefined ? [] : [dropEventTriggerSql(name)];
  return [
    {
      what: `The event trigger ${name} is ${found === undefined ? 'missing' : 'not enabled always'}.`,
      sql: [...drop, ...eventTriggerSql(settings)],
      losesChanges: false,
    },
  ];
}
