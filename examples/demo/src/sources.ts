import type { ChangeSource } from '@certyo-cdc/core';
import { listenNotifySource } from '@certyo-cdc/listen-notify';
import { pollingSource } from '@certyo-cdc/polling';
import { replicationSource } from '@certyo-cdc/replication';

/** A source that the demo sets up, and runs in a process of its own. */
export interface DemoSource extends ChangeSource {
  setup(): Promise<readonly string[]>;
}

/** Where the tables are. */
export interface DemoTables {
  /** @default PG_DSN */
  readonly connection?: string | undefined;
  readonly tables: readonly string[];
}

/** A pipeline that was killed keeps the next one waiting for so long. */
const leaseMs = 1_000;

const MAKERS = {
  replication: (tables: DemoTables): DemoSource => replicationSource(tables),
  'listen-notify': (tables: DemoTables): DemoSource => listenNotifySource({ ...tables, leaseMs }),
  // By the xid cursor, with tombstones for deletes.
  polling: (tables: DemoTables): DemoSource => pollingSource({ ...tables, leaseMs }),
};

/** A way to capture changes. */
export type SourceName = keyof typeof MAKERS;

export const SOURCE_NAMES: readonly SourceName[] = Object.keys(MAKERS) as SourceName[];

export function isSourceName(name: string | undefined): name is SourceName {
  return SOURCE_NAMES.some((known) => known === name);
}

export function makeSource(name: SourceName, tables: DemoTables): DemoSource {
  return MAKERS[name](tables);
}
