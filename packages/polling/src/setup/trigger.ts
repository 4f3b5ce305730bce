import { createHash } from 'node:crypto';

import {
  type FunctionState,
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  quoteLiteral,
} from '@certyo-cdc/postgres';

/** `pg_temp` is last, so that nobody's temporary objects stand in for what is meant. */
export const FUNCTION_PATH = 'pg_catalog, pg_temp';

/** Planning the look-ups in the catalog anew for every row would cost ten times what they do. */
export const GENERIC_PLANS = { plan_cache_mode: 'force_generic_plan' } as const;

/** A function of a trigger, as it has to be. */
export interface TriggerFunction extends FunctionState {
  readonly function: QualifiedName;
  /**
   * What it does for readers of all versions: who replaces it by one that does the same, or more, loses nothing. A version
   * whose stamps or tombstones others could not read calls it something else.
   */
  readonly provides: readonly string[];
}

/** Names a text by its content. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** Makes the function, callable by triggers only. */
export function createFunctionSql(made: TriggerFunction): readonly string[] {
  const name = qualifiedName(made.function);
  const settings = Object.entries(made.settings).map(
    // search_path is a list of names; the others are one value.
    ([setting, value]) =>
      `SET ${setting} = ${setting === 'search_path' ? value : quoteLiteral(value)}`,
  );
  return [
    `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql${
      made.isDefiner ? ' SECURITY DEFINER' : ''
    } ${settings.join(' ')} AS ${bodyLiteral(made.body)};`,
    `REVOKE ALL ON FUNCTION ${name}() FROM PUBLIC;`,
  ];
}

/** Quotes the body of a function or of DO, such that people can read it. */
export function bodyLiteral(body: string): string {
  return body.includes('$certyo$') ? quoteLiteral(body) : `$certyo$${body}$certyo$`;
}

/** A trigger to make. */
export interface TriggerToMake {
  readonly name: string;
  readonly when: string;
  readonly level: 'ROW' | 'STATEMENT';
  /** `WHEN (…)` or nothing. */
  readonly condition: string;
  readonly function: QualifiedName;
  readonly argument: string | null;
}

/** `CREATE OR REPLACE TRIGGER` is there from PostgreSQL 14 on. */
export function createTriggerSql(table: QualifiedName, trigger: TriggerToMake): string[] {
  const name = quoteIdentifier(trigger.name);
  const on = qualifiedName(table);
  const argument = trigger.argument === null ? '' : quoteLiteral(trigger.argument);
  return [
    `DROP TRIGGER IF EXISTS ${name} ON ${on};`,
    `CREATE TRIGGER ${name} ${trigger.when} ON ${on} FOR EACH ${trigger.level}${
      trigger.condition === '' ? '' : ` WHEN (${trigger.condition})`
    } EXECUTE FUNCTION ${qualifiedName(trigger.function)}(${argument});`,
    enableTriggerSql(table, trigger.name),
  ];
}

/** Lets a trigger fire whatever `session_replication_role` says. */
export function enableTriggerSql(table: QualifiedName, trigger: string): string {
  return `ALTER TABLE ${qualifiedName(table)} ENABLE ALWAYS TRIGGER ${quoteIdentifier(trigger)};`;
}

/** A trigger with the type bits that pg_trigger shows of it. */
export interface ExpectedTrigger extends TriggerToMake {
  /** `tgtype`: 1 row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate. */
  readonly type: number;
  readonly made: TriggerFunction;
}
