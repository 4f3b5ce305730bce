import type { Checkpoint, SourceIdentity } from '@certyo-cdc/core';
import { acceptCheckpoint, type AcceptedCheckpoint, type ReplacedKind } from '@certyo-cdc/postgres';

/** What a checkpoint of this source is bound to. */
export interface LogIdentity {
  readonly systemIdentifier: string;
  readonly database: string;
  /** The change log, as `schema.table`. */
  readonly log: string;
  readonly tables: readonly string[];
}

/** What to do when a member differs. */
const MEMBERS: Readonly<Record<keyof LogIdentity, string>> = {
  systemIdentifier:
    'Connect to the server that the checkpoint was saved for; or, if this one was made on purpose, start under a new pipeline name after a copy.',
  database: 'Connect to the database that the checkpoint was saved for.',
  log: 'Restore the options log and stateSchema, or give this pipeline another name.',
  tables:
    'Restore the option tables; or, to go on with the new list knowing that earlier changes of added tables are not captured, set acceptTables: true.',
};

export function identityToJson(identity: LogIdentity): SourceIdentity {
  return {
    systemIdentifier: identity.systemIdentifier,
    database: identity.database,
    log: identity.log,
    tables: identity.tables,
  };
}

/** What the source knows of the stored checkpoint and of how to go on. */
export interface StoredBeginning {
  readonly checkpoint: Checkpoint | null;
  readonly savedAtMs: number | undefined;
  readonly acceptTables: boolean;
  readonly replaces: ReplacedKind | null;
  /** When the log was made. */
  readonly beganAtMs: number;
}

/** Refuses a checkpoint of another server, database, log or table set (I8); takes over that of the kind which is replaced. */
export function acceptIdentity(
  identity: LogIdentity,
  { acceptTables, ...stored }: StoredBeginning,
): AcceptedCheckpoint {
  return acceptCheckpoint({
    ...stored,
    kind: 'listen-notify',
    identity: identityToJson(identity),
    members: MEMBERS,
    accepted: acceptTables ? ['tables'] : [],
  });
}
