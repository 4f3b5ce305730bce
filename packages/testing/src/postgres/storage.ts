import { randomBytes } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { commandLine, processStart } from './process-table.ts';
import { giveToServer } from './server-user.ts';
import { removeSharedMemory } from './shared-memory.ts';

/** Where the files of a server lie. */
export type PostgresStorage = 'memory' | 'disk';

const MEMORY_DIRECTORY = '/dev/shm';
/** Containers often have 64 MB there, which is less than two clusters. */
const MIN_MEMORY_BYTES: number = 512 * 1024 * 1024;

async function hasRoomInMemory(): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(MEMORY_DIRECTORY);
    return bavail * bsize >= MIN_MEMORY_BYTES;
  } catch {
    return false;
  }
}

/** The directory of this user under which all clusters and templates lie. It exists when this resolves. */
export async function baseDirectory(storage: PostgresStorage): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const parent = storage === 'memory' && (await hasRoomInMemory()) ? MEMORY_DIRECTORY : tmpdir();
  const directory = join(parent, `certyo-cdc-pg-${uid}`);
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const stats = lstatSync(directory);
  // Everybody may write in the parent: do not run what somebody else has put there.
  if (!stats.isDirectory() || stats.uid !== uid) {
    throw new Error(`${directory} is not a directory of this user. Remove it.`);
  }
  // Whatever the umask: the server's user has to pass.
  await chmod(directory, 0o755);
  return directory;
}

/** `<kind>-<pid>-<start of that process>-<random>`: who owns it can be told without a file inside. */
const OWNED_NAME: RegExp = /^(?:cluster|making)-(\d+)-(\w+)-\w+$/;

/** Makes a directory that is removed by the next start of a server once this process is gone. */
export async function makeOwnedDirectory(
  base: string,
  kind: 'cluster' | 'making',
): Promise<string> {
  const start = processStart(process.pid) ?? '0';
  const name = `${kind}-${process.pid}-${start}-${randomBytes(4).toString('hex')}`;
  const directory = join(base, name);
  await mkdir(directory, { mode: 0o700 });
  giveToServer(directory);
  return directory;
}

/** Id of the running server of a cluster directory; null when it does not run. */
export function postmasterOf(directory: string): number | null {
  try {
    const [line] = readFileSync(join(directory, 'data', 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(line);
    // A server that was killed leaves its file behind, and its id may be another process by now.
    return pid > 0 && commandLine(pid).includes(directory) ? pid : null;
  } catch {
    return null;
  }
}

const QUIT_TIMEOUT_MS = 2000;

/** Stops the server of a directory whose owner is gone. */
async function quit(directory: string): Promise<void> {
  const deadline = Date.now() + QUIT_TIMEOUT_MS;
  let isAsked = false;
  for (;;) {
    const pid = postmasterOf(directory);
    if (pid === null) return;
    try {
      if (!isAsked) {
        process.kill(pid, 'SIGQUIT');
        // A test may have frozen it.
        process.kill(pid, 'SIGCONT');
        isAsked = true;
      } else if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
    } catch {
      // Gone in between.
    }
    await sleep(10);
  }
}

/** Stops and removes what processes left behind that could not clean up. */
export async function reapLeftovers(base: string): Promise<void> {
  for (const name of readdirSync(base)) {
    const [, pid, start] = OWNED_NAME.exec(name) ?? [];
    if (pid === undefined || processStart(Number(pid)) === start) continue;
    const directory = join(base, name);
    await quit(directory);
    await removeSharedMemory(directory);
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}
