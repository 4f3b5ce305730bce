import { pinStatements } from './pinned-settings.ts';
import { sqlError } from './sql-error.ts';
import type { SqlExecutor } from './sql-executor.ts';
import { queryText, type Queryable, type SqlParameter, type SqlResult } from './text-query.ts';

/** Runs one statement; rejects at once on abort. The connection is then in an unknown state. */
export async function execute<Row>(
  client: Queryable,
  text: string,
  parameters: readonly SqlParameter[],
  signal: AbortSignal,
): Promise<SqlResult<Row>> {
  signal.throwIfAborted();
  return await new Promise<SqlResult<Row>>((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    queryText<Row>(client, text, parameters)
      .then(resolve, (error: unknown) => {
        reject(sqlError(error) as Error);
      })
      .finally(() => {
        signal.removeEventListener('abort', abort);
      });
  });
}

/** An executor on one client, refusing calls once its transaction is over. */
function executorOn(client: Queryable): SqlExecutor & { end(): void } {
  let isOver = false;
  return {
    async query(text, parameters, { signal }) {
      if (isOver) throw new TypeError('The transaction is over: await its statements inside it.');
      return await execute(client, text, parameters, signal);
    },
    end() {
      isOver = true;
    },
  };
}

/** Runs `work` between BEGIN and COMMIT, with the settings pinned by SET LOCAL where asked for. */
export async function runTransaction<T>(
  client: Queryable,
  work: (executor: SqlExecutor) => Promise<T>,
  options: { readonly signal: AbortSignal; readonly pin: boolean },
): Promise<T> {
  const { signal, pin } = options;
  const begin = 'BEGIN ISOLATION LEVEL READ COMMITTED';
  await execute(client, pin ? `${begin}; ${pinStatements('transaction')}` : begin, [], signal);
  const executor = executorOn(client);
  try {
    const value = await work(executor);
    await execute(client, 'COMMIT', [], signal);
    return value;
  } catch (error) {
    // On abort the connection is thrown away, and the server rolls back.
    if (!signal.aborted) await queryText(client, 'ROLLBACK').catch(() => {});
    throw error;
  } finally {
    executor.end();
  }
}

/**
 * Runs `work` in a transaction of the caller's client in which the settings are pinned by SET LOCAL, so that values read
 * there are unambiguous. For pools, and behind PgBouncer.
 */
export async function withPinnedSettings<T>(
  client: Queryable,
  work: (executor: SqlExecutor) => Promise<T>,
  options: { readonly signal: AbortSignal },
): Promise<T> {
  return await runTransaction(client, work, { signal: options.signal, pin: true });
}

/** Pins the settings for the rest of a client's session by SET. Not for a transaction pooler: use `withPinnedSettings`. */
export async function pinSettings(
  client: Queryable,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  await execute(client, pinStatements('session'), [], options.signal);
}
