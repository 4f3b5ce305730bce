import { canonicalJson, GapError, type JsonValue } from '@certyo-cdc/core';
import { qualifiedName, type QualifiedName, quoteIdentifier } from '@certyo-cdc/postgres';
import type { TextQuery } from '../stream/text-query.ts';
import { tableLabel, unchangingJson } from '@certyo-cdc/core/internal';

/** Names the very rows of the catalog by which tables are published; any ALTER or re-creation makes others. */
export interface PublicationFingerprint {
  readonly publication: string;
  /** By `schema.table`. */
  readonly tables: Readonly<Record<string, string>>;
  /** By schema, where any are captured. */
  readonly schemas?: Readonly<Record<string, string>>;
}

export interface PublicationWatchOptions {
  readonly query: TextQuery;
  readonly publication: string;
  readonly tables: readonly QualifiedName[];
  /** Schemas of which the publication has to cover all tables. @default none */
  readonly schemas?: readonly string[] | undefined;
  readonly versionNumber: number;
  /** The fingerprint of the checkpoint, or null where there is none. */
  readonly stored: PublicationFingerprint | null;
  /** False where the plugin knows no publications. @default true */
  readonly isPublished?: boolean | undefined;
  /** Called after each look at the publication. */
  readonly onChecked?: (() => Promise<void>) | undefined;
}

/** Marks a table that was published by the transaction that made it, so that nothing of it can have been missed. */
const SINCE_BIRTH = 'born:';

/**
 * Notices that a publication was changed while somebody reads (R-16, R-17).
 *
 * What a publication does not cover is left out of the stream without a word, and since PostgreSQL 18 so is everything
 * when the publication is gone. A table that was removed and added again looks the same as before, but what lies
 * between was lost: so the catalog's rows are compared by oid and xmin, not by what they say.
 */
export class PublicationWatch {
  readonly #options: PublicationWatchOptions;
  #fingerprint: PublicationFingerprint | null;

  constructor(options: PublicationWatchOptions) {
    this.#options = options;
    this.#fingerprint = options.stored;
  }

  /** To be kept with the checkpoint. */
  toJSON(): JsonValue {
    return unchangingJson(this.#fingerprint as JsonValue);
  }

  /** Compares with the catalog as it is now. Throws `GapError` when something has changed. */
  async check(): Promise<void> {
    if (this.#options.isPublished === false) return;
    const now = await this.#read();
    const { publication, tables } = this.#options;
    const known = this.#fingerprint;
    if (now === null) {
      throw gap(`The publication "${publication}" does not exist any more.`, 'Run source.setup().');
    }
    if (known !== null && known.publication !== now.publication) {
      throw gap(
        `The publication "${publication}" was altered or made again.`,
        'Look at what it sends, and run source.setup().',
      );
    }
    for (const table of tables) {
      const name = tableLabel(table);
      const current = now.tables[name];
      if (current === undefined) {
        throw gap(
          `The publication "${publication}" does not cover ${name} any more.`,
          `Run: ALTER PUBLICATION ${quoteIdentifier(publication)} ADD TABLE ${qualifiedName(table)};`,
        );
      }
      const before = known?.tables[name];
      if (before === undefined || before === current || current.startsWith(SINCE_BIRTH)) continue;
      throw gap(
        `The publication "${publication}" did not cover ${name} all the time: it was removed and added again, or altered.`,
        'Changes of the time between cannot be read any more.',
      );
    }
    for (const schema of this.#options.schemas ?? []) {
      const before = known?.schemas?.[schema];
      const current = now.schemas?.[schema];
      if (current !== undefined && (before === undefined || before === current)) continue;
      throw gap(
        `The publication "${publication}" ${current === undefined ? 'does not cover' : 'did not cover all the time'} the tables of the schema "${schema}".`,
        'Run source.setup().',
      );
    }
    // The same one for as long as it says the same.
    if (known === null || textOf(known) !== textOf(now)) this.#fingerprint = now;
    await this.#options.onChecked?.();
  }

  async #read(): Promise<PublicationFingerprint | null> {
    const { query, publication, tables, versionNumber } = this.#options;
    const rows = await query(fingerprintSql(versionNumber), [
      publication,
      arrayLiteral(tables.map((table) => table.schema)),
      arrayLiteral(tables.map((table) => table.name)),
    ]);
    const name = rows[0]?.['publication'] ?? null;
    if (name === null) return null;
    const covered: Record<string, string> = {};
    for (const row of rows) {
      const by = row['covered_by'] ?? null;
      if (by !== null) {
        covered[tableLabel({ schema: row['schema'] ?? '', name: row['name'] ?? '' })] = by;
      }
    }
    const schemas = await this.#readSchemas();
    return { publication: name, tables: covered, ...(schemas === null ? {} : { schemas }) };
  }

  async #readSchemas(): Promise<Readonly<Record<string, string>> | null> {
    const { query, publication, schemas = [] } = this.#options;
    if (schemas.length === 0) return null;
    const rows = await query(SCHEMAS_SQL, [publication]);
    return Object.fromEntries(rows.map((row) => [row['name'] ?? '', row['covered_by'] ?? '']));
  }
}

