import { tableLabel } from '@certyo-cdc/core/internal';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { RelationMessage } from '../protocol/pgoutput.ts';
import type { TextQuery } from './text-query.ts';

/**
 * The captured table above a partition, and whether the publication covers the relation by itself. A partition that was
 * dropped or detached since the change has no table above it any more; but then nothing else can have published it.
 */
const ABOVE_SQL = `
  SELECT n.nspname::text AS schema, c.relname::text AS name,
         (p.puballtables OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel r
                                     WHERE r.prpubid = p.oid AND r.prrelid = $1::pg_catalog.oid))::text AS published
    FROM pg_catalog.pg_publication p
    LEFT JOIN (pg_catalog.pg_partition_ancestors($1::pg_catalog.oid) AS a(oid)
               JOIN pg_catalog.pg_class c ON c.oid = a.oid AND a.oid <> $1::pg_catalog.oid
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace) ON true
   WHERE p.pubname = $2`;

/** Tells which relations of the stream are captured, and their configured keys. */
export class CapturedRelations {
  readonly #settings: Pick<
    ReplicationSettings,
    'tables' | 'schemas' | 'partitions' | 'stateSchema' | 'keys' | 'publication'
  >;
  readonly #query: TextQuery;
  readonly #listed: ReadonlySet<string>;
  /** The captured table above a partition, by the partition's oid. */
  readonly #roots = new Map<number, string>();

  constructor(settings: ReplicationSettings, query: TextQuery) {
    this.#settings = settings;
    this.#query = query;
    this.#listed = new Set(settings.tables.map(tableLabel));
  }

  isCaptured(message: RelationMessage): boolean | Promise<boolean> {
    const { schemas, stateSchema, partitions } = this.#settings;
    if (message.schema === stateSchema) return false;
    if (this.#listed.has(tableLabel(message)) || schemas.includes(message.schema)) return true;
    return partitions === 'leaf' && this.#isPartition(message.oid);
  }

  /** The option `keys` for a relation; a partition has that of the table above it. */
  keyOf(message: RelationMessage): readonly string[] | null {
    const { keys } = this.#settings;
    const root = this.#roots.get(message.oid);
    return keys[tableLabel(message)] ?? (root === undefined ? null : (keys[root] ?? null));
  }

  async #isPartition(oid: number): Promise<boolean> {
    const { schemas, publication } = this.#settings;
    const rows = await this.#query(ABOVE_SQL, [String(oid), publication]);
    for (const row of rows) {
      const schema = row['schema'] ?? null;
      if (schema === null) continue;
      const label = tableLabel({ schema, name: row['name'] ?? '' });
      if (!this.#listed.has(label) && !schemas.includes(schema)) continue;
      this.#roots.set(oid, label);
      return true;
    }
    const isAlone = rows.every((row) => (row['schema'] ?? null) === null);
    return isAlone && rows[0]?.['published'] === 'false';
  }
}
