import { existsSync } from 'node:fs';
import { appendFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Binaries } from './binaries.ts';
import { runAsServer } from './run.ts';
import { makeOwnedDirectory } from './storage.ts';

/** Raised when what makeTemplate() does changes, so that an old one is not used. */
const GENERATION = 1;

const making = new Map<string, Promise<string>>();

async function makeTemplate(base: string, target: string, binaries: Binaries): Promise<string> {
  if (existsSync(target)) return target;
  const directory = await makeOwnedDirectory(base, 'making');
  const data = join(directory, 'data');
  try {
    const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'];
    // Small segments: a template of 30 MB instead of 39, and `max_wal_size` may be small too.
    const segments = Number.parseInt(binaries.version, 10) >= 11 ? ['--wal-segsize=1'] : [];
    await runAsServer(join(binaries.directory, 'initdb'), [...args, '--no-sync', ...segments]);
    await appendFile(join(data, 'postgresql.conf'), "\ninclude 'testing.conf'\n");
    // Fails when another process was faster; its template is as good.
    await rename(data, target).catch((error: unknown) => {
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return target;
}

/** A data directory fresh from initdb, never started: made once per exact version, then copied. */
export async function templateCluster(base: string, binaries: Binaries): Promise<string> {
  const target = join(base, `template-${binaries.version}-${GENERATION}`);
  let promise = making.get(target);
  if (promise === undefined) {
    promise = makeTemplate(base, target, binaries).finally(() => making.delete(target));
    making.set(target, promise);
  }
  return await promise;
}
