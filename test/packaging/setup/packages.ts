import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runOrThrow } from './run.ts';

export const ROOT: string = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** A package that is published. */
export interface PublicPackage {
  readonly name: string;
  /** Folder name under `packages/`. */
  readonly folder: string;
  /** Path of the packed tarball. */
  readonly tarball: string;
}

/** Packs every package of `packages/` that is not private. */
export async function packAll(destination: string): Promise<readonly PublicPackage[]> {
  const packed: PublicPackage[] = [];
  for (const folder of readdirSync(join(ROOT, 'packages')).sort()) {
    const cwd = join(ROOT, 'packages', folder);
    const manifest = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as {
      name: string;
      private?: boolean;
    };
    if (manifest.private !== true) {
      const { stdout } = await runOrThrow(
        'pnpm',
        ['pack', '--json', '--pack-destination', destination],
        { cwd },
      );
      const { filename } = JSON.parse(stdout) as { filename: string };
      packed.push({ name: manifest.name, folder, tarball: filename });
    }
  }
  return packed;
}
