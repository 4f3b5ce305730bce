import type { ChangeSource } from '@certyo-cdc/core';
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

const reconnect = { minDelayMs: 20, maxDelayMs: 200 };

/** How each source is made here: with times that are short, because its lives are. */
const MAKERS = {
  replication: ({ connection, tables }: CampaignDatabase): CampaignSource =>
    replicationSource({ connection, tables, reconnect }),
};

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
