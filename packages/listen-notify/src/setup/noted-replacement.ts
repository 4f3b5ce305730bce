import {
  type FunctionState,
  type QualifiedName,
  replaceFunctionSql,
  replaceTriggerSql,
} from '@certyo-cdc/postgres';
import type { CatalogTrigger } from './capture-catalog.ts';
import { argumentTypes, logFunctions, triggerFunction } from './change-log-sql.ts';
import { type FunctionBody, functionSettings } from './function-header.ts';
import {
  type CaptureTrigger,
  type ChangeLogName,
  type LogPart,
  logPart,
  triggerName,
} from './log-names.ts';

/**
 * What a trigger that setup has made writes into the log, for readers of all versions. A version whose log others could not
 * read calls it something else.
 */
export const CAPTURES: readonly string[] = ['change log 1'];

/** The functions without which changes are lost or told wrongly. */
const WATCHED: readonly LogPart[] = ['describe', 'key', 'reorder', 'capture', 'truncate'];

/** Whether a part is a function that the fingerprint holds, by itself or with the triggers that call it. */
export function isWatched(part: LogPart): boolean {
  return WATCHED.includes(part);
}

/** Names a trigger in the fingerprint. */
export function captureKey({ name, table_oid: table }: CatalogTrigger): string {
  return `${table} ${name}`;
}

/** The statements, which replace or alter a function that is there, with a note that nothing was missed. */
export function withFunctionNoted(
  name: ChangeLogName,
  { signature }: FunctionBody,
  statements: readonly string[],
): string {
  return replaceFunctionSql(argumentTypes(signature), plan(name, statements));
}

/** The statements, which drop a trigger that is there and make it again, with a note that nothing was missed. */
export function withTriggerNoted(
  name: ChangeLogName,
  table: QualifiedName,
  kind: CaptureTrigger,
  statements: readonly string[],
): string {
  return replaceTriggerSql(
    table,
    triggerName(name, kind),
    functionState(name, triggerFunction(kind)),
    plan(name, statements),
  );
}

function plan(
  name: ChangeLogName,
  statements: readonly string[],
): Parameters<typeof replaceFunctionSql>[1] {
  return { replacements: logPart(name, 'replacements'), statements, provides: CAPTURES };
}

function functionState(name: ChangeLogName, part: LogPart): FunctionState {
  const functions = logFunctions({ ...name, doorbell: false, ddl: false });
  const found = functions.find((one) => one.part === part)?.definition;
  if (found === undefined) throw new TypeError(`The log has no function for its ${part}.`);
  return {
    body: found.body,
    isDefiner: found.runs !== 'caller',
    settings: functionSettings(found),
  };
}
