import { randomBytes } from 'node:crypto';

import { SourceSetupError } from '@certyo-cdc/core';
import { onAbort } from '@certyo-cdc/core/internal';
import {
  connect,
  endClient,
  queryText,
  quoteIdentifier,
  type ResolvedConnection,
  withinDeadline,
} from '@certyo-cdc/postgres';
import { listenSql } from './channel-name.ts';
import type { ListenerSettings } from './listener-options.ts';

interface Heard {
  readonly channel: string;
}

export interface SelfTestOptions {
  readonly connection: ResolvedConnection;
  readonly settings: ListenerSettings;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Calls back for every notification on the connection under test; the result takes that back. */
  readonly heard: (listener: (notification: Heard) => void) => () => void;
}

/**
 * Sends a notification from a second connection and waits for it. Behind a pooler in transaction mode LISTEN succeeds and
 * nothing ever arrives (N-07); only trying it shows that.
 *
 * Rejects with `SourceSetupError` when it does not arrive in time.
 */
export async function assertNotificationsArrive(
  session: { query(sql: string): Promise<unknown> },
  options: SelfTestOptions,
): Promise<void> {
  const channel = `certyo_trial_${randomBytes(12).toString('hex')}`;
  let arrived = (): void => undefined;
  const arrival = new Promise<true>((resolve) => {
    arrived = () => resolve(true);
  });
  const forget = options.heard((notification) => {
    if (notification.channel === channel) arrived();
  });
  try {
    await session.query(listenSql(channel));
    await notify(channel, options);
    const hasArrived = await within(options.timeoutMs, arrival, options.signal);
    // Behind a pooler the LISTEN may have been left on a server process that others will use.
    await session.query(`UNLISTEN ${quoteIdentifier(channel)}`);
    if (!hasArrived) throw nothingArrives(options.timeoutMs);
  } finally {
    forget();
  }
}

async function notify(channel: string, options: SelfTestOptions): Promise<void> {
  const { connection, settings, signal } = options;
  const client = await connect(connection, { pinSettings: false, signal });
  const stop = onAbort(signal, () => void endClient(client));
  try {
    await withinDeadline(client, settings.answerTimeoutMs, () =>
      queryText(client, "SELECT pg_catalog.pg_notify($1, '')", [channel]),
    );
  } finally {
    stop();
    await endClient(client);
  }
}

/** False when the time is over. */
async function within(ms: number, arrival: Promise<true>, signal: AbortSignal): Promise<boolean> {
  let stop = (): void => undefined;
  const over = new Promise<false>((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const forget = onAbort(signal, () => resolve(false));
    stop = () => {
      clearTimeout(timer);
      forget();
    };
  });
  try {
    return await Promise.race([arrival, over]);
  } finally {
    stop();
  }
}

function nothingArrives(timeoutMs: number): SourceSetupError {
  return new SourceSetupError(
    `A notification that was sent for a trial did not arrive within ${timeoutMs} ms: something between us and PostgreSQL, such as PgBouncer in transaction mode, keeps notifications back.`,
    {
      remedy:
        'Connect to PostgreSQL itself, or to a pooler in session mode; or do without: doorbell: false.',
    },
  );
}
