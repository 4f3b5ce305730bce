import { SourceProtocolError } from '@certyo-cdc/core';
import {
  connect,
  destroyClient,
  endClient,
  queryText,
  type SqlExecutor,
  sqlStateOf,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import { type Lsn, parseLsn } from '../protocol/lsn.ts';
import { blockedSlotError } from '../setup/setup.ts';
import { asStreamError } from '../setup/stream-error.ts';
import { cancelBackend } from './copy-client.ts';
import { NO_TIMEOUTS_SQL } from './copy-sql.ts';

/** A slot of this name is there already. */
const DUPLICATE_OBJECT = '42710';

/** Time in which a server that was told to stop says that it has; behind it the connection counts as dead. */
const STOPS_WITHIN_MS = 5_000;

/** A slot that was just made, and the snapshot that shows what lies before it. */
export interface MadeSlot {
  /** The consistent point: the slot gives every transaction that commits behind it, the snapshot shows all others. */
  readonly begin: Lsn;
  /** The snapshot's name; it lives until `release`. */
  readonly snapshot: string;
  /** Ends the connection that exports the snapshot. The slot stays. */
  release(): Promise<void>;
}

/** What making a slot takes. */
export interface MakeSlotOptions {
  /** A connection beside, for what the first one cannot do while it waits. */
  readonly executor: SqlExecutor;
  readonly versionNumber: number;
  readonly slotLockTimeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Makes the slot and exports the snapshot of its beginning, so that nothing falls between copy and stream (S-01). The
 * connection then stays idle: its next command would end the snapshot (S-02).
 *
 * The server waits until every transaction that was running has ended. It is given up after `slotLockTimeoutMs` with an
 * error that names who is in the way; the server removes the half-made slot then.
 *
 * https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-CREATE-REPLICATION-SLOT
 *
 * @returns Null when another instance has made the slot, or is making it.
 */
export async function makeSlot(
  settings: ReplicationSettings,
  options: MakeSlotOptions,
): Promise<MadeSlot | null> {
  const { executor, signal, slotLockTimeoutMs } = options;
  const { connection } = settings;
  const client = await connect(connection, { replication: true, signal });
  let deadline: NodeJS.Timeout | undefined;
  let isLate = false;
  let dropping: NodeJS.Timeout | undefined;
  // A server process that waits for a lock does not notice that its client is gone: it is told to stop.
  const cancel = (): void => {
    const { processID } = client as unknown as { readonly processID: number };
    cancelBackend(executor, processID);
    dropping = setTimeout(() => destroyClient(client), STOPS_WITHIN_MS);
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    await queryText(client, NO_TIMEOUTS_SQL);
    deadline = setTimeout(() => {
      isLate = true;
      cancel();
    }, slotLockTimeoutMs);
    const { rows } = await queryText(client, createSlotCommand(settings, options));
    const begin = parseLsn(rows[0]?.['consistent_point'] ?? '');
    const snapshot = rows[0]?.['snapshot_name'] ?? null;
    if (begin === null || snapshot === null) {
      throw new SourceProtocolError('The server made a slot and gave no snapshot.');
    }
    signal.throwIfAborted();
    return { begin, snapshot, release: () => endClient(client) };
  } catch (error) {
    await endClient(client);
    signal.throwIfAborted();
    if (sqlStateOf(error) === DUPLICATE_OBJECT) return null;
    if (isLate) {
      throw await blockedSlotError(executor, slotLockTimeoutMs, options, 'start again');
    }
    throw asStreamError(error, { ...settings, user: connection.user });
  } finally {
    clearTimeout(deadline);
    clearTimeout(dropping);
    signal.removeEventListener('abort', cancel);
  }
}

/** PostgreSQL 15 brought parentheses; two-phase came with 14, failover with 17. */
function createSlotCommand(settings: ReplicationSettings, options: MakeSlotOptions): string {
  const command = `CREATE_REPLICATION_SLOT "${settings.slot}" LOGICAL pgoutput`;
  const { twoPhase } = settings;
  if (options.versionNumber < 150_000) {
    return `${command} EXPORT_SNAPSHOT${twoPhase ? ' TWO_PHASE' : ''}`;
  }
  const parts = [
    "SNAPSHOT 'export'",
    ...(twoPhase ? ['TWO_PHASE true'] : []),
    ...(settings.failover === false ? [] : ['FAILOVER true']),
  ];
  return `${command} (${parts.join(', ')})`;
}
