import { type Checkpoint, GapError, type JsonValue, type SourceIdentity } from '@certyo-cdc/core';

/** What a checkpoint of this source is bound to. */
export interface ReplicationIdentity {
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly database: string;
  readonly slot: string;
  readonly publications: readonly string[];
  readonly tables: readonly string[];
}

/** How each member is called in a message, and what to do when it differs. */
const MEMBERS: Readonly<Record<Exclude<keyof ReplicationIdentity, 'timeline'>, string>> = {
  systemIdentifier:
    'Connect to the server that the checkpoint was saved for; or, if this one was made on purpose, start under a new pipeline name after a copy.',
  database: 'Connect to the database that the checkpoint was saved for.',
  slot: 'Restore the option slot, or give this pipeline another name.',
  publications: 'Restore the option publication, or give this pipeline another name.',
  tables:
    'Restore the option tables; or, to go on with the new list knowing that earlier changes of added tables are not captured, set acceptTables: true.',
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

/**
 * Refuses a checkpoint of another source (I8): another server, database, slot, publication or table set. The timeline
 * is judged apart, because a checkpoint of an ancestor is good.
 */
export function assertSameIdentity(
  checkpoint: Checkpoint,
  identity: ReplicationIdentity,
  options: { readonly acceptTables: boolean },
): void {
  if (checkpoint.kind !== 'replication') {
    throw new GapError(
      'GAP_CHECKPOINT_FOREIGN',
      `The stored checkpoint was saved by a source of kind "${checkpoint.kind}", not by logical replication.`,
      { remedy: 'Give this pipeline another name.' },
    );
  }
  const own: Readonly<Record<string, JsonValue>> = identityToJson(identity);
  for (const [member, remedy] of Object.entries(MEMBERS)) {
    if (member === 'tables' && options.acceptTables) continue;
    const stored = describe(checkpoint.identity[member]);
    const current = describe(own[member]);
    if (stored !== current) {
      throw new GapError(
        'GAP_CHECKPOINT_FOREIGN',
        `The stored checkpoint belongs to another source: its ${member} is ${stored}, here it is ${current}.`,
        { remedy },
      );
    }
  }
}

function describe(value: JsonValue | undefined): string {
  return (
    JSON.stringify(Array.isArray(value) ? [...(value as readonly string[])].sort() : value) ??
    'unknown'
  );
}
