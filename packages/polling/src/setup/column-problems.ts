import { tableLabel } from '@certyo-cdc/core/internal';
import {
  type ColumnDescription,
  qualifiedName,
  quoteIdentifier,
  type TableDescription,
} from '@certyo-cdc/postgres';
import { blocking, type Problem, problem, warning } from './problem.ts';
import { addTimeColumnSql, addXidColumnSql, setXidDefaultSql } from './stamp-trigger.ts';
import type { TableState } from './table-state.ts';

const XID8 = 5069;
const TIMESTAMP = 1114;
const TIMESTAMPTZ = 1184;
const INTEGERS: readonly number[] = [20, 21, 23];

/** The columns of a table's record key as its spec and primary key say. */
export function keyOf(state: Pick<TableState, 'spec' | 'table'>): readonly string[] {
  return state.spec.key ?? state.table.primaryKey;
}

/** What keeps a table's key from naming its rows, for ever and each by another text. */
export function keyProblems(state: TableState): readonly Problem[] {
  const { table } = state;
  const label = tableLabel(table);
  const key = keyOf(state);
  if (key.length === 0) {
    return [
      blocking(
        `${label} has no primary key, so nothing names its records.`,
        `ALTER TABLE ${qualifiedName(table)} ADD PRIMARY KEY (…); -- or set the option keys['${label}'] to columns with a unique index`,
      ),
    ];
  }
  const unknown = key.filter((name) => columnOf(table, name) === undefined);
  if (unknown.length > 0) {
    return [
      blocking(
        `keys['${label}'] names ${unknown.map((name) => `"${name}"`).join(', ')}, which the table does not have.`,
        `-- correct the option keys['${label}']`,
      ),
    ];
  }
  const nullable = key.filter((name) => columnOf(table, name)?.isNotNull !== true);
  const wanted = [...key].sort().join('\0');
  const isUnique = state.indexes.some(
    (index) =>
      index.relation === table.oid &&
      index.isUnique &&
      index.isValid &&
      [...index.columns].sort().join('\0') === wanted,
  );
  return [
    ...nullable.map((name) =>
      blocking(
        `The key column "${name}" of ${label} may be null; rows where it is null would not be read.`,
        `ALTER TABLE ${qualifiedName(table)} ALTER COLUMN ${quoteIdentifier(name)} SET NOT NULL;`,
      ),
    ),
    ...(isUnique
      ? []
      : [
          blocking(
            `No unique index keeps the key ${key.join(', ')} of ${label} from naming two rows.`,
            `CREATE UNIQUE INDEX ON ${qualifiedName(table)} (${key.map(quoteIdentifier).join(', ')});`,
          ),
        ]),
  ];
}

/** What the cursor's column, and the column of the last update, lack. */
export function columnProblems(state: TableState): readonly Problem[] {
  const { cursor, lastUpdate } = state.spec;
  const problems: Problem[] = [];
  if (lastUpdate !== null) problems.push(...timeColumnProblems(state, lastUpdate));
  if (cursor.kind === 'xid') problems.push(...xidColumnProblems(state, cursor.column));
  else if (cursor.kind === 'id') problems.push(...idColumnProblems(state, cursor.column));
  else if (cursor.column !== lastUpdate) problems.push(...stampProblems(state, cursor.column));
  return problems;
}

function xidColumnProblems(state: TableState, name: string): readonly Problem[] {
  const { table } = state;
  const label = tableLabel(table);
  const column = columnOf(table, name);
  if (column === undefined) {
    return [
      problem(`${label} has no column "${name}".`, addXidColumnSql(table, name), {
        severity: 'gap',
      }),
    ];
  }
  if (column.typeOid !== XID8) return [wrongType(label, column, 'xid', 'xid8')];
  const problems: Problem[] = [];
  if (!column.isNotNull) {
    const quoted = quoteIdentifier(name);
    problems.push(
      problem(
        `The column "${name}" of ${label} may be null; rows where it is null would not be read.`,
        [
          `UPDATE ${qualifiedName(table)} SET ${quoted} = DEFAULT WHERE ${quoted} IS NULL;`,
          `ALTER TABLE ${qualifiedName(table)} ALTER COLUMN ${quoted} SET NOT NULL;`,
        ],
      ),
    );
  }
  if (!/^(?:pg_catalog\.)?pg_current_xact_id\(\)$/.test(state.defaults.get(name) ?? '')) {
    problems.push(
      problem(
        `The column "${name}" of ${label} does not have the current transaction as its default.`,
        [setXidDefaultSql(table, name)],
        { severity: 'warning', code: 'XID_DEFAULT' },
      ),
    );
  }
  return problems;
}

function timeColumnProblems(state: TableState, name: string): readonly Problem[] {
  const { table } = state;
  const label = tableLabel(table);
  const column = columnOf(table, name);
  if (column === undefined) {
    return [
      problem(`${label} has no column "${name}".`, addTimeColumnSql(table, name), {
        severity: state.spec.cursor.column === name ? 'gap' : 'error',
      }),
    ];
  }
  if (column.typeOid !== TIMESTAMPTZ) {
    return [
      blocking(
        `The column "${name}" of ${label} has the type ${column.typeName}; lastUpdate needs timestamptz.`,
        `-- set the option lastUpdate to another name`,
      ),
    ];
  }
  return column.isNotNull ? [] : [nullableStamp(state, name)];
}

