import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Removes the System V segment that a killed server has left: the system has room for a few thousand.
 * A server that stopped has removed it, and its file with the number, itself.
 */
export async function removeSharedMemory(directory: string): Promise<void> {
  let lines: string[];
  try {
    lines = readFileSync(join(directory, 'data', 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return;
  }
  // "key id": https://www.postgresql.org/docs/current/storage-file-layout.html, postmaster.pid
  const id = /^\s*\d+\s+(\d+)\s*$/.exec(lines[6] ?? '')?.[1];
  if (id === undefined) return;
  await new Promise<void>((resolve) => {
    // Where there is no ipcrm, it stays until the machine starts again.
    execFile('ipcrm', ['-m', id], () => resolve());
  });
}
