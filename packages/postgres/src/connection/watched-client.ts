import { CdcError, SourceConnectionError } from '@certyo-cdc/core';
import type { Duplex } from 'node:stream';
import type pg from 'pg';

/** `pg`'s connection object is not part of its types. */
interface ClientWithConnection {
  readonly connection: { readonly stream: Duplex };
  /** False as soon as the server has said that it ends the connection, before the socket is closed. */
  readonly _queryable?: boolean | undefined;
}

function socketOf(client: pg.Client): Duplex {
  return (client as unknown as ClientWithConnection).connection.stream;
}

/**
 * Runs `work` on a client and drops the connection when it takes longer than `deadAfterMs`: on a half-open connection an
 * answer would never come. A connection that is lost meanwhile is named as such, which node-postgres does not always do.
 */
export async function withinDeadline<T>(
  client: pg.Client,
  deadAfterMs: number | false,
  work: () => Promise<T>,
): Promise<T> {
  const socket = socketOf(client);
  const timer = deadAfterMs === false ? undefined : setTimeout(() => socket.destroy(), deadAfterMs);
  try {
    return await work();
  } catch (error) {
    const isNamed =
      CdcError.is(error) || (error as { readonly code?: unknown } | null)?.code !== undefined;
    const isLost =
      socket.destroyed || (client as unknown as ClientWithConnection)._queryable === false;
    if (!isLost || isNamed) throw error;
    throw new SourceConnectionError(
      'SOURCE_UNREACHABLE',
      'The connection to PostgreSQL was lost while a statement ran.',
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
}

/** Drops a connection at once, whatever it is doing. */
export function destroyClient(client: pg.Client): void {
  socketOf(client).destroy();
}

/** Ends a connection in order, or without ceremony when the server does not answer within a second. */
export async function endClient(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => socketOf(client).destroy(), 1_000);
  try {
    await client.end();
  } catch {
    // It was broken already, which is an end too.
  } finally {
    clearTimeout(timer);
  }
}
