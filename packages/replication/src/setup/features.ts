import type { ServerInfo } from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import type { Problem } from './readiness.ts';

/** What the options ask for that a server of this version does not have. */
export function featureProblems(
  { versionNumber, version }: Pick<ServerInfo, 'versionNumber' | 'version'>,
  settings: ReplicationSettings,
): readonly Problem[] {
  const narrows = settings.tables.some(({ columns, where }) => columns !== null || where !== null);
  const asked: readonly (readonly [boolean, number, string])[] = [
    [settings.streaming, 14, 'streaming'],
    [settings.messages !== false, 14, 'messages'],
    [settings.twoPhase, 15, 'twoPhase'],
    [narrows, 15, 'tables with columns or where'],
    [settings.schemas.length > 0, 15, 'schemas'],
    [settings.origin !== 'any', 16, 'origin'],
    [settings.failover !== false, 17, 'failover'],
  ];
  return asked
    .filter(([isAsked, major]) => isAsked && versionNumber < major * 10_000)
    .map(([, major, option]) => ({
      what: `The option ${option} needs PostgreSQL ${major}; the server is ${version}.`,
      sql: `-- leave out the option ${option}, or upgrade the server`,
      losesChanges: false,
    }));
}
