import type { ChangeSource } from '@certyo-cdc/core';
import { listenNotifySource } from '@certyo-cdc/listen-notify';
import { pollingSource } from '@certyo-cdc/polling';
import { replicationSource } from '@certyo-cdc/replication';

/** The ways to capture that are measured. */
export const SOURCE_KINDS = ['replication', 'listen-notify', 'polling'] as const;

export type SourceKind = (typeof SOURCE_KINDS)[number];

/** A source that a benchmark reads from. */
export interface BenchSourceOptions {
  readonly kind: SourceKind;
  readonly url: string;
  /** `schema.table` */
  readonly tables: readonly string[];
  /** Of replication; one for each database. */
  readonly slot: string;
}

/** A source with its own setup. */
export interface BenchSource extends ChangeSource {
  setup(): Promise<readonly string[]>;
}

/** The source with everything as it is by default. */
export function benchSource({ kind, slot, tables, url }: BenchSourceOptions): BenchSource {
  switch (kind) {
    case 'replication':
      return replicationSource({ connection: url, tables, slot });
    case 'listen-notify':
      return listenNotifySource({ connection: url, tables });
    case 'polling':
      return pollingSource({ connection: url, tables });
  }
}
