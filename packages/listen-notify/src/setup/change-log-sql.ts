import {
  dropEventTriggerSql,
  eventTriggerSql as createEventTriggerSql,
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  replacementsSetupSql,
  type SetupStatement,
} from '@certyo-cdc/postgres';
import { captureFunction } from './capture-function.ts';
import { describeFunction } from './describe-function.ts';
import type { CaptureSettings } from './capture-settings.ts';
import { type FunctionBody, functionSql } from './function-header.ts';
import {
  type CaptureTrigger,
  type ChangeLogName,
  eventTriggerName,
  type LogPart,
  logPart,
  sqlPart,
  sqlTrigger,
} from './log-names.ts';
import { columnsTableSql, logTableSql, secretSql, stateTableSql } from './log-tables.ts';
import { keyFunction, reorderFunction } from './reorder-function.ts';
import {
  ddlFunction,
  doorbellFunction,
  emptiedFunction,
  truncateFunction,
} from './statement-functions.ts';

/** A function of the log and the part that it is. */
export interface LogFunction {
  readonly part: LogPart;
  readonly definition: FunctionBody;
}

/** The functions that these settings need, each behind those that it calls. */
export function logFunctions(
  settings: Pick<CaptureSettings, 'stateSchema' | 'log' | 'doorbell' | 'ddl'>,
): readonly LogFunction[] {
  const { ddl, doorbell } = settings;
  return [
    { part: 'describe', definition: describeFunction(settings) },
    { part: 'key', definition: keyFunction(settings) },
    { part: 'reorder', definition: reorderFunction(settings) },
    { part: 'capture', definition: captureFunction(settings) },
    { part: 'truncate', definition: truncateFunction(settings) },
    { part: 'emptied', definition: emptiedFunction(settings) },
    ...(doorbell === false
      ? []
      : [{ part: 'doorbell' as const, definition: doorbellFunction(settings, doorbell) }]),
    ...(ddl ? [{ part: 'ddl' as const, definition: ddlFunction(settings) }] : []),
  ];
}

/** Where each kind of trigger fires. The row trigger of a partitioned table comes to its partitions by itself. */
const FIRES: Readonly<Record<CaptureTrigger, string>> = {
  row: 'INSERT OR UPDATE OR DELETE',
  truncate: 'TRUNCATE',
  doorbell: 'INSERT OR UPDATE OR DELETE OR TRUNCATE',
};

const CALLS: Readonly<Record<CaptureTrigger, LogPart>> = {
  row: 'capture',
  truncate: 'truncate',
  doorbell: 'doorbell',
};

/** The part that a trigger calls. */
export function triggerFunction(trigger: CaptureTrigger): LogPart {
  return CALLS[trigger];
}

/** The SQL of one trigger. ENABLE ALWAYS: it fires under `session_replication_role = replica` too (N-12). */
export function triggerSql(
  name: ChangeLogName,
  table: QualifiedName,
  trigger: CaptureTrigger,
): readonly string[] {
  const each = trigger === 'row' ? 'ROW' : 'STATEMENT';
  return [
    `CREATE TRIGGER ${sqlTrigger(name, trigger)} AFTER ${FIRES[trigger]} ON ${qualifiedName(table)} FOR EACH ${each} EXECUTE FUNCTION ${sqlPart(name, CALLS[trigger])}();`,
    enableTriggerSql(table, sqlTrigger(name, trigger)),
  ];
}

/** @param sqlName The trigger's name, quoted. */
export function enableTriggerSql(table: QualifiedName, sqlName: string): string {
  return `ALTER TABLE ${qualifiedName(table)} ENABLE ALWAYS TRIGGER ${sqlName};`;
}

/** @param sqlName The trigger's name, quoted. */
export function dropTriggerSql(table: QualifiedName, sqlName: string): string {
  return `DROP TRIGGER ${sqlName} ON ${qualifiedName(table)};`;
}

/** Has a TRUNCATE of the log itself noticed. */
export function emptiedTriggerSql(name: ChangeLogName): readonly string[] {
  const log = logPart(name, 'log');
  const trigger = quoteIdentifier(logPart(name, 'emptied').name);
  return [
    `CREATE TRIGGER ${trigger} BEFORE TRUNCATE ON ${qualifiedName(log)} FOR EACH STATEMENT EXECUTE FUNCTION ${sqlPart(name, 'emptied')}();`,
    enableTriggerSql(log, trigger),
  ];
}

/** Has changes of captured tables' structure written into the log. Takes a superuser. */
export function eventTriggerSql(name: ChangeLogName): readonly string[] {
  return createEventTriggerSql({
    name: eventTriggerName(name),
    calls: logPart(name, 'ddl'),
    tags: ['ALTER TABLE'],
  });
}

