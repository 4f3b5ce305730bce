import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCycle, readSourceFile, readSourceFiles, ROOT } from './import-graph.ts';

const files = readSourceFiles();
const library = files.filter((file) => file.package !== null && !file.isTest);

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest;
}

/** `@scope/name/part` → `@scope/name`. */
function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

describe('import graph', () => {
  test('reads the files of this repository', () => {
    expect(library.map((file) => file.path)).toContain('packages/core/src/index.ts');
    expect(library.length).toBeGreaterThan(20);
  });

  test('has no circle, types included', () => {
    const graph = new Map(files.map((file) => [file.path, file.files]));
    expect(findCycle(graph)).toBeNull();
  });

  test('has no circle between packages', () => {
    const graph = new Map<string, string[]>();
    for (const file of library) {
      const from = `@certyo-cdc/${file.package}`;
      const to = file.modules.map(packageName).filter((name) => name.startsWith('@certyo-cdc/'));
      graph.set(from, [...(graph.get(from) ?? []), ...to.filter((name) => name !== from)]);
    }
    expect(findCycle(graph)).toBeNull();
  });

  test('would find a circle of types', () => {
    const a = readSourceFile('packages/x/src/a.ts', `import type { B } from './b.ts';`);
    const b = readSourceFile('packages/x/src/b.ts', `export type { A } from './a.ts';`);
    const graph = new Map([a, b].map((file) => [file.path, file.files]));
    expect(findCycle(graph)).toEqual([a.path, b.path, a.path]);
  });

  test('tells what runs from what is a type', () => {
    const { runtimeModules } = readSourceFile(
      'packages/x/src/a.ts',
      `import a from 'a';\nimport type { B } from 'b';\nimport { c, type C } from 'c';\n` +
        `import type { D } from 'd';\nimport d from 'd';\n`,
    );
    expect(runtimeModules).toEqual(['a', 'c', 'd', 'd']);
  });

  test('never leaves a package by a relative path', () => {
    const leaving = files.filter(
      (file) =>
        file.package !== null &&
        file.files.some((path) => !path.startsWith(`packages/${file.package}/src/`)),
    );
    expect(leaving.map((file) => file.path)).toEqual([]);
  });

  test('never enters a package by a relative path', () => {
    // A benchmark of the decoder alone, which is no public part of its package.
    const allowed = new Set(['bench/workloads/decode/stream-decoder.ts']);
    const entering = files.filter(
      (file) =>
        file.package === null &&
        !allowed.has(file.path) &&
        file.files.some((path) => /^packages\/[^/]+\//.test(path)),
    );
    expect(entering.map((file) => file.path)).toEqual([]);
  });

  test('leads only to files that exist', () => {
    const missing = files.flatMap((file) =>
      file.files
        .filter((path) => !existsSync(join(ROOT, path)))
        .map((path) => `${file.path} imports ${path}`),
    );
    expect(missing).toEqual([]);
  });

  test('nothing imports an index.ts', () => {
    const importing = files.filter((file) =>
      file.files.some((path) => basename(path) === 'index.ts'),
    );
    expect(importing.map((file) => file.path)).toEqual([]);
  });

  test('a package imports nothing that its package.json does not declare as a dependency', () => {
    const undeclared = library.flatMap((file) => {
      const { dependencies, peerDependencies, optionalDependencies } = manifest(
        `packages/${file.package}`,
      );
      const declared = { ...dependencies, ...peerDependencies, ...optionalDependencies };
      return file.runtimeModules
        .filter((name) => !isBuiltin(name) && !(packageName(name) in declared))
        .map((name) => `${file.path} imports ${name}`);
    });
    expect(undeclared).toEqual([]);
  });

  test('Node built-ins are imported with node:', () => {
    const bare = files.flatMap((file) =>
      file.modules
        .filter((name) => isBuiltin(name) && !name.startsWith('node:'))
        .map((name) => `${file.path} imports ${name}`),
    );
    expect(bare).toEqual([]);
  });
});

describe('files', () => {
  test('have at most 400 lines', () => {
    const long = files.filter((file) => file.lines > 400);
    expect(long.map((file) => `${file.path}: ${file.lines}`)).toEqual([]);
  });
});

describe('dependencies', () => {
  test('are pinned exactly, those of this workspace by workspace:^', () => {
    const folders = ['', 'test', ...new Set(library.map((file) => `packages/${file.package}`))];
    const loose = folders.flatMap((folder) => {
      const { dependencies, devDependencies, optionalDependencies } = manifest(folder);
      return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
        .filter(([name, range]) =>
          name.startsWith('@certyo-cdc/')
            ? range !== 'workspace:^'
            : !/^(npm:@?[^@]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(range),
        )
        .map(([name, range]) => `${folder}: ${name} ${range}`);
    });
    expect(loose).toEqual([]);
  });

  test('of core are zod and undici', () => {
    const { dependencies } = manifest('packages/core');
    expect(Object.keys(dependencies ?? {}).sort()).toEqual(['undici', 'zod']);
  });
});
