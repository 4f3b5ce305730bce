export { replicationSource } from './replication-source.ts';

export type { CareOptions, ReplicationSourceOptions } from './options.ts';
export type { ReplicationSource, SetupOptions } from './replication-source.ts';
export type { Backfill, BackfillOptions, BackfillState, BackfillStatus } from './copy/backfill.ts';
