import { qualifiedName, type QualifiedName, quoteLiteral } from '../identifier/quote.ts';
import { lockTableSql, SETUP_LOCK } from '../setup/run-setup.ts';

/**
 * An expression over pg_trigger `t` and pg_proc `p`: names the very rows of the catalog. Whatever is altered, disabled or
 * made again, if only for a moment, is another row.
 * https://www.postgresql.org/docs/current/ddl-system-columns.html
 */
export const TRIGGER_VERSION_SQL = "pg_catalog.concat(t.oid, '.', t.xmin, '/', p.oid, '.', p.xmin)";

/** The same of a function alone, over pg_proc `p`. */
export const FUNCTION_VERSION_SQL = "pg_catalog.concat(p.oid, '.', p.xmin)";

/** Makes the table of replacements. Everybody may read it: it holds what everybody can read in the catalog. */
export function replacementsSetupSql(table: QualifiedName): readonly string[] {
  const name = qualifiedName(table);
  return [
    `CREATE TABLE IF NOT EXISTS ${name} (
  relation oid NOT NULL,
  name text NOT NULL,
  version_before text NOT NULL,
  version_after text NOT NULL,
  provides text[] NOT NULL,
  replaced_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);`,
    `GRANT SELECT ON ${name} TO PUBLIC;`,
  ];
}

/** What a set-up does to a trigger, or to the function of triggers, that is there and captures. */
export interface ReplacementPlan {
  /** The table of replacements. */
  readonly replacements: QualifiedName;
  /** The statements, each ended by a semicolon. */
  readonly statements: readonly string[];
  /** What the triggers capture afterwards, in the words of their package. */
  readonly provides: readonly string[];
}

/** A trigger function as it has to be, as far as pg_proc tells. */
export interface FunctionState {
  readonly body: string;
  readonly isDefiner: boolean;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Replaces or alters a function, and notes that whatever used it went over to the new one without a moment between.
 *
 * Nothing is locked: a statement that runs meanwhile calls the old function or the new one. What was disabled, or changed by
 * somebody else at the same time, is not noted.
 *
 * @param signature With types of arguments, as in `certyo.f(oid)`. `plan.statements` have to write its row in pg_proc.
 */
export function replaceFunctionSql(signature: string, plan: ReplacementPlan): string {
  // A function by itself stands beside the triggers, because triggers may call it through another one.
  const items = `
      SELECT t.tgrelid AS relation, t.tgname::text AS name, ${TRIGGER_VERSION_SQL} AS version,
             pg_catalog.concat(t.oid, '.', t.xmin) AS rest, p.xmin AS made_by, p.xmax AS replaced_by
        FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
       WHERE p.oid = v_function AND t.tgenabled = 'A'
       UNION ALL
      SELECT '0'::pg_catalog.oid, p.proname::text, ${FUNCTION_VERSION_SQL}, '', p.xmin, p.xmax
        FROM pg_catalog.pg_proc p WHERE p.oid = v_function`;
  return recorded(plan, {
    declare: `v_function pg_catalog.oid := pg_catalog.to_regprocedure(${quoteLiteral(signature)});`,
    items,
    condition: 'now.rest = item.rest',
  });
}

/**
 * Drops a trigger and makes it again, and notes that it, and its copies on partitions, went over to the new one without a
 * moment between. The table is locked, which keeps writers out until the end of the transaction.
 *
 * @param trigger Its name; `plan.statements` have to drop it and make it again, `ENABLE ALWAYS`.
 * @param made The function that it calls then.
 */
export function replaceTriggerSql(
  table: QualifiedName,
  trigger: string,
  made: FunctionState,
  plan: ReplacementPlan,
): string {
  const items = `
      SELECT t.tgrelid AS relation, t.tgname::text AS name, ${TRIGGER_VERSION_SQL} AS version,
             ${FUNCTION_VERSION_SQL} AS function, t.xmin AS made_by, t.xmax AS replaced_by
        FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
       WHERE t.tgname = ${quoteLiteral(trigger)} AND t.tgenabled = 'A'
         AND (t.tgrelid = v_table OR t.tgrelid IN (SELECT q.relid FROM pg_catalog.pg_partition_tree(v_table) q))`;
  return recorded(plan, {
    declare: `v_table pg_catalog.regclass := ${quoteLiteral(qualifiedName(table))};`,
    items,
    // DROP TRIGGER alone locks the partitions before their table, and writers the table before the partitions.
    lock: `\n  ${lockTableSql(qualifiedName(table))}`,
    // The function before must not have been another one for a while, before the table was locked.
    condition: `EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE ${FUNCTION_VERSION_SQL} = item.function)
         AND EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE ${FUNCTION_VERSION_SQL} = now.function AND ${isAsMadeSql(made)})`,
  });
}

/** An expression over pg_proc `p`. Names of settings in lower case, quotes as one likes. */
function isAsMadeSql({ body, isDefiner, settings }: FunctionState): string {
  const plain = (text: string): string => text.toLowerCase().replaceAll('"', '');
  const wanted = Object.entries(settings)
    .map(([name, value]) => plain(`${name}=${value}`))
    .sort();
  return `p.prosrc = ${bodyLiteral(body)} AND ${isDefiner ? '' : 'NOT '}p.prosecdef
           AND ARRAY(SELECT pg_catalog.lower(pg_catalog.replace(s, '"', '')) COLLATE "C" FROM pg_catalog.unnest(p.proconfig) s ORDER BY 1)
               = ARRAY[${wanted.map(quoteLiteral).join(', ')}]::text[]`;
}

/**
 * The cursor is opened before the statements and read behind them: so it gives the rows as they were, and of each the
 * transaction that has replaced it since. Where that is the one which made the row that is there now, there was none
 * between, and the statements see to it that it is ours.
 *
 * One statement, so that it is one transaction in psql too.
 */
function recorded(
  { provides, replacements, statements }: ReplacementPlan,
  {
    condition,
    declare,
    items,
    lock = '',
  }: Readonly<Record<'condition' | 'declare' | 'items', string>> & { readonly lock?: string },
): string {
  const block = `
#variable_conflict use_column
DECLARE
  ${declare}
  v_items refcursor;
  item record;
BEGIN
  IF pg_catalog.current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
    RAISE EXCEPTION 'Run this at isolation level READ COMMITTED.';
  END IF;
  PERFORM pg_catalog.pg_advisory_xact_lock(${SETUP_LOCK});${lock}
  OPEN v_items FOR${items};
${statements.map((sql) => `  ${sql}\n`).join('')}  LOOP
    FETCH v_items INTO item;
    EXIT WHEN NOT FOUND;
    INSERT INTO ${qualifiedName(replacements)} (relation, name, version_before, version_after, provides)
    SELECT item.relation, item.name, item.version, now.version, ARRAY[${provides.map(quoteLiteral).join(', ')}]::text[]
      FROM (${items}) AS now
     WHERE now.relation = item.relation AND now.name = item.name AND now.made_by = item.replaced_by
       AND ${condition};
  END LOOP;
  CLOSE v_items;
END `;
  return `DO ${block.includes('$setup$') ? quoteLiteral(block) : `$setup$${block}$setup$`};`;
}

function bodyLiteral(body: string): string {
  return body.includes('$body$') ? quoteLiteral(body) : `$body$${body}$body$`;
}
