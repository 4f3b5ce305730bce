import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const oxlint = join(dirname(createRequire(import.meta.url).resolve('oxlint')), '../bin/oxlint');

interface Case {
  readonly file: string;
  readonly source: string;
  /** The rule that has to report it, or null when nothing may. */
  readonly rule: string | null;
}

const imports = (specifier: string): string => `import '${specifier}';\n`;
const DIRECTION = 'eslint(no-restricted-imports)';

/** Per package, what its sources may import and what not. */
const DIRECTIONS: Readonly<Record<string, { readonly good: string[]; readonly bad: string[] }>> = {
  core: {
    good: ['zod', 'zod/mini', 'undici', 'node:fs', 'node:timers/promises', './x.ts', '../y/x.ts'],
    bad: ['pg', 'postgres', 'fs', 'zodiac', '@certyo-cdc/postgres', '@certyo-cdc/testing'],
  },
  postgres: {
    good: ['@certyo-cdc/core', '@certyo-cdc/core/internal', 'pg', '../catalog/catalog.ts'],
    bad: ['zod', 'undici', '@certyo-cdc/replication', '@certyo-cdc/testing', 'pg-cursor'],
  },
  replication: {
    good: ['@certyo-cdc/core', '@certyo-cdc/postgres', 'node:net'],
    bad: ['pg', '@certyo-cdc/polling', '@certyo-cdc/outbox', '@certyo-cdc/testing'],
  },
  'listen-notify': {
    good: ['@certyo-cdc/core', '@certyo-cdc/core/internal', '@certyo-cdc/postgres'],
    bad: ['pg', 'zod', '@certyo-cdc/replication', '@certyo-cdc/polling', '@certyo-cdc/testing'],
  },
  polling: {
    good: ['@certyo-cdc/core', '@certyo-cdc/core/internal', '@certyo-cdc/postgres'],
    bad: [
      'pg',
      'zod',
      '@certyo-cdc/listen-notify',
      '@certyo-cdc/replication',
      '@certyo-cdc/testing',
    ],
  },
  outbox: { good: ['@certyo-cdc/postgres'], bad: ['@certyo-cdc/polling'] },
  debezium: { good: ['@certyo-cdc/core'], bad: ['@certyo-cdc/postgres', '@certyo-cdc/outbox'] },
  verification: { good: ['@certyo-cdc/postgres', 'zod'], bad: ['@certyo-cdc/replication', 'pg'] },
  testing: {
    good: ['@certyo-cdc/core', 'pg', 'vitest', 'node:http'],
    bad: ['@certyo-cdc/postgres', '@certyo-cdc/replication', 'undici'],
  },
};

/** What no package's source may do, whichever package it is in. */
const EVERYWHERE: readonly string[] = [
  './index.ts',
  '../index.ts',
  '../pipeline/index.ts',
  '@certyo-cdc/core/dist/index.js',
  '@certyo-cdc/core/src/event/json.ts',
  '@certyo-cdc/testing/src/postgres/server.ts',
  '../../core/src/event/json.ts',
  '../../../packages/postgres/src/tls.ts',
];

const cases: Case[] = Object.entries(DIRECTIONS).flatMap(([name, { good, bad }]) => [
  ...good.map((specifier, n) => ({
    file: `packages/${name}/src/part/good-${n}.ts`,
    source: imports(specifier),
    rule: null,
  })),
  ...[...bad, ...EVERYWHERE].map((specifier, n) => ({
    file: `packages/${name}/src/part/bad-${n}.ts`,
    source: imports(specifier),
    rule: DIRECTION,
  })),
]);

