import { ConfigurationError } from '../errors/configuration-error.ts';
import { UnavailableValueError } from '../errors/value-error.ts';
import { byTable, type NamedTable, tableLabel } from '../event/table-label.ts';
import { wrongOption } from '../internal/option-checks.ts';
import type { Verdict } from '../sink/sink.ts';

const ACTIONS = ['omit', 'park', 'halt'] as const;

/** What becomes of a row of which a value cannot be seen. */
export type UnavailableAction = (typeof ACTIONS)[number];

/** One action for all tables, or actions by `schema.table` with `*` for every other one. */
export type UnavailablePolicy = UnavailableAction | Readonly<Record<string, UnavailableAction>>;

/** The columns that a record does not show although its row has them. */
export interface UnavailableColumns extends NamedTable {
  readonly columns: readonly string[];
}

/** A policy as it is applied. */
export interface NormalizedUnavailablePolicy {
  readonly others: UnavailableAction;
  readonly tables: ReadonlyMap<string, UnavailableAction>;
}

/** Checks the option. */
export function normalizeUnavailablePolicy(
  policy: UnavailablePolicy | undefined,
): NormalizedUnavailablePolicy {
  if (policy === undefined) return { others: 'omit', tables: new Map() };
  if (typeof policy === 'string') {
    return { others: checkAction('unavailable', policy), tables: new Map() };
  }
  if (typeof policy !== 'object' || policy === null || Array.isArray(policy)) {
    throw wrongOption(
      'unavailable',
      "'omit', 'park', 'halt' or an object of them by table",
      policy,
    );
  }
  const tables = new Map<string, UnavailableAction>();
  for (const [table, action] of Object.entries(policy)) {
    if (table !== '*' && !table.includes('.')) {
      throw new ConfigurationError(
        `unavailable.${table}`,
        `Expected the names in \`unavailable\` to be \`schema.table\` or \`*\`, got \`${table}\`.`,
      );
    }
    tables.set(table, checkAction(`unavailable['${table}']`, action));
  }
  return { others: tables.get('*') ?? 'omit', tables };
}

function checkAction(option: string, value: unknown): UnavailableAction {
  const action = ACTIONS.find((known) => known === value);
  if (action === undefined) throw wrongOption(option, "'omit', 'park' or 'halt'", value);
  return action;
}

/** The verdict on a record that does not show these columns, or null where it may be sent. */
export function unavailableVerdict(
  hidden: UnavailableColumns,
  policy: NormalizedUnavailablePolicy,
): Verdict | null {
  const action = byTable(policy.tables, hidden) ?? policy.others;
  if (action === 'omit') return null;
  const error = new UnavailableValueError(tableLabel(hidden), hidden.columns);
  return action === 'halt' ? { type: 'halt', error } : { type: 'rejected', error, scope: 'item' };
}
