import { quoteLiteral, SETUP_LOCK } from '@certyo-cdc/postgres';

import { ledgerTable } from '../receipts/sql.ts';
import type { LedgerShape } from './options.ts';

/** Partitions that are there ahead of time, besides the present one. */
const PERIODS_AHEAD = 2;

/**
 * The function that makes partitions ahead of time and drops old ones. It runs as its owner, because who stores receipts must not
 * be able to remove any; so it takes no arguments: how long they are kept is settled by who makes it.
 *
 * What has come into the default partition meanwhile moves to the new one. Locks are waited for only shortly: writers come
 * before maintenance, and it is tried again.
 */
export function maintainFunctionSql(shape: LedgerShape, schema: string): string {
  const { partition, retentionDays } = shape;
  const receipts = ledgerTable(schema, 'receipts');
  const fallback = ledgerTable(schema, 'receipts_default');
  const partitions = ledgerTable(schema, 'receipt_partitions');
  const name = quoteLiteral(schema);
  const drop =
    retentionDays === false
      ? ''
      : `
  kept_from := now() - interval '${String(retentionDays)} days';
  FOR old IN SELECT p.name FROM ${partitions} AS p WHERE p.to_at <= kept_from ORDER BY p.from_at LOOP
    check_sql := format('SELECT EXISTS (SELECT FROM %I.%I WHERE state = ''pending'')', ${name}, old.name);
    EXECUTE check_sql INTO is_busy;
    CONTINUE WHEN is_busy;
    -- Who writes into it now is waited for, and counts.
    LOCK TABLE ONLY ${receipts} IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', ${name}, old.name);
    EXECUTE check_sql INTO is_busy;
    CONTINUE WHEN is_busy;
    EXECUTE format('DROP TABLE %I.%I', ${name}, old.name);
    DELETE FROM ${partitions} AS p WHERE p.name = old.name;
    done := done || ('-' || old.name);
  END LOOP;
  DELETE FROM ${fallback} WHERE accepted_at < kept_from AND state <> 'pending';`;
  return `CREATE OR REPLACE FUNCTION ${ledgerTable(schema, 'maintain_receipts')}() RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '3s' AS $certyo$
DECLARE
  done text[] := '{}';
  period CONSTANT interval := '1 ${partition}';
  begins timestamptz;
  ends timestamptz;
  kept_from timestamptz;
  name text;
  old record;
  is_busy boolean;
  check_sql text;
BEGIN
  PERFORM pg_advisory_xact_lock(${SETUP_LOCK});
  SELECT max(p.to_at) INTO begins FROM ${partitions} AS p;
  -- What was accepted shortly before may still be stored.
  begins := coalesce(begins, date_trunc('${partition}', now()) - period);
  WHILE begins <= date_trunc('${partition}', now()) + ${String(PERIODS_AHEAD)} * period LOOP
    ends := begins + period;
    name := 'receipts_' || to_char(begins, 'YYYYMMDD');
    EXECUTE format('CREATE TABLE %I.%I (LIKE ${receipts} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', ${name}, name);
    LOCK TABLE ${fallback} IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('WITH moved AS (DELETE FROM ${fallback} WHERE accepted_at >= %L AND accepted_at < %L RETURNING *)
      INSERT INTO %I.%I SELECT * FROM moved', begins, ends, ${name}, name);
    EXECUTE format('ALTER TABLE ${receipts} ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)',
      ${name}, name, begins, ends);
    INSERT INTO ${partitions} VALUES (name, begins, ends);
    done := done || ('+' || name);
    begins := ends;
  END LOOP;${drop}
  RETURN done;
END
$certyo$;`;
}
