import type { ReplicationSettings } from '../normalize-options.ts';

/** What of the settings the server's plugin is told. */
export type PluginSettings = Pick<
  ReplicationSettings,
  'publication' | 'streaming' | 'twoPhase' | 'messages' | 'ddl' | 'origin'
>;

/**
 * The options of START_REPLICATION for pgoutput.
 *
 * The version is the least that knows what is asked for, so that nothing is sent that was not:
 * https://www.postgresql.org/docs/current/protocol-logical-replication.html
 */
export function pluginOptions(settings: PluginSettings): string {
  const version = settings.twoPhase ? 3 : settings.streaming ? 2 : 1;
  const publication = settings.publication.replaceAll('"', '""').replaceAll("'", "''");
  const options = [`proto_version '${version}'`, `publication_names '"${publication}"'`];
  if (settings.streaming) options.push("streaming 'on'");
  if (settings.twoPhase) options.push("two_phase 'on'");
  if (settings.messages !== false || settings.ddl) options.push("messages 'true'");
  if (settings.origin === 'none') options.push("origin 'none'");
  return options.join(', ');
}
