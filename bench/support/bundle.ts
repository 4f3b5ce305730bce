import { mkdirSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('../../.cache/bench-bundles', import.meta.url));

/** Removed when this process ends. */
const outfiles: string[] = [];
process.once('exit', () => {
  for (const outfile of outfiles) rmSync(outfile, { force: true });
});

const bundled = new Map<string, Promise<string>>();

/**
 * Bundles a child into one JavaScript file: what is measured is the library, not a compiler on the way. The same is done
 * for what it is compared with.
 *
 * @returns The file's path.
 */
export function bundle(entry: URL): Promise<string> {
  let made = bundled.get(entry.href);
  if (made === undefined) {
    made = bundleOnce(fileURLToPath(entry));
    bundled.set(entry.href, made);
  }
  return made;
}

async function bundleOnce(path: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const outfile = `${folder}/${basename(dirname(path))}-${basename(path, '.ts')}-${process.pid}.mjs`;
  await build({
    entryPoints: [path],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['pg-native'],
    // CommonJS packages inside an ES module still call require.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  outfiles.push(outfile);
  return outfile;
}
