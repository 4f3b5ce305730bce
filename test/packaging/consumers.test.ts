import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { ROOT } from './setup/packages.ts';
import { run, runOrThrow } from './setup/run.ts';

const packages = inject('packages');
const nodes = inject('nodes');
const consumer = inject('consumer');

/** Runs a program of the consumer and reads the JSON of its last line. */
async function runProgram(node: string, file: string): Promise<unknown> {
  const { stdout } = await runOrThrow(node, [file], { cwd: consumer });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

describe('strict TypeScript', () => {
  test('compiles for ESM and CJS, library declarations included', async () => {
    const tsc = createRequire(join(ROOT, 'package.json')).resolve('typescript/bin/tsc');
    const { code, stdout } = await run(process.execPath, [tsc, '-p', '.'], { cwd: consumer });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(readdirSync(join(consumer, 'out')).sort()).toEqual(['strict.cjs', 'strict.mjs']);
  });
});

describe.each(nodes)('Node $major', ({ major, path, missing }) => {
  let node = '';
  beforeAll(async () => {
    node = path ?? '';
    if (path !== null) {
      const { stdout } = await runOrThrow(path, ['--version'], { cwd: consumer });
      expect(stdout).toMatch(new RegExp(`^v${major}\\.`));
    }
  });

  const programs = ['main.mjs', 'main.cjs', 'out/strict.mjs', 'out/strict.cjs'];
  test.for(programs)('%s delivers from source to sink', async (file, { skip }) => {
    skip(missing !== null, missing ?? '');
    expect(await runProgram(node, file)).toEqual({
      state: 'stopped',
      received: 3,
      delivered: 3,
      collected: ['insert', 'update', 'delete'],
      error: 'CONFIG_INVALID',
    });
  });

  test('an error of the ESM copy is recognised by the CJS copy and the other way', async ({
    skip,
  }) => {
    skip(missing !== null, missing ?? '');
    expect(await runProgram(node, 'copies.mjs')).toEqual({
      twoCopies: true,
      esmKnowsCjs: true,
      cjsKnowsEsm: true,
      plain: false,
      code: 'CONFIG_INVALID',
    });
  });

  test('every entry of every package loads as ESM and as CJS with the same names', async ({
    skip,
  }) => {
    skip(missing !== null, missing ?? '');
    const entries = packages.flatMap(({ name }) => {
      const text = readFileSync(join(consumer, 'node_modules', name, 'package.json'), 'utf8');
      const { exports } = JSON.parse(text) as { exports: Readonly<Record<string, unknown>> };
      return (
        Object.keys(exports)
          // What is for use in vitest needs vitest, which this project has not installed.
          .filter((path) => path !== './package.json' && !path.startsWith('./vitest'))
          .map((path) => name + path.slice(1))
      );
    });
    const script = `
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      for (const entry of ${JSON.stringify(entries)}) {
        const esm = Object.keys(await import(entry)).sort().join();
        const cjs = Object.keys(require(entry)).filter((key) => key !== '__esModule').sort().join();
        if (esm !== cjs || esm === '') throw new Error(entry + '\\n' + esm + '\\n' + cjs);
      }`;
    const { code, stderr } = await run(node, ['--input-type=module', '-e', script], {
      cwd: consumer,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
