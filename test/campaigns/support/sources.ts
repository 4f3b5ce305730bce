import type { ChangeSource } from '@certyo-cdc/core';
import { listenNotifySource } from '@certyo-cdc/listen-notify';
import { pollingSource } from '@certyo-cdc/polling';
import { replicationSource } from '@certyo-cdc/replication';

/** A source that campaigns set up, and run in a process of its own. */
export interface CampaignSource extends ChangeSource {
  setup(): Promise<readonly string[]>;
}

/** What a source is made over. */
export interface CampaignDatabase {
  /** @default PG_DSN */
  readonly connection?: string | undefined;
  /** Table names, `schema.table`. */
  readonly tables: readonly string[];
  /** Columns that mark a record as deleted, by table. */
  readonly softDeletes: Readonly<Record<string, string>>;
}

const leaseMs = 700;
const deadAfterMs = 2_000;
const reconnect = { minDelayMs: 20, maxDelayMs: 200 };

/** How each source is made here: with times that are short, because its lives are. */
const MAKERS = {
  replication: ({ connection, tables }: CampaignDatabase): CampaignSource =>
    replicationSource({ connection, tables, reconnect }),
  'listen-notify': ({ connection, tables }: CampaignDatabase): CampaignSource =>
    listenNotifySource({
      connection,
      tables,
      reconnect,
      leaseMs,
      deadAfterMs,
      sweepMs: 500,
      pruneIntervalMs: 50,
    }),
  polling: (database: CampaignDatabase): CampaignSource => polling(database),
  payload: (database: CampaignDatabase): CampaignSource =>
    listenNotifySource({
      mode: 'payload',
      connection: database.connection,
      tables: database.tables,
      // Looks so seldom that notifications matter.
      catchUp: polling(database, { min: 300, max: 1_000 }),
    }),
};

function polling(
  { connection, tables, softDeletes }: CampaignDatabase,
  intervalMs: { readonly min: number; readonly max: number } = { min: 10, max: 200 },
): CampaignSource {
  return pollingSource({
    connection,
    tables: tables.map((table) => {
      const column = softDeletes[table];
      return { table, ...(column === undefined ? {} : { softDelete: { column } }) };
    }),
    intervalMs,
    reconnect,
    leaseMs,
    deadAfterMs,
  });
}

/** A source by name. */
export type SourceName = keyof typeof MAKERS;

/** The sources that campaigns are run with. */
export const SOURCES: readonly SourceName[] = Object.keys(MAKERS) as SourceName[];

/** Those that show a row as they find it, not every version of it. */
const LATEST_STATE: ReadonlySet<string> = new Set(['polling', 'payload']);

export function showsLatestState(name: string): boolean {
  return LATEST_STATE.has(name);
}

export function campaignSource(name: string, database: CampaignDatabase): CampaignSource {
  const known = SOURCES.find((source) => source === name);
  if (known === undefined) throw new Error(`There is no source ${name}.`);
  return MAKERS[known](database);
}