function stampProblems(state: TableState, name: string): readonly Problem[] {
  const { table } = state;
  const label = tableLabel(table);
  const column = columnOf(table, name);
  if (column === undefined) return [unknownColumn(label, name)];
  if (column.typeOid !== TIMESTAMPTZ && column.typeOid !== TIMESTAMP) {
    return [wrongType(label, column, 'timestamp', 'timestamptz or timestamp')];
  }
  return [
    ...(column.isNotNull ? [] : [nullableStamp(state, name)]),
    ...(column.typeOid === TIMESTAMP
      ? [
          warning(
            'STAMP_WITHOUT_TIME_ZONE',
            `The column "${name}" of ${label} has no time zone: where a writer's zone has daylight saving time it goes back by an hour, and changes of that hour are not read.`,
            `ALTER TABLE ${qualifiedName(table)} ALTER COLUMN ${quoteIdentifier(name)} TYPE timestamptz USING ${quoteIdentifier(name)} AT TIME ZONE 'UTC'; -- the zone of your writers`,
          ),
        ]
      : []),
    ...stampKept(state, name),
  ];
}

const UPDATE = 16;
const INSERT = 4;
const BEFORE_ROW = 3;

/** A stamp that somebody else keeps cannot be proved to be kept; what is plainly missing is said (P-06). */
function stampKept(state: TableState, name: string): readonly Problem[] {
  const { table } = state;
  const label = tableLabel(table);
  const before = state.triggers.filter(
    (trigger) => trigger.relation === table.oid && (trigger.type & BEFORE_ROW) === BEFORE_ROW,
  );
  const firing = before.filter(({ enabled }) => enabled === 'A' || enabled === 'O');
  const covers = (event: number): boolean => firing.some(({ type }) => (type & event) !== 0);
  const isSetOnInsert = covers(INSERT) || state.defaults.has(name);
  if (!covers(UPDATE) || !isSetOnInsert) {
    return [
      warning(
        'STAMP_NOT_KEPT',
        `No enabled trigger of ${label} can keep "${name}" on ${covers(UPDATE) ? 'INSERT' : 'UPDATE'}: a write that does not set it is not read. Set lastUpdate: '${name}' to let setup add a trigger.`,
      ),
    ];
  }
  return firing
    .filter(({ enabled }) => enabled === 'O')
    .map((trigger) =>
      warning(
        'STAMP_NOT_ALWAYS_KEPT',
        `The trigger "${trigger.name}" of ${label} does not fire under session_replication_role = replica; what is written so may not be read.`,
        `ALTER TABLE ${qualifiedName(table)} ENABLE ALWAYS TRIGGER ${quoteIdentifier(trigger.name)};`,
      ),
    );
}

function idColumnProblems(state: TableState, name: string): readonly Problem[] {
  const { table, sequence } = state;
  const label = tableLabel(table);
  const column = columnOf(table, name);
  if (column === undefined) return [unknownColumn(label, name)];
  if (!INTEGERS.includes(column.typeOid)) return [wrongType(label, column, 'id', 'int8')];
  const problems: Problem[] = [];
  if (!column.isNotNull) problems.push(nullableStamp(state, name));
  if (sequence === null) {
    problems.push(
      blocking(
        `No sequence fills "${name}" of ${label}, so a number that is missing cannot be told from one that is still to come.`,
        `ALTER TABLE ${qualifiedName(table)} ALTER COLUMN ${quoteIdentifier(name)} ADD GENERATED BY DEFAULT AS IDENTITY; -- and set it to the greatest number; or choose the xid cursor`,
      ),
    );
    return problems;
  }
  const on = `ALTER SEQUENCE ${qualifiedName(sequence)}`;
  if (sequence.cache !== 1) {
    problems.push(
      blocking(
        `The sequence of "${name}" of ${label} has CACHE ${sequence.cache}: sessions draw numbers ahead and use them much later.`,
        `${on} CACHE 1; -- then let sessions that have drawn numbers ahead end`,
      ),
    );
  }
  if (sequence.increment !== 1 || sequence.cycles) {
    problems.push(
      blocking(
        `The sequence of "${name}" of ${label} does not count up by 1 for ever.`,
        `${on} INCREMENT BY 1 NO CYCLE;`,
      ),
    );
  }
  return problems;
}

function unknownColumn(label: string, name: string): Problem {
  return blocking(`${label} has no column "${name}".`, `-- correct the option cursor.column`);
}

function wrongType(
  label: string,
  column: ColumnDescription,
  kind: string,
  wanted: string,
): Problem {
  return blocking(
    `The column "${column.name}" of ${label} has the type ${column.typeName}; a cursor of kind '${kind}' needs ${wanted}.`,
    `-- name another column, or choose another kind of cursor`,
  );
}

function nullableStamp(state: TableState, name: string): Problem {
  return blocking(
    `The column "${name}" of ${tableLabel(state.table)} may be null; rows where it is null would not be read.`,
    `ALTER TABLE ${qualifiedName(state.table)} ALTER COLUMN ${quoteIdentifier(name)} SET NOT NULL;`,
  );
}

function columnOf(table: TableDescription, name: string): ColumnDescription | undefined {
  return table.columns.find((column) => column.name === name);
}
