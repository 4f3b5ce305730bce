import type { TestDatabase } from '@certyo-cdc/testing';
import { resolveConnection, runSetup, sqlSession, type SqlSession } from '@certyo-cdc/postgres';
import { planPollingSetup } from '../setup/plan.ts';
import type { PolledTableSpec, PollingSpec } from '../setup/spec.ts';

const { signal } = new AbortController();

/** A table by the xid cursor with tombstones, unless said otherwise. */
export function polled(name: string, more: Partial<PolledTableSpec> = {}): PolledTableSpec {
  return {
    table: { schema: 'public', name },
    key: null,
    cursor: { kind: 'xid', column: 'certyo_xid' },
    lastUpdate: null,
    hardDeletes: 'tombstone',
    ...more,
  };
}

/** A source `p` over tables. */
export function specOf(
  tables: readonly PolledTableSpec[],
  more: Partial<PollingSpec> = {},
): PollingSpec {
  return { schema: 'certyo', name: 'p', tables, ...more };
}

/** A session for setups, closed with the block. */
export function openSession(url: string): SqlSession & AsyncDisposable {
  const session = sqlSession(resolveConnection(url, {}));
  return Object.assign(session, { [Symbol.asyncDispose]: () => session.close() });
}

/** Runs what is missing and gives its SQL. */
export async function setUp(db: TestDatabase, spec: PollingSpec): Promise<readonly string[]> {
  await using session = openSession(db.url);
  return await runSetup(session, await planPollingSetup(session, spec, { signal }), { signal });
}
