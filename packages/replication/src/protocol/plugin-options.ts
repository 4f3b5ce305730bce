import type { ReplicationSettings } from '../normalize-options.ts';

/** What of the settings the server's plugin is told. */
export type PluginSettings = Pick<
  ReplicationSettings,
  'decoder' | 'tables' | 'publication' | 'streaming' | 'twoPhase' | 'messages' | 'ddl' | 'origin'
>;

/**
 * The options of START_REPLICATION.
 *
 * The version is the least that knows what is asked for, so that nothing is sent that was not:
 * https://www.postgresql.org/docs/current/protocol-logical-replication.html
 */
export function pluginOptions(settings: PluginSettings): string {
  if (settings.decoder === 'decoderbufs') return '';
  if (settings.decoder === 'wal2json') return wal2jsonOptions(settings);
  const version = settings.twoPhase ? 3 : settings.streaming ? 2 : 1;
  const publication = settings.publication.replaceAll('"', '""').replaceAll("'", "''");
  const options = [`proto_version '${version}'`, `publication_names '"${publication}"'`];
  if (settings.streaming) options.push("streaming 'on'");
  if (settings.twoPhase) options.push("two_phase 'on'");
  if (settings.messages !== false || settings.ddl) options.push("messages 'true'");
  if (settings.origin === 'none') options.push("origin 'none'");
  return options.join(', ');
}

/** https://github.com/eulerto/wal2json#parameters */
function wal2jsonOptions({ tables }: PluginSettings): string {
  const flags = ['xids', 'timestamp', 'lsn', 'pk', 'type-oids', 'not-null', 'column-positions'];
  const names = tables.map(({ name, schema }) => `${escaped(schema)}.${escaped(name)}`).join(',');
  return [
    `"format-version" '2'`,
    ...flags.map((flag) => `"include-${flag}" 'true'`),
    `"add-tables" '${names.replaceAll("'", "''")}'`,
  ].join(', ');
}

/** What has a meaning in lists of tables is taken literally behind a backslash. */
function escaped(name: string): string {
  return name.replaceAll(/[\\ ',.*]/g, String.raw`\$&`);
}
