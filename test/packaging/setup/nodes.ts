import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOrThrow } from './run.ts';

/** The Node of one major version, or why there is none. */
export type NodeRuntime =
  | { readonly major: number; readonly path: string; readonly missing: null }
  | { readonly major: number; readonly path: null; readonly missing: string };

/** The newest patch of every major that the packages support. npm's `node-<platform>-<arch>` holds just the binary. */
const VERSIONS: ReadonlyMap<number, string> = new Map([
  [20, '20.20.2'],
  [22, '22.23.3'],
  [24, '24.21.0'],
  [26, '26.10.0'],
]);

const PLATFORMS = new Set(['linux-x64', 'linux-arm64']);

/** Finds or installs every Node; the running one is taken as it is. Installs into `folder` once. */
export async function installNodes(folder: string): Promise<readonly NodeRuntime[]> {
  const platform = `${process.platform}-${process.arch}`;
  const runningMajor = Number(process.versions.node.split('.')[0]);
  const pathOf = (major: number): string =>
    join(folder, 'node_modules', `node${major}-${VERSIONS.get(major)}`, 'bin', 'node');

  const wanted = [...VERSIONS].filter(
    ([major]) => major !== runningMajor && PLATFORMS.has(platform) && !existsSync(pathOf(major)),
  );
  if (wanted.length > 0) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const specs = wanted.map(
      ([major, version]) => `node${major}-${version}@npm:node-${platform}@${version}`,
    );
    const flags = ['--no-audit', '--no-fund', '--no-save', '--prefer-offline', '--ignore-scripts'];
    await runOrThrow('npm', ['install', ...flags, ...specs], { cwd: folder });
  }

  return [...VERSIONS].map(([major, version]): NodeRuntime => {
    if (major === runningMajor) {
      return { major, path: process.execPath, missing: null };
    }
    const path = pathOf(major);
    return existsSync(path)
      ? { major, path, missing: null }
      : { major, path: null, missing: `npm has no Node ${version} for ${platform}` };
  });
}
