import type { ResolvedConnection } from './connection-options.ts';
import { OwnSession } from './own-session.ts';
import { PoolSession, type PoolLike } from './pool-session.ts';
import type { SqlSession, SqlSessionOptions } from './sql-executor.ts';

/**
 * Plain SQL over one own connection, opened when it is first needed and again after it was lost, or over the caller's
 * `pg.Pool`. Statements of one own session run one after the other.
 */
export function sqlSession(
  target: ResolvedConnection | PoolLike,
  options: SqlSessionOptions = {},
): SqlSession {
  return isPool(target) ? new PoolSession(target) : new OwnSession(target, options);
}

function isPool(target: ResolvedConnection | PoolLike): target is PoolLike {
  return 'connect' in target && typeof target.connect === 'function';
}
