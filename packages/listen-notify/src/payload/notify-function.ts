import { qualifiedName, type QualifiedName, quoteLiteral } from '@certyo-cdc/postgres';
import type { FunctionBody } from '../setup/function-header.ts';
import type { PayloadObjects } from './objects.ts';

/** A payload's first word: what it is, and the version of its format. */
export const PAYLOAD_TAG = 'certyo1';

/** Hexadecimal digits of the MAC: 128 bits. */
export const MAC_DIGITS = 32;

/** Bytes of notifications of one transaction; a transaction that sends more only says so. */
const MOST_BYTES = 1_048_576;

/** Names a table's columns and their types as they are now, in one expression over pg_attribute `a`. */
export const COLUMNS_DIGEST = `pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
      pg_catalog.string_agg(pg_catalog.format('%s %L', a.atttypid, a.attname), ' ' ORDER BY a.attnum), 'UTF8')), 'hex'), 16)`;

/**
 * The trigger function that tells of a change. Bodies of payloads:
 *
 * - `R pid µs xid relation columns old new row` a row version: the sender's process, its clock, its transaction, the table (the
 *   partition), a digest of its columns, the places (ctid) of the version that it replaces (`-` for none) and its own, and
 *   the row as NEW::text.
 * - `L pid xid relation old new` the same of a row that is too large: without it, an earlier version of the same transaction
 *   would be taken for the last.
 * - `V pid xid` nothing that this transaction has told is to be used: it has deleted rows, changed keys, or told too much. Equal
 *   payloads of one transaction arrive once (N-04), so that a million deletes are one notification.
 *
 * A failure in here never fails the writer's statement: then the empty payload goes out, which says "look".
 */
function notifyFunctionBody(objects: PayloadObjects): string {
  return `
DECLARE
  told_on CONSTANT text := ${quoteLiteral(objects.channel)};
  counter CONSTANT text := ${quoteLiteral(objects.counter)};
  transaction_id int8;
  key_inner bytea;
  key_outer bytea;
  noted text;
  sent int8;
  -- A small queue (max_notify_queue_pages, 17 and newer) is not to be filled by one transaction.
  most CONSTANT int8 := least(${MOST_BYTES}, coalesce(current_setting('max_notify_queue_pages', true)::int8, 1048576) * 1024);
  -- NOTIFY_PAYLOAD_MAX_LENGTH: the block size without the longest name and 128 bytes; a payload has to be shorter. Bytes, not characters.
  longest CONSTANT int4 := current_setting('block_size')::int4 - current_setting('max_identifier_length')::int4 - 130;
  old_place text := '-';
  body text;
  payload text;
BEGIN
  BEGIN
    transaction_id := txid_current();
    SELECT s.key_inner, s.key_outer INTO STRICT key_inner, key_outer FROM ${qualifiedName(objects.secret)} s;
    noted := current_setting(counter, true);
    sent := CASE WHEN noted IS NULL OR noted = '' THEN 0 WHEN noted ~ '^[0-9]{1,12}$' THEN noted::int8 ELSE most END;
    body := concat_ws(' ', 'V', pg_backend_pid(), transaction_id);
    IF TG_ARGV[0] = 'row' AND sent < most AND pg_notification_queue_usage() < 0.5 THEN
      IF TG_OP = 'UPDATE' THEN
        old_place := OLD.ctid::text;
      END IF;
      SELECT concat_ws(' ', 'R', pg_backend_pid(), (extract(epoch FROM clock_timestamp()) * 1000000)::int8, transaction_id,
               TG_RELID, ${COLUMNS_DIGEST}, old_place, NEW.ctid, NEW::text)
        INTO STRICT body FROM pg_attribute a WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped;
      IF octet_length(body) + ${PAYLOAD_TAG.length + MAC_DIGITS + 2} > longest THEN
        body := concat_ws(' ', 'L', pg_backend_pid(), transaction_id, TG_RELID, old_place, NEW.ctid);
      END IF;
      PERFORM set_config(counter, (sent + octet_length(body) + 100)::text, true);
    END IF;
    payload := concat_ws(' ', ${quoteLiteral(PAYLOAD_TAG)},
      left(encode(sha256(key_outer || sha256(key_inner || convert_to(body, 'UTF8'))), 'hex'), ${MAC_DIGITS}), body);
    PERFORM pg_notify(told_on, payload);
  EXCEPTION WHEN OTHERS THEN
    BEGIN
      PERFORM pg_notify(told_on, '');
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
  END;
  RETURN NULL;
END`;
}

/** The function as it has to be. The writer needs no right on the secret. */
export function notifyFunction(objects: PayloadObjects): FunctionBody {
  return {
    signature: `${qualifiedName(objects.function)}()`,
    returns: 'trigger',
    runs: 'values',
    body: notifyFunctionBody(objects),
  };
}

/**
 * Makes the secret: two random keys of a hash block each, drawn by the server so that they stand in no printed SQL. The MAC is a
 * hash of a hash, each with a key of its own in front, which cannot be extended.
 */
export function createSecretSql(secret: QualifiedName): readonly string[] {
  const name = qualifiedName(secret);
  const uuid = "pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', '')";
  const key = `pg_catalog.decode(${[uuid, uuid, uuid, uuid].join(' || ')}, 'hex')`;
  return [
    `CREATE TABLE IF NOT EXISTS ${name} (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  key_inner bytea NOT NULL,
  key_outer bytea NOT NULL,
  made_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);`,
    `REVOKE ALL ON TABLE ${name} FROM PUBLIC;`,
    `INSERT INTO ${name} (key_inner, key_outer) VALUES (${key}, ${key}) ON CONFLICT DO NOTHING;`,
  ];
}
