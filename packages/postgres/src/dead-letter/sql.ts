import { quoteIdentifier } from '../identifier/quote.ts';
import { DEFAULT_SCHEMA } from '../setup/store-session.ts';

function table(schema: string): string {
  return `${quoteIdentifier(schema)}.dead_letters`;
}

/**
 * The SQL that makes the table of parked records. Running it twice changes nothing. Lanes and event ids may be longer than
 * an index entry can be: their SHA-256 is indexed instead.
 */
export function deadLetterSetupSql(schema: string = DEFAULT_SCHEMA): readonly string[] {
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)};`,
    `CREATE TABLE IF NOT EXISTS ${table(schema)} (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pipeline text NOT NULL,
  lane_hash text NOT NULL,
  item_hash text NOT NULL,
  lane text NOT NULL,
  event_id text NOT NULL,
  item_index integer NOT NULL,
  item text NOT NULL,
  error_code text NOT NULL,
  error_message text NOT NULL,
  sent_since timestamptz,
  parked_at timestamptz NOT NULL,
  UNIQUE (pipeline, item_hash)
);`,
    `CREATE INDEX IF NOT EXISTS dead_letters_by_lane ON ${table(schema)} (pipeline, lane_hash, sequence);`,
    `CREATE INDEX IF NOT EXISTS dead_letters_by_sequence ON ${table(schema)} (pipeline, sequence);`,
  ];
}

/** The SQL that removes the table, and every record parked in it. The schema stays. */
export function deadLetterTeardownSql(schema: string = DEFAULT_SCHEMA): readonly string[] {
  return [`DROP TABLE IF EXISTS ${table(schema)};`];
}

/** What a role needs besides CONNECT to park, list and remove records. */
export function deadLetterGrantSql(
  role: string,
  schema: string = DEFAULT_SCHEMA,
): readonly string[] {
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${quoteIdentifier(role)};`,
    `GRANT SELECT, INSERT, DELETE ON ${table(schema)} TO ${quoteIdentifier(role)};`,
  ];
}

/** $1 pipeline, then lists of equal length: $2 lane hashes, $3 item hashes, lanes, event ids, indexes, items, codes, messages, times since when they may have been sent. */
export function parkSql(schema: string): string {
  return `INSERT INTO ${table(schema)}
  (pipeline, lane_hash, item_hash, lane, event_id, item_index, item, error_code, error_message, sent_since, parked_at)
SELECT $1, l.lane_hash, l.item_hash, l.lane, l.event_id, l.item_index, l.item, l.error_code, l.error_message,
  pg_catalog.to_timestamp(l.sent_since_ms / 1000.0), pg_catalog.clock_timestamp()
FROM ROWS FROM (
  pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::text[]),
  pg_catalog.unnest($5::text[]), pg_catalog.unnest($6::int4[]), pg_catalog.unnest($7::text[]),
  pg_catalog.unnest($8::text[]), pg_catalog.unnest($9::text[]), pg_catalog.unnest($10::int8[])
) WITH ORDINALITY AS l(lane_hash, item_hash, lane, event_id, item_index, item, error_code, error_message, sent_since_ms, number)
ORDER BY l.number
ON CONFLICT (pipeline, item_hash) DO NOTHING`;
}

/** $1 pipeline. */
export function lanesSql(schema: string): string {
  return `SELECT lane FROM ${table(schema)} WHERE pipeline = $1 GROUP BY lane ORDER BY pg_catalog.min(sequence)`;
}

/**
 * $1 pipeline, $2 sequence after which to begin, $3 limit, $4 lane hash or null. Ordered by the table's column: a bare
 * `sequence` would be the text of the output.
 */
export function listSql(schema: string): string {
  return `SELECT sequence::text AS sequence, lane, event_id, item_index::text AS item_index, item, error_code, error_message,
  pg_catalog.floor(extract(epoch FROM sent_since) * 1000)::int8::text AS sent_since_ms,
  pg_catalog.floor(extract(epoch FROM parked_at) * 1000)::int8::text AS parked_at_ms
FROM ${table(schema)} AS d
WHERE pipeline = $1 AND d.sequence > $2::int8 AND ($4::text IS NULL OR lane_hash = $4)
ORDER BY d.sequence LIMIT $3::int4`;
}

/** $1 pipeline, $2 sequences. */
export function removeSql(schema: string): string {
  return `DELETE FROM ${table(schema)} WHERE pipeline = $1 AND sequence = ANY ($2::int8[])`;
}
