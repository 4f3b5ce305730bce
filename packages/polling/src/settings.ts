import type { QualifiedName, SourceSettings } from '@certyo-cdc/postgres';
import type { HardDeletes } from './options.ts';

/** A cursor as settled. */
export type CursorSettings =
  | { readonly kind: 'xid'; readonly column: string }
  | { readonly kind: 'timestamp'; readonly column: string; readonly overlapMs: number }
  | { readonly kind: 'id'; readonly column: string };

/** A table's options as settled. */
export interface TableSettings extends QualifiedName {
  /** As `tableLabel` writes it. */
  readonly label: string;
  readonly cursor: CursorSettings;
  readonly softDelete: string | null;
  readonly hardDeletes: HardDeletes;
  readonly lastUpdate: string | null;
  /** The record key where it is not the primary key. */
  readonly key: readonly string[] | null;
}

/** Options as settled. */
export interface PollingSettings extends SourceSettings {
  readonly name: string;
  readonly tables: readonly TableSettings[];
  readonly intervalMs: { readonly min: number; readonly max: number };
  readonly maxPageRows: number;
  readonly maxPageBytes: number;
  readonly horizonWarningMs: number | false;
  readonly allowStandby: boolean;
  readonly leaseMs: number;
  readonly leaseWaitMs: number | false;
  readonly deadAfterMs: number | false;
}
