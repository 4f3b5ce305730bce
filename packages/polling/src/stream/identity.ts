import { type Checkpoint, GapError, type SourceIdentity } from '@certyo-cdc/core';
import { acceptCheckpoint, type AcceptedCheckpoint } from '@certyo-cdc/postgres';
import type { ServerNow } from '../table/header-sql.ts';
import type { PollingSettings, TableSettings } from '../settings.ts';

/** What a checkpoint of this source is bound to. Oids of tables are kept with their state, because they have a code of their own. */
export interface PollingIdentity {
  readonly systemIdentifier: string;
  readonly timeline: number | null;
  readonly database: string;
  /** `public.orders by xid certyo_xid`, one per table. */
  readonly tables: readonly string[];
}

/** What to do when a member differs. The timeline is judged apart. */
const MEMBERS: Readonly<Record<Exclude<keyof PollingIdentity, 'timeline'>, string>> = {
  systemIdentifier: '',
  database: 'Connect to the database that the checkpoint was saved for.',
  tables:
    'Restore the option tables; or, to go on with the new list and read what was added from its beginning, set acceptTables: true.',
};

/** A table and its cursor in a checkpoint's identity. */
export function tableIdentity({ label, cursor }: TableSettings): string {
  return `${label} by ${cursor.kind} ${cursor.column}`;
}

export function identityToJson(identity: PollingIdentity): SourceIdentity {
  const { systemIdentifier, timeline, database, tables } = identity;
  return { systemIdentifier, timeline, database, tables };
}

/**
 * Refuses a checkpoint of another source (I8); takes over that of the kind which is replaced.
 *
 * Transaction ids of another server mean nothing here: after a restore from a dump, or a move by logical replication, the
 * stamps lie above or between the new server's own ids (P-12).
 */
export function acceptIdentity(
  checkpoint: Checkpoint | null,
  identity: PollingIdentity,
  settings: Pick<PollingSettings, 'acceptTables' | 'replaces' | 'tables'>,
  times: {
    /** When the checkpoint was saved. */
    readonly savedAtMs: number | undefined;
    /** Since when deletes leave tombstones; null where that is not known, or nothing depends on it. */
    readonly beganAtMs: number | null;
  },
): AcceptedCheckpoint {
  const accepted = acceptCheckpoint({
    checkpoint,
    ...times,
    kind: 'polling',
    identity: identityToJson(identity),
    members: {
      ...MEMBERS,
      systemIdentifier: `Connect to the server that the checkpoint was saved for. Where this one was made from it by a dump or logical replication, ${rebaseRemedy(settings.tables)}`,
    },
    accepted: settings.acceptTables ? ['tables'] : [],
    replaces: settings.replaces,
  });
  const timeline = accepted.resume?.identity['timeline'];
  if (typeof timeline === 'number') assertSameTimeline(timeline, identity.timeline);
  return accepted;
}

/** The server changed while it was polled: a failover, or an address that means another one now. */
export function assertSameServer(
  identity: Pick<PollingIdentity, 'systemIdentifier' | 'timeline'>,
  server: ServerNow,
): void {
  if (server.systemIdentifier !== identity.systemIdentifier) {
    throw new GapError(
      'GAP_CHECKPOINT_FOREIGN',
      `The server's system identifier is ${server.systemIdentifier} now, and was ${identity.systemIdentifier}.`,
      { remedy: 'Connect to the server that the checkpoint was saved for.' },
    );
  }
  if (identity.timeline !== null) assertSameTimeline(identity.timeline, server.timeline);
}

/** A server that was promoted may have lost transactions, and given their ids to others. */
function assertSameTimeline(stored: number, now: number | null): void {
  if (now === null || stored === now) return;
  throw new GapError(
    'GAP_TIMELINE',
    `The server is on timeline ${now}, and was on ${stored} when the checkpoint was saved: it was promoted or restored, and may have lost transactions whose ids others have now.`,
    {
      remedy:
        'Find out which changes the server lost; then start under a new pipeline name, which reads all rows again.',
    },
  );
}

/** What makes the xid columns of a restored server right again. */
export function rebaseRemedy(tables: readonly TableSettings[]): string {
  const statements = tables.flatMap(({ label, cursor }) =>
    cursor.kind === 'xid'
      ? [`UPDATE ${label} SET "${cursor.column}" = pg_catalog.pg_current_xact_id();`]
      : [],
  );
  return `run: ${[...statements, 'source.setup();'].join(' ')} then start under a new pipeline name, which reads all rows again.`;
}