const SCHEMAS_SQL = `
  SELECT n.nspname::text AS name, s.oid || '.' || s.xmin AS covered_by
    FROM pg_catalog.pg_publication_namespace s
    JOIN pg_catalog.pg_publication p ON p.oid = s.pnpubid
    JOIN pg_catalog.pg_namespace n ON n.oid = s.pnnspid
   WHERE p.pubname = $1`;

function textOf(fingerprint: PublicationFingerprint): string {
  return canonicalJson(fingerprint as unknown as JsonValue);
}

/** Reads what `toJSON` gave; null for anything else. */
export function publicationFingerprint(value: unknown): PublicationFingerprint | null {
  const fingerprint = value as Partial<PublicationFingerprint> | null | undefined;
  return typeof fingerprint === 'object' &&
    fingerprint !== null &&
    typeof fingerprint.publication === 'string' &&
    typeof fingerprint.tables === 'object'
    ? (fingerprint as PublicationFingerprint)
    : null;
}

/**
 * A row per wanted table, or one without where there is none. The row of `ctid` in pg_attribute is as old as its table and is never updated: its xmin is the
 * transaction that made the table. https://www.postgresql.org/docs/current/catalog-pg-publication-rel.html
 */
function fingerprintSql(versionNumber: number): string {
  const bySchema =
    versionNumber < 150_000
      ? ''
      : `UNION ALL SELECT 'schema:' || s.oid || '.' || s.xmin FROM pg_catalog.pg_publication_namespace s
                    WHERE s.pnpubid = p.oid AND s.pnnspid = c.relnamespace`;
  return `
  SELECT p.oid || '.' || p.xmin AS publication, w.schema, w.name,
         (SELECT pg_catalog.min(x.by) FROM (
            SELECT 'all' WHERE p.puballtables AND c.oid IS NOT NULL
            UNION ALL SELECT CASE WHEN r.xmin = a.xmin THEN 'born:' ELSE 'table:' END || r.oid || '.' || r.xmin
                        FROM pg_catalog.pg_publication_rel r
                        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'ctid'
                       WHERE r.prpubid = p.oid AND r.prrelid = c.oid
            ${bySchema}) AS x(by)) AS covered_by
    FROM pg_catalog.pg_publication p
    LEFT JOIN ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[])) AS w(schema, name)
      ON true
    LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
    LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
   WHERE p.pubname = $1`;
}

function arrayLiteral(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

function gap(what: string, remedy: string): GapError {
  return new GapError('GAP_PUBLICATION', `${what} Changes may be missing.`, {
    remedy: `${remedy} Then copy the tables again, and start without the old checkpoint.`,
  });
}
