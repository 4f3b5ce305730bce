import type { Checkpoint, SourceIdentity } from '@certyo-cdc/core';
import { acceptCheckpoint, type AcceptedCheckpoint, type ReplacedKind } from '@certyo-cdc/postgres';

/** What a checkpoint of this source is bound to. */
export interface ReplicationIdentity {
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly database: string;
  readonly slot: string;
  readonly publications: readonly string[];
  readonly tables: readonly string[];
}

/** What to do when a member differs. */
const MEMBERS: Readonly<Record<Exclude<keyof ReplicationIdentity, 'timeline'>, string>> = {
  systemIdentifier:
    'Connect to the server that the checkpoint was saved for; or, if this one was made on purpose, start under a new pipeline name after a copy.',
  database: 'Connect to the database that the checkpoint was saved for.',
  slot: 'Restore the option slot, or give this pipeline another name.',
  publications: 'Restore the option publication, or give this pipeline another name.',
  tables:
    'Restore the option tables; or, to go on with the new list, set acceptTables: true: what added tables held before is handed over with the option copy, or by source.backfill(), and not otherwise.',
};

export function identityToJson(identity: ReplicationIdentity): SourceIdentity {
  return {
    systemIdentifier: identity.systemIdentifier,
    timeline: identity.timeline,
    database: identity.database,
    slot: identity.slot,
    publications: identity.publications,
    tables: identity.tables,
  };
}

/** What a source knows of the stored checkpoint and of how to go on. */
export interface IdentityOptions {
  readonly acceptTables: boolean;
  readonly replaces: ReplacedKind | null;
}

/**
 * Refuses a checkpoint of another source (I8): another server, database, slot, publication or table set; takes over that of
 * the kind which is replaced. The timeline is judged apart, because a checkpoint of an ancestor is good.
 */
export function acceptIdentity(
  checkpoint: Checkpoint | null,
  identity: ReplicationIdentity,
  options: IdentityOptions,
): AcceptedCheckpoint {
  // Nobody knows when a slot was made: whether it covers the old source's end cannot be checked.
  return acceptCheckpoint({
    checkpoint,
    kind: 'replication',
    identity: identityToJson(identity),
    members: MEMBERS,
    accepted: options.acceptTables ? ['tables'] : [],
    replaces: options.replaces,
  });
}
