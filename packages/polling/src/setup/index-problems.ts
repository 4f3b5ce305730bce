import { tableLabel } from '@certyo-cdc/core/internal';
import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  type SetupStatement,
} from '@certyo-cdc/postgres';
import { keyOf } from './column-problems.ts';
import { type Problem, problem } from './problem.ts';
import type { IndexState, RelationState, TableState } from './table-state.ts';
import { digest } from './trigger.ts';

/** Names the index of a relation that setup makes; it lies in the schema of the relation. */
export function cursorIndexName(relation: QualifiedName, columns: readonly string[]): string {
  return `certyo_cursor_${digest([relation.schema, relation.name, ...columns].join('\0'))}`;
}

/**
 * The index by which pages are read: the cursor's column, then the key. Each statement runs by itself: made in the transaction that
 * alters the table, it would keep readers out for as long as it takes.
 *
 * A partitioned table cannot have its index made CONCURRENTLY: each partition gets one, and they are put together.
 */
export function indexProblems(state: TableState, concurrently: boolean): readonly Problem[] {
  const { spec, table } = state;
  const columns = [...new Set([spec.cursor.column, ...keyOf(state)])];
  const found = (relation: RelationState): IndexState | undefined =>
    state.indexes.find(
      (index) => index.relation === relation.oid && serves(index, columns) && index.isValid,
    );
  const root = state.relations.find(({ oid }) => oid === table.oid);
  if (root === undefined || found(root) !== undefined) return [];
  const sql =
    root.isPartitioned && concurrently
      ? partitionedSql(state, columns)
      : [
          ...dropInvalidSql(state, root, columns),
          createSql(root, columns, concurrently ? 'CONCURRENTLY ' : ''),
        ];
  return [
    problem(
      `${tableLabel(table)} has no index (${columns.join(', ')}): every look would read the whole table.`,
      sql.map((one): SetupStatement => ({ sql: one, outsideTransaction: true })),
      { severity: 'warning', code: 'CURSOR_INDEX_MISSING' },
    ),
  ];
}

/** A unique index over the first columns orders the rows as well as one over all. */
function serves(index: IndexState, columns: readonly string[]): boolean {
  const common = Math.min(index.columns.length, columns.length);
  const isPrefix = columns.slice(0, common).every((name, at) => index.columns[at] === name);
  return isPrefix && (index.columns.length >= columns.length || index.isUnique);
}

/** What an interrupted CREATE INDEX CONCURRENTLY has left. */
function dropInvalidSql(
  state: TableState,
  relation: RelationState,
  columns: readonly string[],
): readonly string[] {
  const name = cursorIndexName(relation, columns);
  const left = state.indexes.find(
    (index) => index.relation === relation.oid && index.name === name && !index.isValid,
  );
  return left === undefined
    ? []
    : [`DROP INDEX ${qualifiedName({ schema: relation.schema, name })};`];
}

function createSql(relation: RelationState, columns: readonly string[], how: string): string {
  const only = how === 'ONLY ';
  return `CREATE INDEX ${only ? '' : how}${quoteIdentifier(cursorIndexName(relation, columns))} ON ${
    only ? 'ONLY ' : ''
  }${qualifiedName(relation)} (${columns.map(quoteIdentifier).join(', ')});`;
}

function partitionedSql(state: TableState, columns: readonly string[]): readonly string[] {
  const create: string[] = [];
  const attach: { readonly depth: number; readonly sql: string }[] = [];
  const byOid = new Map(state.relations.map((relation) => [relation.oid, relation]));
  const indexOf = (relation: RelationState): IndexState | undefined =>
    state.indexes.find(
      (index) =>
        index.relation === relation.oid &&
        index.columns.join('\0') === columns.join('\0') &&
        (index.isValid || relation.isPartitioned),
    );
  const nameOf = (relation: RelationState): string =>
    qualifiedName({
      schema: relation.schema,
      name: indexOf(relation)?.name ?? cursorIndexName(relation, columns),
    });
  for (const relation of state.relations) {
    const existing = indexOf(relation);
    if (existing === undefined) {
      if (!relation.isPartitioned) create.push(...dropInvalidSql(state, relation, columns));
      create.push(createSql(relation, columns, relation.isPartitioned ? 'ONLY ' : 'CONCURRENTLY '));
    }
    const parent = relation.parent === null ? undefined : byOid.get(relation.parent);
    if (parent === undefined || existing?.parent != null) continue;
    let depth = 0;
    for (let up: RelationState | undefined = parent; up?.parent != null; up = byOid.get(up.parent))
      depth++;
    attach.push({
      depth,
      sql: `ALTER INDEX ${nameOf(parent)} ATTACH PARTITION ${nameOf(relation)};`,
    });
  }
  // The lowest first: an index is valid, and with it the one above, when all its parts are there.
  attach.sort((a, b) => b.depth - a.depth);
  return [...create, ...attach.map(({ sql }) => sql)];
}
