import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { describe, expect, inject, test } from 'vitest';
import { ROOT } from './setup/packages.ts';
import { run } from './setup/run.ts';

const packages = inject('packages');
const consumer = inject('consumer');

function* filesOf(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) {
      yield path;
    } else if (entry.name !== 'node_modules') {
      yield* filesOf(path);
    }
  }
}

describe.each(packages)('$name', ({ name, folder, tarball }) => {
  const installed = join(consumer, 'node_modules', name);
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Readonly<
    Record<string, Readonly<Record<string, string>> | undefined>
  >;

  test('contains what is on the list and nothing else', () => {
    const files = [...filesOf(installed)].map((path) => relative(installed, path)).sort();
    expect(files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'dist/index.cjs', 'dist/index.d.cts']),
    );
    const surprising = files.filter(
      (file) =>
        !['LICENSE', 'README.md', 'CHANGELOG.md', 'package.json'].includes(file) &&
        !/^dist\/[\w./-]+\.(c?js|d\.c?ts|c?js\.map)$/.test(file),
    );
    expect(surprising).toEqual([]);
    expect(files.filter((file) => /\.(test|bench)\./.test(file))).toEqual([]);
  });

  test('runs nothing when it is installed', () => {
    const scripts = Object.keys(manifest['scripts'] ?? {});
    expect(scripts.filter((script) => /^(pre|post)?(install|prepare)$/.test(script))).toEqual([]);
  });

  test('has no range of this workspace left, and leads to dist only', () => {
    const text = JSON.stringify(manifest);
    expect(text).not.toContain('workspace:');
    expect(JSON.stringify(manifest['exports'])).not.toContain('src/');
  });

  test('is clean for publint', async () => {
    const { messages } = await publint({ pkgDir: installed, pack: false, strict: true });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  test('is clean for attw, from node16 on', async () => {
    const require = createRequire(join(ROOT, 'package.json'));
    const bin = join(
      dirname(require.resolve('@arethetypeswrong/cli/package.json')),
      'dist/index.js',
    );
    const args = [bin, tarball, '--profile', 'node16', '--no-emoji'];
    const { code, stdout, stderr } = await run(process.execPath, args, { cwd: ROOT });
    expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });
  });

  test('has the public API that api/ shows', async () => {
    // With several entries tsup puts what they share into files named after a hash.
    const unhashed = (text: string): string =>
      text.replace(/-[\w-]{8}(?=(\.d)?\.[cm]?[jt]s\b)/g, '');
    const dist = join(installed, 'dist');
    const text = readdirSync(dist)
      .filter((file) => file.endsWith('.d.ts'))
      .map((file) => `// ${unhashed(file)}\n\n${unhashed(readFileSync(join(dist, file), 'utf8'))}`)
      .sort()
      .join('\n');
    await expect(text).toMatchFileSnapshot(join(ROOT, 'api', `${folder}.d.ts`));
  });
});
