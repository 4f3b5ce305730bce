import { tableLabel } from '@certyo-cdc/core/internal';
import {
  qualifiedName,
  quoteIdentifier,
  replaceFunctionSql,
  replaceTriggerSql,
} from '@certyo-cdc/postgres';
import { keyOf } from './column-problems.ts';
import { type Problem, problem, warning } from './problem.ts';
import { type DeletesTarget, replacementsTable } from './spec.ts';
import {
  STAMP_TRIGGER,
  stampFunction,
  stampTrigger,
  TIME_COLUMN_COMMENT,
} from './stamp-trigger.ts';
import type { RelationState, TableState, TriggerState } from './table-state.ts';
import { tombstoneTriggers } from './tombstone-trigger.ts';
import { triggerSinceSql } from './trigger-since.ts';
import {
  createFunctionSql,
  createTriggerSql,
  enableTriggerSql,
  type ExpectedTrigger,
  type TriggerFunction,
} from './trigger.ts';

/** The triggers that a table needs. */
export function expectedTriggers(
  target: DeletesTarget,
  state: Pick<TableState, 'spec' | 'table'>,
): readonly ExpectedTrigger[] {
  const { cursor, lastUpdate, hardDeletes } = state.spec;
  const xid = cursor.kind === 'xid' ? cursor.column : null;
  return [
    ...(xid === null && lastUpdate === null
      ? []
      : [stampTrigger(target.schema, { xid, time: lastUpdate })]),
    ...(hardDeletes === 'tombstone'
      ? tombstoneTriggers(target, { oid: state.table.oid, key: keyOf(state) })
      : []),
  ];
}

/** What is wrong with the triggers of a table and its partitions (P-06). */
export function triggerProblems(
  target: DeletesTarget,
  state: TableState,
  functions: ReadonlyMap<string, string>,
): readonly Problem[] {
  const problems = expectedTriggers(target, state).flatMap((expected) =>
    expected.level === 'ROW'
      ? rowTriggerProblems(target, state, expected, functions)
      : state.relations.flatMap((relation) =>
          oneTriggerProblems(target, state, relation, expected, functions),
        ),
  );
  return [...problems, ...laterTriggers(state)];
}

/** A row trigger of a partitioned table is cloned to its partitions, those that come later too. */
function rowTriggerProblems(
  target: DeletesTarget,
  state: TableState,
  expected: ExpectedTrigger,
  functions: ReadonlyMap<string, string>,
): readonly Problem[] {
  const [root, ...partitions] = state.relations;
  if (root === undefined) return [];
  const also = expected.name === STAMP_TRIGGER ? otherStamps(target, state) : [];
  const wrong = oneTriggerProblems(target, state, root, expected, functions, also);
  if (wrong.some(({ sql }) => sql.some((one) => one.sql.includes('CREATE TRIGGER ')))) {
    // One of the same name that was made on a partition by itself would be in the way.
    const own = partitions.filter(
      (partition) => find(state, partition, expected)?.isClone === false,
    );
    const drops = own.map(
      (partition) =>
        `DROP TRIGGER ${quoteIdentifier(expected.name)} ON ${qualifiedName(partition)};`,
    );
    return wrong.map((one) => ({ ...one, sql: [...drops.map((sql) => ({ sql })), ...one.sql] }));
  }
  const differing = partitions.filter(
    (partition) => find(state, partition, expected)?.enabled !== 'A',
  );
  return [
    ...wrong,
    ...differing.map((partition) =>
      problem(
        `The trigger "${expected.name}" of the partition ${tableLabel(partition)} is ${enabledText(find(state, partition, expected))}.`,
        [enableTriggerSql(partition, expected.name), ...sinceSql(state, root, expected)],
        { severity: 'gap' },
      ),
    ),
  ];
}

function oneTriggerProblems(
  target: DeletesTarget,
  state: TableState,
  relation: RelationState,
  expected: ExpectedTrigger,
  functions: ReadonlyMap<string, string>,
  also: readonly TriggerFunction[] = [],
): readonly Problem[] {
  const label = tableLabel(relation);
  const isRoot = relation.oid === state.table.oid;
  // That a partition is truncated by itself is the one thing that its parent's triggers do not see.
  const severity = isRoot ? 'gap' : 'warning';
  const kind = { severity, code: 'PARTITION_TRUNCATE_NOT_CAPTURED' } as const;
  const found = find(state, relation, expected);
  const reason = found === undefined ? 'is missing' : difference(found, expected, also);
  if (found === undefined || reason !== null) {
    return [
      problem(
        `The trigger "${expected.name}" of ${label} ${reason ?? 'is missing'}.`,
        [
          ...missingFunctionSql(expected.made, functions),
          ...(found === undefined
            ? createTriggerSql(relation, expected)
            : [remakeTriggerSql(target, relation, expected)]),
          ...sinceSql(state, relation, expected),
        ],
        { ...kind, differs: found?.enabled === 'A' },
      ),
    ];
  }
  const problems: Problem[] = [];
  if (found.enabled !== 'A') {
    problems.push(
      problem(
        `The trigger "${expected.name}" of ${label} is ${enabledText(found)}.`,
        [enableTriggerSql(relation, expected.name), ...sinceSql(state, relation, expected)],
        kind,
      ),
    );
  }
  if (found.function.isPublic && isRoot) {
    problems.push(
      problem(
        `Everybody may execute the function ${qualifiedName(expected.function)}.`,
        [
          replaceFunctionSql(`${qualifiedName(expected.function)}()`, {
            replacements: replacementsTable(target),
            statements: [
              `REVOKE ALL ON FUNCTION ${qualifiedName(expected.function)}() FROM PUBLIC;`,
            ],
            provides: expected.made.provides,
          }),
        ],
        { severity: 'warning', code: 'FUNCTION_IS_PUBLIC' },
      ),
    );
  }
  return problems;
}

