import type { QualifiedName } from '@certyo-cdc/postgres';
import type { Doorbell } from '../options.ts';
import type { ChangeLogName } from './log-names.ts';

/** What the set-up of a change log depends on; `DurableSettings` has all of it. */
export interface CaptureSettings extends ChangeLogName {
  readonly tables: readonly QualifiedName[];
  /** By table label. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  readonly doorbell: Doorbell | false;
  readonly ddl: boolean;
}