/** The kinds of triggers that a table gets. */
export function wantedTriggers(doorbell: CaptureSettings['doorbell']): readonly CaptureTrigger[] {
  return doorbell === false ? ['row', 'truncate'] : ['row', 'truncate', 'doorbell'];
}

/** All the SQL that sets a change log up in a database that has nothing of it. `partitions` are those of the tables. */
export function changeLogSetupSql(
  settings: CaptureSettings,
  server: {
    readonly versionNumber: number;
    readonly partitions?: readonly QualifiedName[] | undefined;
  },
): readonly string[] {
  const wanted = wantedTriggers(settings.doorbell);
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(settings.stateSchema)};`,
    ...logTableSql(settings),
    ...columnsTableSql(settings),
    ...secretSql(settings, server.versionNumber),
    ...stateTableSql(settings, server.versionNumber),
    ...replacementsSetupSql(logPart(settings, 'replacements')),
    ...logFunctions(settings).flatMap(({ definition }) => functionSql(definition)),
    ...emptiedTriggerSql(settings),
    ...settings.tables.flatMap((table) =>
      wanted.flatMap((trigger) => triggerSql(settings, table, trigger)),
    ),
    ...(server.partitions ?? []).flatMap((partition) =>
      wanted
        .filter((trigger) => trigger !== 'row')
        .flatMap((trigger) => triggerSql(settings, partition, trigger)),
    ),
    ...(settings.ddl ? eventTriggerSql(settings) : []),
  ];
}

/** A trigger that calls a function of the log. */
export interface FoundTrigger {
  readonly table: QualifiedName;
  /** Unquoted. */
  readonly name: string;
}

/**
 * The SQL that removes a change log. The schema stays: it may hold other things.
 *
 * Table by table first, and the log only when none of them is locked any more: a writer that holds the log may wait for a
 * second table.
 */
export function changeLogTeardownSql(
  name: ChangeLogName,
  found: {
    readonly triggers: readonly FoundTrigger[];
    readonly eventTriggers: readonly string[];
  },
): readonly SetupStatement[] {
  const functions = logFunctions({ ...name, doorbell: 'armed', ddl: true });
  const rest = [
    `DROP TABLE IF EXISTS ${sqlPart(name, 'log')};`,
    `DROP TABLE IF EXISTS ${sqlPart(name, 'columns')};`,
    `DROP TABLE IF EXISTS ${sqlPart(name, 'state')};`,
    `DROP TABLE IF EXISTS ${sqlPart(name, 'replacements')};`,
    `DROP SEQUENCE IF EXISTS ${sqlPart(name, 'sequence')};`,
    `DROP SEQUENCE IF EXISTS ${sqlPart(name, 'secret')};`,
    ...[...functions]
      .reverse()
      .map(({ definition }) => `DROP FUNCTION IF EXISTS ${argumentTypes(definition.signature)};`),
  ];
  return [
    ...found.eventTriggers.map((trigger) => ({
      sql: dropEventTriggerSql(trigger),
    })),
    ...found.triggers.map(({ name: trigger, table }) => ({
      sql: dropTriggerSql(table, quoteIdentifier(trigger)),
      locks: qualifiedName(table),
    })),
    ...rest.map((sql) => ({ sql })),
  ];
}

/** The signature without names of arguments. */
export function argumentTypes(signature: string): string {
  const at = signature.lastIndexOf('(');
  return signature.slice(0, at) + signature.slice(at).replaceAll(/\bp_\w+ /g, '');
}

/** What a role needs besides CONNECT to read a change log and to prune what is acknowledged. */
export function changeLogGrantSql(
  role: string,
  settings: Pick<CaptureSettings, 'stateSchema' | 'log'> & {
    /** Those that are copied first (option copy), which takes SELECT. @default none */
    readonly copies?: readonly QualifiedName[] | undefined;
  },
): readonly string[] {
  const to = `TO ${quoteIdentifier(role)};`;
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(settings.stateSchema)} ${to}`,
    `GRANT SELECT, DELETE ON ${sqlPart(settings, 'log')} ${to}`,
    `GRANT SELECT ON ${sqlPart(settings, 'columns')}, ${sqlPart(settings, 'sequence')} ${to}`,
    `GRANT SELECT, UPDATE (pruned_through) ON ${sqlPart(settings, 'state')} ${to}`,
    ...(settings.copies ?? []).map((table) => `GRANT SELECT ON ${qualifiedName(table)} ${to}`),
  ];
}
