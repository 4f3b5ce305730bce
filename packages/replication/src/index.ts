export { replicationSource } from './replication-source.ts';

export type { CareOptions, CopyOptions, ReplicationSourceOptions } from './options.ts';
export type { ReplicationSource, SetupOptions } from './replication-source.ts';
export type { Backfill, BackfillOptions, BackfillStatus } from './copy/backfill.ts';
export type { BackfillState } from './copy/backfill-table.ts';
