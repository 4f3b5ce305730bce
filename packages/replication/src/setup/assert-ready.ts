import { GapError, type SourceEvent, SourceSetupError } from '@certyo-cdc/core';
import {
  readPublication,
  serverInfo,
  type ServerInfo,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import { ddlProblems } from '../ddl/ddl-trigger.ts';
import { decoderWarnings, pluginProblems } from '../decoders/plugin-library.ts';
import type { ReplicationSettings } from '../normalize-options.ts';
import { resolveCaptured } from './captured-tables.ts';
import { featureProblems, partitionedTableProblems } from './features.ts';
import { minorVersionWarnings } from './minor-versions.ts';
import { publicationProblems } from './publication-problems.ts';
import { type Problem, serverProblems, tableProblems, warnings } from './readiness.ts';
import { rowFilterProblems } from './row-filters.ts';

/**
 * Checks that the server can send every change of the tables; throws one error that names everything that is missing
 * with the SQL for it.
 */
export async function assertReady(
  session: SqlExecutor,
  settings: ReplicationSettings,
  options: {
    readonly hasCheckpoint: boolean;
    readonly signal: AbortSignal;
    readonly onEvent: (event: SourceEvent) => void;
  },
): Promise<ServerInfo> {
  const server = await serverInfo(session, options);
  if (server.isInRecovery && server.versionNumber < 160_000) {
    throw new SourceSetupError(
      'The server is a standby; logical replication from a standby needs PostgreSQL 16.',
      { remedy: 'Connect to the primary.' },
    );
  }
  const unknown = featureProblems(server, settings);
  if (unknown.length > 0) throw problemError(unknown, false);
  const { tables, partitions, keys } = await resolveCaptured(session, settings, options);
  const isPublished = settings.decoder === 'pgoutput';
  const publication = isPublished
    ? await readPublication(session, settings.publication, options)
    : null;
  const problems = [
    ...serverProblems(server),
    ...partitionedTableProblems(server, tables),
    ...tableProblems(tables, settings),
    ...tableProblems(partitions, { keys }),
    ...(isPublished
      ? [
          ...publicationProblems(publication, tables, settings, server.versionNumber),
          ...(await rowFilterProblems(session, publication, settings, options)),
        ]
      : await pluginProblems(session, settings.decoder, tables, options)),
    ...(await ddlProblems(session, settings, server, options)),
  ];
  if (problems.length > 0) throw problemError(problems, options.hasCheckpoint);
  for (const warning of decoderWarnings(settings.decoder)) {
    options.onEvent({ type: 'source-warned', ...warning });
  }
  for (const warning of minorVersionWarnings(server)) {
    options.onEvent({ type: 'source-warned', ...warning });
  }
  if (publication !== null) {
    for (const warning of warnings(publication, [...tables, ...partitions])) {
      options.onEvent({ type: 'source-warned', ...warning });
    }
  }
  return server;
}

export function problemError(problems: readonly Problem[], hasCheckpoint: boolean): Error {
  const what = problems.map((problem) => problem.what).join(' ');
  const remedy = `Run:\n${problems.map((problem) => `  ${problem.sql}`).join('\n')}`;
  if (hasCheckpoint && problems.some((problem) => problem.losesChanges)) {
    return new GapError('GAP_PUBLICATION', `${what} Changes since the checkpoint may be missing.`, {
      remedy: `${remedy}\nthen copy the tables again.`,
    });
  }
  return new SourceSetupError(what, { remedy });
}
