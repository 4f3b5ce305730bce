import { SourceSetupError, type SourceEvent } from '@certyo-cdc/core';
import { qualifiedName, type SqlExecutor, sqlSession } from '@certyo-cdc/postgres';
import { payloadObjects } from './objects.ts';
import type { PayloadSettings } from './options.ts';
import type { PayloadKeys } from './payload-message.ts';
import { payloadGrantSql, triggerWarning } from './setup.ts';

interface Options {
  readonly signal: AbortSignal;
}

/** A statement here is short; one that takes this long has no connection any more. */
const ANSWER_TIMEOUT_MS = 15_000;

/** Reads the keys that payloads are signed with. Rejects with `SourceSetupError` naming the SQL when that is not possible. */
export async function loadKeys(settings: PayloadSettings, options: Options): Promise<PayloadKeys> {
  return await withSession(settings, (session) => readKeys(session, settings, options));
}

/** What the start needs to know: the keys; and what is to be said of the server and the triggers. */
export async function prepare(
  settings: PayloadSettings,
  options: Options & { readonly onEvent: (event: SourceEvent) => void },
): Promise<PayloadKeys> {
  return await withSession(settings, async (session) => {
    const keys = await readKeys(session, settings, options);
    const warn = (code: string, message: string): void =>
      options.onEvent({ type: 'source-warned', code, message });
    const { rows } = await session.query<{ most: string }>(
      "SELECT pg_catalog.current_setting('max_prepared_transactions') AS most",
      [],
      options,
    );
    if (rows[0]?.most !== '0') {
      warn(
        'NOTIFY_PREPARED',
        'The server allows prepared transactions (max_prepared_transactions). PREPARE TRANSACTION fails for a transaction that has notified, so an application that uses it cannot write to these tables. Use the catch-up source by itself then, after teardown() of this one.',
      );
    }
    const warning = await triggerWarning(session, settings, options);
    if (warning !== null) warn('PAYLOAD_TRIGGER', warning);
    return keys;
  });
}

async function readKeys(
  session: SqlExecutor,
  settings: PayloadSettings,
  options: Options,
): Promise<PayloadKeys> {
  const { secret } = payloadObjects(settings);
  const name = qualifiedName(secret);
  const { rows } = await session.query<{ there: string; readable: string; role: string }>(
    `SELECT (c.oid IS NOT NULL)::text AS there, CURRENT_USER::text AS role,
  (c.oid IS NOT NULL AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))::text AS readable
FROM (VALUES ($1::text, $2::text)) AS wanted (schema, name)
LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
  ON n.nspname = wanted.schema AND c.relname = wanted.name`,
    [secret.schema, secret.name],
    options,
  );
  const [row] = rows;
  if (row?.there !== 'true') {
    throw new SourceSetupError(`Payload mode is not set up: the table ${name} is missing.`, {
      remedy: 'Call setup() once, or run the SQL that setup({ dryRun: true }) gives.',
    });
  }
  if (row.readable !== 'true') {
    throw new SourceSetupError(`The role may not read ${name}, by which it knows its triggers.`, {
      remedy: `Run as the owner: ${payloadGrantSql(row.role, settings).join(' ')}`,
    });
  }
  const keys = await session.query<{ inner: string; outer: string }>(
    `SELECT pg_catalog.encode(key_inner, 'hex') AS inner, pg_catalog.encode(key_outer, 'hex') AS outer FROM ${name}`,
    [],
    options,
  );
  const [found] = keys.rows;
  if (found === undefined) {
    throw new SourceSetupError(`Payload mode is not set up: the table ${name} is empty.`, {
      remedy: 'Call teardown() and setup().',
    });
  }
  return { inner: Buffer.from(found.inner, 'hex'), outer: Buffer.from(found.outer, 'hex') };
}

async function withSession<T>(
  settings: PayloadSettings,
  work: (session: SqlExecutor) => Promise<T>,
): Promise<T> {
  const session = sqlSession(settings.connection, { answerTimeoutMs: ANSWER_TIMEOUT_MS });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
