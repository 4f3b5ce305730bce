import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** A TypeScript file and what it imports. Paths are relative to the root of the repository. */
export interface SourceFile {
  readonly path: string;
  /** The package's folder name for `packages/x/src/…`, else null. */
  readonly package: string | null;
  readonly isTest: boolean;
  readonly lines: number;
  /** Files of this repository, by relative path. */
  readonly files: readonly string[];
  /** Package names and Node built-ins. */
  readonly modules: readonly string[];
  /** Those of `modules` that are there when the program runs. */
  readonly runtimeModules: readonly string[];
}

const SKIPPED = new Set(['node_modules', 'dist', '.cache', '.git', 'api', 'coverage']);

function* typeScriptFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!SKIPPED.has(entry.name)) {
        yield* typeScriptFiles(path);
      }
    } else if (/\.[cm]?ts$/.test(entry.name)) {
      yield path;
    }
  }
}

/** True when every import of the specifier begins with `import type` or `export type`. */
function isTypesOnly(text: string, specifier: string): boolean {
  const quoted = specifier.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  const statements = [
    ...text.matchAll(new RegExp(`(import|export)(\\s+type)?\\b[^;]*?['"]${quoted}['"]`, 'g')),
  ];
  return statements.length > 0 && statements.every((statement) => statement[2] !== undefined);
}

/** Reads one file; types count as imports, for a cycle of types is one too. */
export function readSourceFile(path: string, text: string): SourceFile {
  const imported = ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName);
  const typesOnly = new Set(imported.filter((specifier) => isTypesOnly(text, specifier)));
  return {
    path,
    package: /^packages\/([^/]+)\/src\//.exec(path)?.[1] ?? null,
    isTest: /\.(test|test-d|bench)\.ts$|\/src\/(.*\/)?testing\//.test(path),
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    files: imported
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => relative(ROOT, resolve(ROOT, dirname(path), specifier))),
    modules: imported.filter((specifier) => !specifier.startsWith('.')),
    runtimeModules: imported.filter(
      (specifier) => !specifier.startsWith('.') && !typesOnly.has(specifier),
    ),
  };
}

/** Every TypeScript file of the repository. */
export function readSourceFiles(): readonly SourceFile[] {
  return [...typeScriptFiles(ROOT)]
    .sort()
    .map((path) => readSourceFile(relative(ROOT, path), readFileSync(path, 'utf8')));
}

/** The first circle that is found, as the paths along it, or null. */
export function findCycle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (node: string): readonly string[] | null => {
    const at = trail.indexOf(node);
    if (at >= 0) {
      return [...trail.slice(at), node];
    }
    if (done.has(node)) {
      return null;
    }
    trail.push(node);
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle !== null) {
        return cycle;
      }
    }
    trail.pop();
    done.add(node);
    return null;
  };
  for (const node of graph.keys()) {
    const cycle = visit(node);
    if (cycle !== null) {
      return cycle;
    }
  }
  return null;
}
