import { createHash } from 'node:crypto';

import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  quoteLiteral,
  type SetupStatement,
  XID_COLUMN,
} from '@certyo-cdc/postgres';

import { namesOf, type StatusColumns } from './status-columns.ts';

/** BEFORE triggers fire in the order of their names: this one sees what all others have made of the row. */
export const STATUS_TRIGGER = 'zzzz_certyo_status';

/** Says to the trigger that it is write-back that writes. */
export const WRITING_SQL: string = "SELECT pg_catalog.set_config('certyo.write_back', 'on', true)";

/** Marks columns that setup has added, so that teardown removes no other. */
const COMMENT = 'Kept by certyo-cdc write-back.';

/**
 * The function that takes the status from a row when its content changes, so that it never stands on newer content than was
 * verified; and that keeps it when somebody else writes it, as applications do that write whole rows back. Rows are compared
 * as texts, without the status columns, those of polling's stamp, and generated ones, which a BEFORE trigger does not see yet.
 * The names are looked up when it fires: it never fails a writer when columns are gone.
 */
function statusFunction(
  schema: string,
  columns: StatusColumns,
): { readonly name: QualifiedName; readonly sql: readonly string[] } {
  const names = namesOf(columns);
  const fresh = Object.fromEntries([
    [columns.status, 'pending'],
    ...(columns.recordHash === null ? [] : [[columns.recordHash, null]]),
    ...(columns.verifiedAt === null ? [] : [[columns.verifiedAt, null]]),
  ]);
  const ofOld = (name: string): string => `${quoteLiteral(name)}, OLD.${quoteIdentifier(name)}`;
  const build = (list: readonly string[]): string =>
    `pg_catalog.jsonb_build_object(${list.map(ofOld).join(', ')})`;
  const body = `
DECLARE
  found int;
  has_stamp bool;
  has_generated bool;
  generated text;
  kept pg_catalog.jsonb;
  own pg_catalog.jsonb;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    SELECT count(*) FILTER (WHERE a.attname IN (${names.map(quoteLiteral).join(', ')})),
      coalesce(bool_or(a.attname = ${quoteLiteral(XID_COLUMN)}), false), bool_or(a.attgenerated <> '')
      INTO found, has_stamp, has_generated
      FROM pg_catalog.pg_attribute a WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped;
    IF found = ${String(names.length)} THEN
      -- OLD is only read: assigning to a column that was added since the row was written may free what is not its own.
      kept := ${build(names)};
      own := kept;
      IF has_stamp THEN
        own := own || ${build([XID_COLUMN])};
      END IF;
      IF has_generated THEN
        -- As texts: not all types come back from JSON as what they were.
        SELECT pg_catalog.string_agg(pg_catalog.format('%L, ($1).%I::text', a.attname, a.attname), ', ') INTO generated
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = TG_RELID AND NOT a.attisdropped AND a.attgenerated <> '';
        EXECUTE 'SELECT $2 || pg_catalog.jsonb_object(ARRAY[' || generated || '])' INTO own USING OLD, own;
      END IF;
      IF pg_catalog.jsonb_populate_record(NEW, own)::text = OLD::text THEN
        IF pg_catalog.current_setting('certyo.write_back', true) = 'on' THEN
          RETURN NEW;
        END IF;
        RETURN pg_catalog.jsonb_populate_record(NEW, kept);
      END IF;
    END IF;
  END IF;
  RETURN pg_catalog.jsonb_populate_record(NEW, ${quoteLiteral(JSON.stringify(fresh))});
END`;
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 12);
  const name = { schema, name: `status_${digest}` };
  return {
    name,
    sql: [
      `CREATE OR REPLACE FUNCTION ${qualifiedName(name)}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = 'force_generic_plan' SET extra_float_digits = 3 AS $certyo$${body}
$certyo$;`,
      `REVOKE ALL ON FUNCTION ${qualifiedName(name)}() FROM PUBLIC;`,
    ],
  };
}

