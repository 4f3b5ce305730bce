/** The spans of time that a partition can hold. */
export const PARTITION_PERIODS = ['day', 'week', 'month', 'year'] as const;

export type PartitionPeriod = (typeof PARTITION_PERIODS)[number];

/** How the ledger is divided, and how long it is kept. Set by setup; running setup again changes it. */
export interface LedgerShape {
  /** Time of acceptance that one partition holds, in UTC. Changing it leaves the partitions that are there. */
  readonly partition: PartitionPeriod;
  /**
   * How long receipts are kept, days; `false` for ever. A partition is dropped as a whole when all of it is older and nothing in it
   * is pending. Beyond it nothing can be said of a row that has not changed since, but by the API.
   */
  readonly retentionDays: number | false;
}
