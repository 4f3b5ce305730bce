import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import { SourceConnectionError, type SourceEvent, SourceSetupError } from '@certyo-cdc/core';
import { sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';

import type { SqlSession } from '../connection/sql-executor.ts';
import { DEFAULT_SCHEMA } from '../setup/store-session.ts';
import { prepareToWrite } from '../setup/prepare-to-write.ts';
import { PostgresServerError } from '../sqlstate/postgres-error.ts';
import { HeldLease } from './held-lease.ts';
import type { Lease } from './lease.ts';
import { leaseGrantSql, leaseSetupSql, lookSql, takeSql } from './sql.ts';

/** Options of `acquireLease`. */
export interface LeaseOptions {
  /** Schema of the table `leases`. @default 'certyo' */
  readonly schema?: string | undefined;
  /** What is leased. One holder at a time per name. */
  readonly name: string;
  /** Who takes it, for people to read; made unique by what is appended. @default host and process id */
  readonly holder?: string | undefined;
  /** How long a lease lasts that is not renewed, milliseconds: a holder that died is succeeded after it. @default 15000 */
  readonly ttlMs?: number | undefined;
  /** How long to wait for another holder, milliseconds; `false` for ever, as a standby instance does. @default 60000 */
  readonly waitMs?: number | false | undefined;
  readonly signal: AbortSignal;
  /** Told that it waits. Must not throw. */
  readonly onEvent?: ((event: SourceEvent) => void) | undefined;
}

const TTL_MS = 15_000;
const WAIT_MS = 60_000;
const LONGEST_PAUSE_MS = 500;
const SHORTEST_PAUSE_MS = 20;

/**
 * Takes a lease in the table `leases` (`leaseSetupSql`), waiting for its holder, and keeps it by renewing it at a third of
 * its time.
 *
 * Two holders never overlap by the server's clock. What a holder does late, after a pause of its process, is kept out by
 * `guardSql` in its reads and by `isHeld()` before it hands anything over.
 *
 * @param session Renewals wait for other statements of the same session: give one that has nothing long to do, and that
 * lives as long as the lease.
 * @throws SourceConnectionError SOURCE_BUSY when another holder is still there after `waitMs`.
 * @throws SourceSetupError when the table or a privilege is missing, with the SQL.
 */
export async function acquireLease(session: SqlSession, options: LeaseOptions): Promise<Lease> {
  const { name, signal, ttlMs = TTL_MS, waitMs = WAIT_MS, schema = DEFAULT_SCHEMA } = options;
  const holder = `${options.holder ?? `${hostname()}/${String(process.pid)}`}/${randomUUID()}`;
  let startedAt: number | null = null;
  for (;;) {
    const sentAt = performance.now();
    const sentAtMs = Date.now();
    const taken = await take(session, { schema, name, holder, ttlMs, signal });
    if ('token' in taken) {
      return new HeldLease({
        session,
        schema,
        name,
        holder,
        ttlMs,
        token: taken.token,
        sentAt,
        sentAtMs,
      });
    }
    if (startedAt === null)
      options.onEvent?.({
        type: 'source-waiting',
        reason: `The lease ${JSON.stringify(name)} is held by ${taken.by}.`,
      });
    startedAt ??= performance.now();
    const waited = performance.now() - startedAt;
    if (waitMs !== false && waited >= waitMs)
      throw new SourceConnectionError(
        'SOURCE_BUSY',
        `The lease ${JSON.stringify(name)} is held by ${taken.by}: another instance runs under this name.`,
        { remedy: 'Stop it, or give this one another name.' },
      );
    const left = waitMs === false ? Infinity : waitMs - waited;
    const pause = Math.max(SHORTEST_PAUSE_MS, Math.min(taken.remainingMs, LONGEST_PAUSE_MS, left));
    await sleep(SYSTEM_TIME, pause, signal);
  }
}

interface Attempt {
  readonly schema: string;
  readonly name: string;
  readonly holder: string;
  readonly ttlMs: number;
  readonly signal: AbortSignal;
}

type Taken = { readonly token: bigint } | { readonly by: string; readonly remainingMs: number };

async function take(session: SqlSession, attempt: Attempt): Promise<Taken> {
  const { schema, name, holder, ttlMs, signal } = attempt;
  try {
    return await session.transaction(
      async (executor): Promise<Taken> => {
        await prepareToWrite(executor, signal);
        const { rows } = await executor.query<{ readonly token: string }>(
          takeSql(schema),
          [name, holder, ttlMs],
          { signal },
        );
        const token = rows[0]?.token;
        if (token !== undefined) return { token: BigInt(token) };
        const found = await executor.query<{
          readonly holder: string;
          readonly remaining_ms: string;
        }>(lookSql(schema), [name], { signal });
        const [row] = found.rows;
        return { by: row?.holder ?? 'nobody', remainingMs: Number(row?.remaining_ms ?? 0) };
      },
      { signal },
    );
  } catch (error) {
    throw unready(error, schema);
  }
}

/** A missing table or privilege is a matter of setup. */
function unready(error: unknown, schema: string): unknown {
  if (!(error instanceof PostgresServerError)) return error;
  const { code } = error;
  if (code === '42P01' || code === '3F000')
    return new SourceSetupError(`The table of leases does not exist in the schema ${schema}.`, {
      cause: error,
      remedy: `Run source.setup(), or: ${leaseSetupSql(schema).join(' ')}`,
    });
  if (code === '42501')
    return new SourceSetupError(`A privilege on the table of leases is missing.`, {
      cause: error,
      remedy: `Run as its owner: ${leaseGrantSql('your_role', schema).join(' ')}`,
    });
  return error;
}
