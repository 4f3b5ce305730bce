import { qualifiedName, type QualifiedName, quoteIdentifier } from '@certyo-cdc/postgres';

/** Which change log: its table, and the schema of all that belongs to it. */
export interface ChangeLogName {
  readonly stateSchema: string;
  readonly log: string;
}

/**
 * First key of the advisory lock that a sleeping reader holds; the second is the log's oid as int4. Writers and readers
 * of all versions agree on it.
 */
export const DOORBELL_LOCK_CLASS = 1_129_599_060;

/** The parts of a change log, which live in its schema. */
export type LogPart =
  | 'log'
  | 'sequence'
  | 'columns'
  | 'state'
  | 'secret'
  | 'replacements'
  | 'successors'
  | 'predecessors'
  | 'takers'
  | 'capture'
  | 'reorder'
  | 'describe'
  | 'key'
  | 'truncate'
  | 'doorbell'
  | 'ddl'
  | 'emptied';

/** A part as catalog queries take it. */
export function logPart({ log, stateSchema }: ChangeLogName, part: LogPart): QualifiedName {
  return { schema: stateSchema, name: part === 'log' ? log : `${log}_${part}` };
}

/** A part for SQL: `"certyo"."change_log_columns"`. */
export function sqlPart(name: ChangeLogName, part: LogPart): string {
  return qualifiedName(logPart(name, part));
}

/** The channel of the doorbell. Any role may listen and notify there: it is a hint and no more. */
export function doorbellChannel({ log }: ChangeLogName): string {
  return `certyo_${log}`;
}

/** The kinds of triggers on a captured table. */
export type CaptureTrigger = 'row' | 'truncate' | 'doorbell';

/**
 * AFTER triggers fire in the order of their names' bytes, and digits come before `RI_ConstraintTrigger` and most names
 * of other people's.
 */
export function triggerName({ log }: ChangeLogName, trigger: CaptureTrigger): string {
  return trigger === 'row' ? `00_certyo_${log}` : `00_certyo_${log}_${trigger}`;
}

/** An event trigger has no schema. */
export function eventTriggerName({ log }: ChangeLogName): string {
  return `00_certyo_${log}_ddl`;
}

/** A trigger's name for SQL. */
export function sqlTrigger(name: ChangeLogName, trigger: CaptureTrigger): string {
  return quoteIdentifier(triggerName(name, trigger));
}
