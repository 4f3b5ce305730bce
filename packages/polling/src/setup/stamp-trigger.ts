import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  quoteLiteral,
  STATUS_COLUMNS,
} from '@certyo-cdc/postgres';
import {
  digest,
  type ExpectedTrigger,
  FUNCTION_PATH,
  GENERIC_PLANS,
  type TriggerFunction,
} from './trigger.ts';

/** The columns that the stamp trigger keeps. */
export interface StampColumns {
  /** An xid8 column, or null. */
  readonly xid: string | null;
  /** A timestamptz column, or null. */
  readonly time: string | null;
}

/** BEFORE triggers fire in the order of their names: this one sees what all others have made of the row. */
export const STAMP_TRIGGER = 'zzz_certyo_stamp';

/** Existing rows get it: the smallest xid of all, so that the first poll reads them (a copy of the table). */
export const FIRST_XID = '3';

/**
 * The function that stamps rows. It is named after its own text, so that every table and source with the same columns
 * shares it and it is never replaced by another one.
 *
 * An UPDATE that changes nothing but the status columns keeps the stamp (I10): the rows are compared byte by byte, with the
 * status columns blanked out and generated columns too, which a BEFORE trigger does not see yet. On tables without status
 * columns every UPDATE stamps. The names are looked up when the trigger fires, so the function stays right when columns come
 * and go, and never fails the writer. What the writer puts into the columns is never taken; but it counts as a change, so
 * that `UPDATE … SET certyo_xid = DEFAULT` has rows read once more.
 */
export function stampFunction(schema: string, columns: StampColumns): TriggerFunction {
  const status = [...STATUS_COLUMNS].map(quoteLiteral).join(', ');
  const { xid, time } = columns;
  // Any assignment makes plpgsql read all columns of OLD, with the constant defaults of columns that were added since the row
  // was written; jsonb_populate_record would take those for NULL.
  const touched = quoteIdentifier(xid ?? time ?? '');
  // A domain may refuse NULL: both rows get the old value there.
  const body = `
DECLARE
  blank pg_catalog.jsonb;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = TG_RELID AND a.attname IN (${status})) THEN
      SELECT pg_catalog.jsonb_object_agg(a.attname, CASE t.typtype WHEN 'd' THEN pg_catalog.to_jsonb(OLD) -> a.attname END) INTO blank
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
       WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped
         AND (a.attname IN (${status}) OR a.attgenerated <> '');
      OLD.${touched} := OLD.${touched};
      IF pg_catalog.jsonb_populate_record(NEW, blank) OPERATOR(pg_catalog.*=) pg_catalog.jsonb_populate_record(OLD, blank) THEN
        RETURN NEW;
      END IF;
    END IF;
  END IF;
${xid === null ? '' : `  NEW.${quoteIdentifier(xid)} := pg_catalog.pg_current_xact_id();\n`}${
    time === null
      ? ''
      : `  NEW.${quoteIdentifier(time)} := CASE WHEN TG_OP = 'UPDATE'
    THEN GREATEST(pg_catalog.clock_timestamp(), OLD.${quoteIdentifier(time)} + interval '1 microsecond')
    ELSE pg_catalog.clock_timestamp() END;\n`
  }  RETURN NEW;
END`;
  return {
    function: { schema, name: `stamp_${digest(body)}` },
    body,
    settings: { search_path: FUNCTION_PATH, ...GENERIC_PLANS },
    isDefiner: false,
    provides: [
      ...(xid === null ? [] : [`stamp 1: xid ${xid}`]),
      ...(time === null ? [] : [`stamp 1: time ${time}`]),
    ],
  };
}

/** The trigger of a table. It fires for replicated rows too. */
export function stampTrigger(schema: string, columns: StampColumns): ExpectedTrigger {
  const made = stampFunction(schema, columns);
  return {
    name: STAMP_TRIGGER,
    when: 'BEFORE INSERT OR UPDATE',
    level: 'ROW',
    condition: '',
    function: made.function,
    argument: null,
    type: 23,
    made,
  };
}

/**
 * Adds the xid column. A volatile default would rewrite the table under an ACCESS EXCLUSIVE lock; a constant one is only
 * noted in the catalog (PostgreSQL 11 and newer), and rows that are there already show it.
 */
export function addXidColumnSql(table: QualifiedName, column: string): readonly string[] {
  const on = qualifiedName(table);
  const name = quoteIdentifier(column);
  return [
    `ALTER TABLE ${on} ADD COLUMN ${name} pg_catalog.xid8 NOT NULL DEFAULT '${FIRST_XID}';`,
    setXidDefaultSql(table, column),
  ];
}

/** The default of rows from now on. The trigger sets the column in any case; the default says so to readers of the schema. */
export function setXidDefaultSql(table: QualifiedName, column: string): string {
  return `ALTER TABLE ${qualifiedName(table)} ALTER COLUMN ${quoteIdentifier(column)} SET DEFAULT pg_catalog.pg_current_xact_id();`;
}

/** Marks a column that setup has added, so that teardown removes no other. */
export const TIME_COLUMN_COMMENT = 'Kept by certyo-cdc polling: the time of the last write.';

/** Adds the time column: rows that are there already show the moment of the setup. `now()` is stable: no rewrite. */
export function addTimeColumnSql(table: QualifiedName, column: string): readonly string[] {
  const on = qualifiedName(table);
  const name = quoteIdentifier(column);
  return [
    `ALTER TABLE ${on} ADD COLUMN ${name} pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now();`,
    `ALTER TABLE ${on} ALTER COLUMN ${name} SET DEFAULT pg_catalog.clock_timestamp();`,
    `COMMENT ON COLUMN ${on}.${name} IS ${quoteLiteral(TIME_COLUMN_COMMENT)};`,
  ];
}