/** Another version of the library has made it, or another source over the table: it has captured until now. */
function remakeTriggerSql(
  target: DeletesTarget,
  relation: RelationState,
  expected: ExpectedTrigger,
): string {
  return replaceTriggerSql(relation, expected.name, expected.made, {
    replacements: replacementsTable(target),
    statements: createTriggerSql(relation, expected),
    provides: expected.made.provides,
  });
}

/** Only of tombstones is it worth knowing since when: rows are read from their beginning in any case. */
function sinceSql(
  state: TableState,
  relation: RelationState,
  expected: ExpectedTrigger,
): readonly string[] {
  if (expected.name === STAMP_TRIGGER || relation.oid !== state.table.oid) return [];
  return [triggerSinceSql(relation, expected.name)];
}

/** One that is there is never replaced: other triggers may use it, and it would be another row of the catalog (P-06). */
function missingFunctionSql(
  made: TriggerFunction,
  functions: ReadonlyMap<string, string>,
): readonly string[] {
  return functions.get(made.function.name) === made.body ? [] : createFunctionSql(made);
}

/** Why a trigger is not the expected one, or null. */
function difference(
  found: TriggerState,
  expected: ExpectedTrigger,
  also: readonly TriggerFunction[],
): string | null {
  if (found.type !== expected.type || found.hasColumns)
    return `does not fire ${expected.when} for each ${expected.level.toLowerCase()}`;
  if (found.isConditional !== (expected.condition !== '')) return 'fires under another condition';
  if (found.argument !== expected.argument) return 'belongs to another table';
  const isKnown = [expected.made, ...also].some(
    (made) =>
      found.function.source === made.body &&
      found.function.isDefiner === made.isDefiner &&
      normalized(found.function.settings.split('\n')) ===
        normalized(Object.entries(made.settings).map(([name, value]) => `${name}=${value}`)),
  );
  return isKnown ? null : 'runs another function';
}

/** As pg_proc keeps them: names as written, a list of schemas each quoted where needed. */
function normalized(settings: readonly string[]): string {
  return settings
    .map((one) => one.toLowerCase().replaceAll('"', ''))
    .sort()
    .join('\n');
}

/** Stamps that another source over the same table needs: they keep more columns, and ours too. */
function otherStamps(target: DeletesTarget, state: TableState): readonly TriggerFunction[] {
  const { cursor, lastUpdate } = state.spec;
  const xids =
    cursor.kind === 'xid'
      ? [cursor.column]
      : state.table.columns.filter(({ typeOid }) => typeOid === 5069).map(({ name }) => name);
  const times =
    lastUpdate === null
      ? [...state.comments]
          .filter(([, comment]) => comment === TIME_COLUMN_COMMENT)
          .map(([name]) => name)
      : [lastUpdate];
  return xids.flatMap((xid) => times.map((time) => stampFunction(target.schema, { xid, time })));
}

/** A BEFORE trigger behind the stamp could change a row that was taken for unchanged, or the stamp. */
function laterTriggers(state: TableState): readonly Problem[] {
  const { cursor, lastUpdate } = state.spec;
  if (cursor.kind !== 'xid' && lastUpdate === null) return [];
  return state.triggers
    .filter(
      (trigger) =>
        trigger.relation === state.table.oid &&
        (trigger.type & 3) === 3 &&
        (trigger.type & 20) !== 0 &&
        Buffer.compare(Buffer.from(trigger.name), Buffer.from(STAMP_TRIGGER)) > 0,
    )
    .map((trigger) =>
      warning(
        'TRIGGER_AFTER_STAMP',
        `The trigger "${trigger.name}" of ${tableLabel(state.table)} fires after "${STAMP_TRIGGER}"; what it changes may not be seen.`,
        `ALTER TRIGGER ${quoteIdentifier(trigger.name)} ON ${qualifiedName(state.table)} RENAME TO ${quoteIdentifier(`a_${trigger.name}`.slice(0, 30))}; -- any name that sorts before`,
      ),
    );
}

function find(
  state: TableState,
  relation: RelationState,
  expected: ExpectedTrigger,
): TriggerState | undefined {
  return state.triggers.find(
    (trigger) => trigger.relation === relation.oid && trigger.name === expected.name,
  );
}

function enabledText(trigger: TriggerState | undefined): string {
  if (trigger === undefined) return 'missing';
  return trigger.enabled === 'D' ? 'disabled' : 'not ENABLE ALWAYS';
}