const OTHER: readonly Case[] = [
  // Tests may use the harness, and nothing else more than the sources may.
  {
    file: 'packages/core/src/part/a.test.ts',
    source: imports('@certyo-cdc/testing'),
    rule: null,
  },
  {
    file: 'packages/core/src/part/b.test.ts',
    source: imports('@certyo-cdc/testing/vitest'),
    rule: null,
  },
  ...['replication', 'listen-notify', 'polling'].map((name) => ({
    file: `packages/${name}/src/part/types.ts`,
    source: `import type { Client } from 'pg';\nexport type Connection = Client;\n`,
    rule: null,
  })),
  { file: 'packages/core/src/part/c.test.ts', source: imports('../index.ts'), rule: DIRECTION },
  {
    file: 'test/end-to-end/d.test.ts',
    source: imports('@certyo-cdc/core/src/event/json.ts'),
    rule: DIRECTION,
  },
  {
    file: 'examples/demo/src/e.ts',
    source: imports('../../../packages/core/src/event/json.ts'),
    rule: DIRECTION,
  },
  {
    file: 'examples/demo/src/f.ts',
    source: imports('@certyo-cdc/core/internal'),
    rule: DIRECTION,
  },
  { file: 'examples/demo/src/g.ts', source: imports('@certyo-cdc/core'), rule: null },
  {
    file: 'packages/core/src/part/console.ts',
    source: `console.log('x');\n`,
    rule: 'eslint(no-console)',
  },
  { file: 'packages/testing/src/cli.ts', source: `console.log('x');\n`, rule: null },
  {
    file: 'packages/core/src/part/long.ts',
    source: `${'// A line.\n'.repeat(400)}export {};\n`,
    rule: 'eslint(max-lines)',
  },
  {
    file: 'packages/core/src/part/full.ts',
    source: `${'// A line.\n'.repeat(399)}export {};\n`,
    rule: null,
  },
  {
    file: 'packages/core/src/part/any.ts',
    source: 'export const x = (y: any): void => void y;\n',
    rule: 'typescript(no-explicit-any)',
  },
  {
    file: 'packages/core/src/part/bang.ts',
    source: 'export const x = (y: string | null): string => y!;\n',
    rule: 'typescript(no-non-null-assertion)',
  },
  {
    file: 'packages/core/src/part/ignore.ts',
    source: `// @ts-ignore\nexport const x: number = '';\n`,
    rule: 'typescript(ban-ts-comment)',
  },
  {
    file: 'packages/core/src/part/cycle-a.ts',
    source: `import { b } from './cycle-b.ts';\nexport const a: number = b;\n`,
    rule: 'import(no-cycle)',
  },
  {
    file: 'packages/core/src/part/cycle-b.ts',
    source: `import { a } from './cycle-a.ts';\nexport const b: number = a;\n`,
    rule: 'import(no-cycle)',
  },
  {
    file: 'packages/core/src/part/floating.ts',
    source: 'export function x(): void {\n  Promise.resolve();\n}\n',
    rule: 'typescript(no-floating-promises)',
  },
  {
    file: 'packages/core/src/part/misused.ts',
    source: 'export const x = setTimeout(async () => await Promise.resolve(), 1);\n',
    rule: 'typescript(no-misused-promises)',
  },
  {
    file: 'packages/core/src/part/mock.test.ts',
    source: `import { vi } from 'vitest';\nvi.mock('node:fs');\n`,
    rule: 'eslint(no-restricted-properties)',
  },
];

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

const folder = mkdtempSync(join(tmpdir(), 'lint-rules-'));
const reported = new Map<string, readonly string[]>();

beforeAll(() => {
  for (const file of ['.oxlintrc.json', 'tsconfig.json']) {
    writeFileSync(join(folder, file), readFileSync(join(root, file)));
  }
  for (const { file, source } of [...cases, ...OTHER]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), source);
  }
  // The type-aware part is found next to the project, and needs the types of Node there.
  execFileSync('ln', ['-s', join(root, 'node_modules'), join(folder, 'node_modules')]);
  const { stdout, stderr } = spawnSync(process.execPath, [oxlint, '--type-aware', '-f', 'json'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  expect(stderr).toBe('');
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly Diagnostic[] };
  for (const { filename, code } of diagnostics) {
    reported.set(filename, [...(reported.get(filename) ?? []), code]);
  }
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('import directions', () => {
  test.each(cases)('$file: $source', ({ file, rule }) => {
    const directions = (reported.get(file) ?? []).filter((code) => code === DIRECTION);
    if (rule === null) {
      expect(directions).toEqual([]);
    } else {
      expect(directions).toContain(rule);
    }
  });
});

describe('house rules', () => {
  test.each(OTHER)('$file: $rule', ({ file, rule }) => {
    if (rule === null) {
      expect(reported.get(file) ?? []).toEqual([]);
    } else {
      expect(reported.get(file)).toContain(rule);
    }
  });
});
