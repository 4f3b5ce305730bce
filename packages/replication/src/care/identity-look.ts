import { resolveTables, type SqlExecutor } from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import { tableProblems } from '../setup/readiness.ts';
import type { Warning } from './slot-warnings.ts';

/** Tables whose replica identity was changed so that their next UPDATE or DELETE loses its key, or is refused. */
export async function identityWarnings(
  session: SqlExecutor,
  settings: ReplicationSettings,
  signal: AbortSignal,
): Promise<readonly Warning[]> {
  const tables = await resolveTables(session, settings.tables, { signal });
  return tableProblems(tables, settings).map(({ what, sql }) => ({
    code: 'IDENTITY_UNUSABLE',
    subject: what,
    message: `${what} Changes that are written now may not name their record, and stop the source. Run: ${sql}`,
  }));
}
