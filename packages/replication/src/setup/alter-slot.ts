import { SourceSetupError } from '@certyo-cdc/core';
import {
  connect,
  endClient,
  queryText,
  type ServerInfo,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { SlotState } from './slot.ts';
import { asStreamError } from './stream-error.ts';
import { twoPhaseError } from './two-phase-error.ts';

const COMMAND = 'ALTER_REPLICATION_SLOT';
const BESIDE = ' -- on a replication connection: psql "dbname=… replication=database"';

/**
 * What makes an existing slot what the options ask for (PostgreSQL 17 and newer). Empty when there is nothing to do.
 *
 * `twoPhase` is turned on by the stream, not here: START_REPLICATION notes from which position on, so that the server
 * sends what was prepared before it whole at COMMIT PREPARED. ALTER_REPLICATION_SLOT notes nothing, and of such a transaction
 * nothing but its COMMIT PREPARED would come. Turning it off is safe that way: what was prepared comes whole when committed.
 *
 * https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-ALTER-REPLICATION-SLOT
 */
export function alterSlotSql(
  slot: SlotState,
  settings: Pick<ReplicationSettings, 'endsFailover' | 'failover' | 'twoPhase'>,
  { versionNumber }: Pick<ServerInfo, 'versionNumber'>,
): readonly string[] {
  const changes: string[] = [];
  if (slot.isTwoPhaseUnsettled || (slot.twoPhase && !settings.twoPhase)) {
    if (versionNumber < 180_000) throw twoPhaseError(slot.name);
    changes.push('TWO_PHASE false');
  }
  if (settings.failover !== false && !slot.isFailover) {
    if (slot.twoPhase && versionNumber < 180_000) {
      throw new SourceSetupError(
        `The slot "${slot.name}" has two_phase, and PostgreSQL 17 does not tell standbys since when: after a failover, prepared transactions could be missing.`,
        { remedy: 'Leave failover or twoPhase out; or upgrade to PostgreSQL 18.' },
      );
    }
    changes.push('FAILOVER true');
  } else if (settings.endsFailover && slot.isFailover) {
    changes.push('FAILOVER false');
  }
  if (changes.length === 0) return [];
  if (slot.activePid !== null) throw inUseError(slot.name, slot.activePid);
  return [`${COMMAND} "${slot.name}" ( ${changes.join(', ')} );${BESIDE}`];
}

/** Whether a statement can only be run by `alterSlot`. */
export function altersSlot(statement: string): boolean {
  return statement.startsWith(COMMAND);
}

/** Runs the statement on a replication connection. It would wait for a reader of the slot: not longer than `timeoutMs`. */
export async function alterSlot(
  statement: string,
  settings: Pick<ReplicationSettings, 'connection' | 'slot' | 'publication'>,
  options: {
    /** A connection beside, for what the first one cannot do while it waits. */
    readonly executor: SqlExecutor;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { connection, slot } = settings;
  const { executor, signal, timeoutMs } = options;
  const client = await connect(connection, { replication: true, signal });
  let isLate = false;
  const cancel = (): void => {
    const { processID } = client as unknown as { readonly processID: number };
    executor
      .query('SELECT pg_catalog.pg_cancel_backend($1::pg_catalog.int4)', [processID], {
        signal: new AbortController().signal,
      })
      .catch(() => undefined);
  };
  const timer = setTimeout(() => {
    isLate = true;
    cancel();
  }, timeoutMs);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    await queryText(client, statement.replace(BESIDE, ''));
  } catch (error) {
    signal.throwIfAborted();
    if (isLate) throw inUseError(slot, null);
    throw asStreamError(error, { ...settings, user: connection.user });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
    await endClient(client);
  }
}

function inUseError(slot: string, pid: number | null): SourceSetupError {
  return new SourceSetupError(
    `The slot "${slot}" is in use${pid === null ? '' : ` by the server process ${pid}`}, and cannot be altered.`,
    { remedy: 'Stop the pipeline that reads from it, and run source.setup() again.' },
  );
}