/** Adds what is missing of the columns and the trigger. Constant defaults do not rewrite the table. */
export function statusColumnsSql(
  table: {
    readonly name: QualifiedName;
    readonly absent: readonly string[];
    readonly hasTrigger: boolean;
  },
  columns: StatusColumns,
  schema: string,
): readonly (string | SetupStatement)[] {
  const on = qualifiedName(table.name);
  const types: readonly (readonly [string | null, string])[] = [
    [columns.recordHash, 'pg_catalog.text'],
    [columns.status, "pg_catalog.text DEFAULT 'pending'"],
    [columns.verifiedAt, 'pg_catalog.timestamptz'],
  ];
  const added = types.flatMap(([name, type]) =>
    name === null || !table.absent.includes(name)
      ? []
      : [
          `ALTER TABLE ${on} ADD COLUMN IF NOT EXISTS ${quoteIdentifier(name)} ${type};`,
          `COMMENT ON COLUMN ${on}.${quoteIdentifier(name)} IS ${quoteLiteral(COMMENT)};`,
        ],
  );
  const made = statusFunction(schema, columns);
  const trigger = quoteIdentifier(STATUS_TRIGGER);
  const makeTrigger = [
    `DROP TRIGGER IF EXISTS ${trigger} ON ${on};`,
    `CREATE TRIGGER ${trigger} BEFORE INSERT OR UPDATE ON ${on} FOR EACH ROW EXECUTE FUNCTION ${qualifiedName(made.name)}();`,
    `ALTER TABLE ${on} ENABLE ALWAYS TRIGGER ${trigger};`,
  ];
  const locking = [...added, ...(table.hasTrigger ? [] : makeTrigger)];
  return [...made.sql, ...locking.map((sql) => ({ sql, locks: on }))];
}

/** Whether the trigger of a table is the one that these options make, and fires. $1 oid. */
export function hasTriggerSql(schema: string, columns: StatusColumns): string {
  const { name } = statusFunction(schema, columns);
  return `SELECT true::text AS found FROM pg_catalog.pg_trigger g
  JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE g.tgrelid = $1::oid AND g.tgname = ${quoteLiteral(STATUS_TRIGGER)} AND g.tgenabled = 'A'
    AND p.proname = ${quoteLiteral(name.name)} AND n.nspname = ${quoteLiteral(name.schema)}`;
}

/** Removes the trigger, and of the columns those that setup has added. Which these are is read when it runs. */
export function dropStatusColumnsSql(
  table: QualifiedName,
  columns: StatusColumns,
): readonly SetupStatement[] {
  const on = qualifiedName(table);
  const names = namesOf(columns).map(quoteLiteral).join(', ');
  return [
    `DROP TRIGGER IF EXISTS ${quoteIdentifier(STATUS_TRIGGER)} ON ${on};`,
    `DO $certyo$ DECLARE name text; BEGIN
  FOR name IN SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = ${quoteLiteral(on)}::pg_catalog.regclass
    AND a.attname IN (${names}) AND NOT a.attisdropped
    AND pg_catalog.col_description(a.attrelid, a.attnum) = ${quoteLiteral(COMMENT)}
  LOOP EXECUTE pg_catalog.format('ALTER TABLE ${on.replaceAll('%', '%%').replaceAll("'", "''")} DROP COLUMN %I', name); END LOOP;
END $certyo$;`,
  ].map((sql) => ({ sql, locks: on }));
}

/** The functions that no table uses any more. */
export function dropStatusFunctionsSql(schema: string): string {
  return `DO $certyo$ DECLARE name text; BEGIN
  FOR name IN SELECT p.oid::pg_catalog.regprocedure::text FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = pg_catalog.to_regnamespace(${quoteLiteral(quoteIdentifier(schema))}) AND p.proname ~ '^status_[0-9a-f]{12}$'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgfoid = p.oid)
  LOOP EXECUTE 'DROP FUNCTION ' || name; END LOOP;
END $certyo$;`;
}
