import { cpSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { PublicPackage } from './packages.ts';
import { ROOT } from './packages.ts';
import { runOrThrow } from './run.ts';

/**
 * Makes a project outside this repository, where nothing of this workspace can be found by accident, and installs the
 * tarballs into it as a user would. The programs of `consumers/` lie in it.
 */
export async function makeConsumer(
  folder: string,
  packages: readonly PublicPackage[],
): Promise<void> {
  const require = createRequire(join(ROOT, 'package.json'));
  const { version } = require('@types/node/package.json') as { version: string };
  const manifest = {
    private: true,
    dependencies: {
      ...Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`])),
      '@types/node': version,
    },
  };
  cpSync(join(ROOT, 'test', 'packaging', 'consumers'), folder, { recursive: true });
  // One program in both module kinds: TypeScript decides by the extension which declarations it reads.
  cpSync(join(folder, 'strict.ts'), join(folder, 'strict.cts'));
  renameSync(join(folder, 'strict.ts'), join(folder, 'strict.mts'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
  await runOrThrow(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefer-offline', '--no-package-lock'],
    { cwd: folder },
  );
}
