import type { SourceEvent } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import { qualifiedName } from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { TextQuery } from '../stream/text-query.ts';

/**
 * Warns, once, of each table of a captured schema that was made without a key: the server refuses its UPDATE and DELETE for
 * as long as it is published, and nothing names its records.
 * https://www.postgresql.org/docs/current/logical-replication-publication.html#LOGICAL-REPLICATION-PUBLICATION-REPLICA-IDENTITY
 */
export function newTableWarnings(
  settings: Pick<ReplicationSettings, 'schemas' | 'keys'>,
  query: TextQuery,
  onEvent: (event: SourceEvent) => void,
): () => Promise<void> {
  const { schemas, keys } = settings;
  const warned = new Set<string>();
  return async () => {
    if (schemas.length === 0) return;
    for (const row of await query(UNUSABLE_SQL, [JSON.stringify(schemas)])) {
      const table = { schema: row['schema'] ?? '', name: row['name'] ?? '' };
      const label = tableLabel(table);
      const isFull = row['identity'] === 'f';
      if (warned.has(label) || (isFull && keys[label] !== undefined)) continue;
      warned.add(label);
      const sqlName = qualifiedName(table);
      const message = isFull
        ? `${label}, of a captured schema, has no primary key: its first row stops the source. Set keys: { '${label}': [...] }.`
        : `${label}, of a captured schema, has no usable replica identity: the server refuses its UPDATE and DELETE, and its first row stops the source. Run: ALTER TABLE ${sqlName} ADD PRIMARY KEY (...); or ALTER TABLE ${sqlName} REPLICA IDENTITY FULL; and set keys: { '${label}': [...] }.`;
      onEvent({ type: 'source-warned', code: 'TABLE_WITHOUT_KEY', message });
    }
  };
}

const UNUSABLE_SQL = `
  SELECT n.nspname::text AS schema, c.relname::text AS name, c.relreplident::text AS identity
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname IN (SELECT pg_catalog.json_array_elements_text($1::pg_catalog.json))
     AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
     AND CASE c.relreplident
           WHEN 'i' THEN NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)
           WHEN 'n' THEN true
           ELSE NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) END`;
