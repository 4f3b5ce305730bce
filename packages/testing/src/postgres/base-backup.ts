import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { SettingValue } from './configuration.ts';
import type { PostgresServer } from './postgres-server.ts';
import { giveToServer } from './server-user.ts';

/** Directories whose files a server makes anew; replication slots stay with their server. */
const EMPTIED: ReadonlySet<string> = new Set([
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
]);

const OMITTED: ReadonlySet<string> = new Set(['postmaster.pid', 'postmaster.opts', 'promote']);

async function copyTree(from: string, to: string, isEmptied: boolean): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  giveToServer(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      // A directory in pg_replslot is a slot, while those in pg_wal have to be there.
      if (from.endsWith('pg_replslot')) continue;
      await copyTree(source, target, isEmptied || EMPTIED.has(entry.name));
    } else if (!isEmptied && !OMITTED.has(entry.name)) {
      try {
        await copyFile(source, target);
      } catch (error) {
        // The server runs: a file may go while it is copied, and the WAL says so.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
        throw error;
      }
      await chmod(target, 0o600);
      giveToServer(target);
    }
  }
}

/** What a standby has to have as large as its primary. */
const AT_LEAST_AS_LARGE: readonly string[] = [
  'max_connections',
  'max_locks_per_transaction',
  'max_prepared_transactions',
  'max_wal_senders',
  'max_worker_processes',
];

/**
 * Copies a running primary into a new data directory and gives back the settings that make it a
 * standby. A physical slot on the primary keeps the WAL for it, also while the standby is away.
 *
 * See https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
export async function copyPrimary(
  primary: PostgresServer,
  data: string,
): Promise<Readonly<Record<string, SettingValue>>> {
  const slot = `standby_${randomBytes(4).toString('hex')}`;
  const client = await primary.client({ host: primary.socketDirectory });
  const [start, stop] =
    primary.major >= 15
      ? ['pg_backup_start($1, true)', 'pg_backup_stop(false)']
      : ['pg_start_backup($1, true, false)', 'pg_stop_backup(false, false)'];
  try {
    await client.query('SELECT pg_catalog.pg_create_physical_replication_slot($1, true)', [slot]);
    // The backup belongs to the session: an error ends both.
    await client.query(`SELECT pg_catalog.${start}`, [slot]);
    await copyTree(primary.dataDirectory, data, false);
    const stopped = await client.query<{ labelfile: string }>(
      `SELECT labelfile FROM pg_catalog.${stop}`,
    );
    for (const [name, text] of [
      ['backup_label', stopped.rows[0]?.labelfile ?? ''],
      ['standby.signal', ''],
    ] as const) {
      await writeFile(join(data, name), text, { mode: 0o600 });
      giveToServer(join(data, name));
    }
    const { rows } = await client.query<{ name: string; setting: string }>(
      'SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY($1)',
      [AT_LEAST_AS_LARGE],
    );
    return {
      ...Object.fromEntries(rows.map(({ name, setting }) => [name, setting])),
      primary_conninfo: `host=${primary.socketDirectory} port=${primary.port} user=postgres dbname=postgres`,
      primary_slot_name: slot,
      hot_standby_feedback: true,
      // Copies slots made with failover = true.
      ...(primary.major >= 17 ? { sync_replication_slots: true } : {}),
    };
  } finally {
    await client.end();
  }
}
