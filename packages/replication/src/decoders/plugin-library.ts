import { SourceSetupError } from '@certyo-cdc/core';
import {
  describePostgresError,
  redactPostgresError,
  serverInfo,
  type ServerInfo,
  type SqlExecutor,
  sqlStateOf,
  type TableDescription,
} from '@certyo-cdc/postgres';
import { tableLabel } from '@certyo-cdc/core/internal';
import type { Problem } from '../setup/readiness.ts';
import type { Decoder } from './decoder.ts';
import { LOSSY_TYPES } from './decoderbufs-value.ts';

/**
 * What stands in the way of a decoder that is not PostgreSQL's own.
 *
 * Servers since August 2026 (15.19, 17.11 and their like) load only the output plugins that `output_plugin_libraries` lists,
 * and that is PostgreSQL's own two where nobody set it (CVE-2026-6471). Older ones do not know the setting.
 */
export async function pluginProblems(
  session: SqlExecutor,
  decoder: Decoder,
  tables: readonly TableDescription[],
  options: { readonly signal: AbortSignal },
): Promise<readonly Problem[]> {
  if (decoder === 'pgoutput') return [];
  const { rows } = await session.query<{ readonly setting: string; readonly context: string }>(
    "SELECT setting, context FROM pg_catalog.pg_settings WHERE name = 'output_plugin_libraries'",
    [],
    options,
  );
  const partitioned = tables.filter((table) => table.isPartitioned);
  const lossy = decoder === 'decoderbufs' ? tables.flatMap(lossyColumns) : [];
  return [
    ...rows.flatMap(({ context, setting }) => refusal(decoder, setting, context)),
    ...partitioned.map((table) => ({
      what: `${tableLabel(table)} is partitioned, and ${decoder} sends changes under the names of the partitions.`,
      sql: `-- list the partitions in \`tables\` instead, or use decoder: 'pgoutput'`,
      losesChanges: false,
    })),
    ...lossy.map((column) => ({
      what: `decoderbufs does not send the exact value of ${column}.`,
      sql: `-- use decoder: 'wal2json' or 'pgoutput'`,
      losesChanges: false,
    })),
  ];
}

function lossyColumns(table: TableDescription): readonly string[] {
  return table.columns
    .filter(({ typeOid }) => LOSSY_TYPES.has(typeOid))
    .map(({ name, typeName }) => `${tableLabel(table)}.${name} (${typeName})`);
}

/** What a decoder cannot tell, and should be known. */
export function decoderWarnings(
  decoder: Decoder,
): readonly { readonly code: string; readonly message: string }[] {
  if (decoder !== 'decoderbufs') return [];
  return [
    {
      code: 'DECODER_NO_TRUNCATE',
      message:
        'decoderbufs does not send TRUNCATE: a table that is emptied by it goes unnoticed. Use DELETE, or another decoder.',
    },
  ];
}

function refusal(decoder: Decoder, setting: string, context: string): readonly Problem[] {
  const listed = setting.split(',').map((name) => name.trim().replaceAll('"', ''));
  if (listed.includes(decoder) || listed.includes('*')) return [];
  const next = context === 'postmaster' ? '-- then restart the server' : 'SELECT pg_reload_conf();';
  const names = [...listed.filter((name) => name !== ''), decoder].join(', ');
  return [
    {
      what: `The server does not let ${decoder} be used: output_plugin_libraries lists only "${setting}".`,
      sql: `ALTER SYSTEM SET output_plugin_libraries = ${names}; ${next} -- managed services: set it in the parameter group`,
      losesChanges: false,
    },
  ];
}

/**
 * The server refuses a plugin to a role that has every right: only superusers see `output_plugin_libraries`. Null where the
 * statement makes no slot of such a plugin, or the role lacks a right.
 */
export function refusedPluginError(
  statement: string,
  server: Pick<ServerInfo, 'isReplicationRole' | 'isSuperuser'>,
  cause: unknown,
): Error | null {
  const plugin = /pg_create_logical_replication_slot\(.*'(wal2json|decoderbufs)'/u.exec(
    statement,
  )?.[1];
  if (plugin === undefined || !(server.isReplicationRole || server.isSuperuser)) return null;
  return new SourceSetupError(`The server does not let ${plugin} be used as an output plugin.`, {
    cause,
    remedy: allowPluginRemedy(plugin),
  });
}

/** What lets a server load a plugin. The setting replaces the list, so that has to be read first. */
export function allowPluginRemedy(plugin: string): string {
  return `Servers since August 2026 load only the plugins that output_plugin_libraries lists. As a superuser, run: SHOW output_plugin_libraries; then, with what it lists: ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, ${plugin}; SELECT pg_reload_conf();`;
}

/** The server does not have the plugin's library. */
export async function missingPluginError(
  session: SqlExecutor,
  cause: unknown,
  options: { readonly signal: AbortSignal },
): Promise<Error> {
  const { versionNumber } = await serverInfo(session, options);
  const major = Math.floor(versionNumber / 10_000);
  const said = cause instanceof Error ? cause.message : 'could not access file';
  return new SourceSetupError(`The server does not have the output plugin: ${said}.`, {
    cause,
    remedy: `Install it on the server, for example the Debian package postgresql-${major}-wal2json; or use decoder: 'pgoutput', which every server has.`,
  });
}

/**
 * The server has the slot, and not the library of its plugin: after an upgrade, or on the machine that took over. Null for
 * another error. Until a server begins to copy it looks for nothing else in a file; that log is missing shows behind that.
 */
export function unloadedPluginError(cause: unknown, decoder: Decoder): Error | null {
  if (sqlStateOf(cause) !== '58P01') return null;
  return new SourceSetupError(
    `The server cannot load the output plugin ${decoder} (${describePostgresError(cause)}).`,
    {
      cause: redactPostgresError(cause),
      remedy:
        'Install it on the server, and look at dynamic_library_path. Nothing is lost: the slot is as it was.',
    },
  );
}
