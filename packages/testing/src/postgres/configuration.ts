/** A value of postgresql.conf. */
export type SettingValue = string | number | boolean;

/**
 * The harness's own settings. `fsync = off` survives the kill of processes, and the crash of a
 * machine is not tested. `synchronous_commit` stays on: off, a walsender waits up to 400 ms for the
 * WAL writer before it sends a commit.
 */
export const DEFAULT_SETTINGS: Readonly<Record<string, SettingValue>> = {
  wal_level: 'logical',
  fsync: false,
  full_page_writes: false,
  synchronous_commit: true,
  max_connections: 100,
  max_wal_senders: 20,
  max_replication_slots: 50,
  shared_buffers: '32MB',
  // Files in the data directory: a killed server leaves nothing elsewhere.
  dynamic_shared_memory_type: 'mmap',
  max_wal_size: '64MB',
  min_wal_size: '32MB',
  autovacuum: false,
  log_line_prefix: '%m [%p] ',
};

function renderValue(value: SettingValue): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return `'${String(value).replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** The text of a configuration file. */
export function renderSettings(settings: Readonly<Record<string, SettingValue>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${renderValue(value)}\n`)
    .join('');
}

/** The text of pg_hba.conf: the caller's lines first, as the first match decides. */
export function renderHba(lines: readonly string[], method: 'trust' | 'scram-sha-256'): string {
  const own = ['127.0.0.1/32', '::1/128'].flatMap((address) => [
    `host all all ${address} ${method}`,
    `host replication all ${address} ${method}`,
  ]);
  const socket = ['local all all trust', 'local replication all trust'];
  return [...lines, ...socket, ...own, ''].join('\n');
}
