import { GapError, type SourceEvent, SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  qualifiedName,
  quoteIdentifier,
  replacementsSetupSql,
  type SetupStatement,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import { columnProblems, keyProblems } from './column-problems.ts';
import { indexProblems } from './index-problems.ts';
import { blocking, type Problem, problem } from './problem.ts';
import { needsTriggers, type PollingSpec, pollingObjects, replacementsTable } from './spec.ts';
import { type PollingState, readPollingState, type TableState } from './table-state.ts';
import { keysTableSql, tombstoneTablesSql } from './tombstone-trigger.ts';
import { triggerProblems } from './trigger-problems.ts';

interface Options {
  readonly signal: AbortSignal;
}

/** xid8 and its functions. */
const OLDEST = 130_000;

/** An ALTER TABLE that waits for a long transaction keeps everybody behind it waiting. */
const LOCK_TIMEOUT = "SET LOCAL lock_timeout = '10s';";

/** Everything that is not as it has to be, in the order in which it is mended. */
export function pollingProblems(spec: PollingSpec, state: PollingState): readonly Problem[] {
  const tables = state.tables.flatMap((table) =>
    tableProblems(spec, table, state).map((one) => ({
      ...one,
      sql: one.sql.map((statement) => ({ ...statement, locks: qualifiedName(table.table) })),
    })),
  );
  return [...objectProblems(spec, state), ...tables];
}

function tableProblems(
  spec: PollingSpec,
  state: TableState,
  { user, functions }: PollingState,
): readonly Problem[] {
  const key = keyProblems(state);
  if (key.some(({ mendedBy }) => mendedBy === 'person')) return key;
  return [
    ...(state.isFiltered
      ? [
          blocking(
            `Row level security of ${tableLabel(state.table)} hides rows from the role "${user}".`,
            `ALTER ROLE ${quoteIdentifier(user)} BYPASSRLS; -- as a superuser; or poll as the owner of the table`,
          ),
        ]
      : []),
    ...state.heirs.map((heir) =>
      blocking(
        `${heir} inherits from ${tableLabel(state.table)}: its rows would be read, but no trigger keeps their stamps.`,
        `ALTER TABLE ${heir} NO INHERIT ${qualifiedName(state.table)}; -- and list it in \`tables\`; or make it a partition`,
      ),
    ),
    ...columnProblems(state),
    ...triggerProblems(spec, state, functions),
    ...indexProblems(state, spec.concurrently !== false),
  ];
}

function objectProblems(spec: PollingSpec, state: PollingState): readonly Problem[] {
  const names = pollingObjects(spec);
  const uses = (...kinds: readonly string[]): boolean =>
    spec.tables.some(({ hardDeletes }) => kinds.includes(hardDeletes));
  const usesTriggers = spec.tables.some(needsTriggers);
  const problems: Problem[] = [];
  if (!state.hasSchema && (usesTriggers || uses('reconcile'))) {
    problems.push(
      problem(`The schema "${spec.schema}" does not exist.`, [
        `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(spec.schema)};`,
      ]),
    );
  }
  const lacks = (name: string): boolean => !state.objects.has(name);
  const replacements = replacementsTable(spec);
  if (usesTriggers && lacks(replacements.name)) {
    problems.push(
      problem(
        `The table ${tableLabel(replacements)}, in which setup notes what it replaces, does not exist.`,
        replacementsSetupSql(replacements),
        { severity: 'warning' },
      ),
    );
  }
  if (
    uses('tombstone', 'reconcile') &&
    (lacks(names.tombstones.name) || lacks(names.tombstoneColumns.name))
  ) {
    problems.push(
      problem(
        `The table ${tableLabel(names.tombstones)} does not exist.`,
        tombstoneTablesSql(spec),
        { severity: 'gap' },
      ),
    );
  }
  if (uses('reconcile') && lacks(names.keys.name)) {
    problems.push(
      problem(`The table ${tableLabel(names.keys)} does not exist.`, keysTableSql(spec), {
        severity: 'gap',
      }),
    );
  }
  return problems;
}

/**
 * The statements that are missing, for `runSetup`; empty when there is nothing to do. Never touches what is there and right.
 *
 * Columns come without rewriting the table; what alters a table gives up after 10 s of waiting for its lock; indexes are made
 * apart, CONCURRENTLY unless `spec.concurrently` is false.
 *
 * What it costs the writers, measured with four clients on two cores without waiting for the disk, so that nothing hides it:
 * single-row UPDATEs run at 0.6 of the rate without the trigger and index, DELETE and INSERT in one transaction at 0.65. In one
 * statement over many rows an INSERT takes twice as long, an UPDATE three times (a row's place in the index changes each
 * time, so no update is a HOT one any more), and a DELETE some 20 to 80 µs more per row for its tombstone.
 *
 * @throws SourceSetupError naming the SQL for what setup does not decide by itself (keys, types, sequences, row security).
 */
export async function planPollingSetup(
  session: SqlExecutor,
  spec: PollingSpec,
  options: Options,
): Promise<readonly SetupStatement[]> {
  await assertVersion(session, options);
  const problems = pollingProblems(spec, await readPollingState(session, spec, options));
  const personal = problems.filter(
    ({ mendedBy, severity }) => mendedBy === 'person' && severity !== 'warning',
  );
  if (personal.length > 0) throw problemError(personal, false);
  const statements = problems.flatMap((one) => (one.mendedBy === 'setup' ? one.sql : []));
  return withLockTimeout(distinct(statements));
}

/** The functions of one shape are shared by tables: they are made once. */
function distinct(statements: readonly SetupStatement[]): readonly SetupStatement[] {
  return [...new Map(statements.map((one) => [one.sql, one])).values()];
}

/** Before each run of statements that share a transaction and lock a table. */
function withLockTimeout(statements: readonly SetupStatement[]): readonly SetupStatement[] {
  const result: SetupStatement[] = [];
  let group: SetupStatement[] = [];
  const close = (): void => {
    const [first] = group;
    if (group.some(({ sql }) => /^(?:ALTER TABLE|CREATE TRIGGER|DO|DROP TRIGGER) /.test(sql)))
      result.push({ sql: LOCK_TIMEOUT, locks: first?.locks });
    result.push(...group);
    group = [];
  };
  for (const statement of statements) {
    const isAlone = statement.outsideTransaction === true;
    if (isAlone || group[0]?.locks !== statement.locks) close();
    if (isAlone) result.push(statement);
    else group.push(statement);
  }
  close();
  return result;
}

/**
 * Checks that everything is there that polling needs.
 *
 * @throws GapError `GAP_TRIGGER` when something is missing without which changes may have been missed since the checkpoint.
 * @throws SourceSetupError for everything else, one error that names all of it with the SQL.
 */
export async function assertPollingReady(
  session: SqlExecutor,
  spec: PollingSpec,
  options: Options & {
    readonly hasCheckpoint: boolean;
    /** Whether every trigger that the checkpoint knows has been there all the time. */
    readonly wereThere?: ((state: PollingState) => Promise<boolean>) | undefined;
    readonly onEvent: (event: SourceEvent) => void;
  },
): Promise<PollingState> {
  await assertVersion(session, options);
  const state = await readPollingState(session, spec, options);
  const problems = pollingProblems(spec, state);
  const errors = problems.filter(({ severity }) => severity !== 'warning');
  if (errors.length > 0) {
    const gaps = errors.filter(({ severity }) => severity === 'gap');
    const isGap =
      options.hasCheckpoint &&
      gaps.length > 0 &&
      !(gaps.every(({ differs }) => differs) && (await options.wereThere?.(state)) === true);
    throw problemError(errors, isGap);
  }
  for (const { code, what, sql } of problems) {
    const remedy = sql.length === 0 ? '' : ` Run: ${sql.map((one) => one.sql).join(' ')}`;
    options.onEvent({ type: 'source-warned', code, message: `${what}${remedy}` });
  }
  return state;
}

async function assertVersion(session: SqlExecutor, options: Options): Promise<void> {
  const { rows } = await session.query<{ readonly number: string; readonly version: string }>(
    "SELECT pg_catalog.current_setting('server_version_num') AS number, pg_catalog.current_setting('server_version') AS version",
    [],
    options,
  );
  assertPollingVersion(Number(rows[0]?.number ?? 0), rows[0]?.version ?? '');
}

/** Refuses servers without 64-bit transaction ids. */
export function assertPollingVersion(versionNumber: number, version: string): void {
  if (versionNumber >= OLDEST) return;
  throw new SourceSetupError(
    `PostgreSQL ${version} has no 64-bit transaction ids; polling needs PostgreSQL 13.`,
    { remedy: 'Upgrade the server, or use replicationSource or listenNotifySource.' },
  );
}

function problemError(problems: readonly Problem[], isGap: boolean): Error {
  const what = problems.map((one) => one.what).join(' ');
  const lines = problems.flatMap((one) => one.sql.map(({ sql }) => `  ${sql}`));
  const remedy = `${problems.some(({ mendedBy }) => mendedBy === 'setup') ? 'Run source.setup(), or:' : 'Run:'}\n${lines.join('\n')}`;
  if (isGap) {
    return new GapError('GAP_TRIGGER', `${what} Changes since the checkpoint may be missing.`, {
      remedy: `${remedy}\nthen copy the tables again under a new name.`,
    });
  }
  return new SourceSetupError(what, { remedy });
}
