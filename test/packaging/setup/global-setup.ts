import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { makeConsumer } from './consumer.ts';
import { installNodes, type NodeRuntime } from './nodes.ts';
import { packAll, ROOT, type PublicPackage } from './packages.ts';
import { runOrThrow } from './run.ts';

declare module 'vitest' {
  interface ProvidedContext {
    packages: readonly PublicPackage[];
    nodes: readonly NodeRuntime[];
    /** The project that the tarballs are installed in. */
    consumer: string;
  }
}

/** Builds, packs and installs once for all files; `CERTYO_BUILT=1` says that dist is current. */
export default async function setup(project: TestProject): Promise<() => void> {
  if (process.env['CERTYO_BUILT'] !== '1') {
    await runOrThrow('pnpm', ['build'], { cwd: ROOT });
  }
  const folder = mkdtempSync(join(tmpdir(), 'packaging-'));
  const consumer = join(folder, 'consumer');
  mkdirSync(consumer);
  const [packages, nodes] = await Promise.all([
    packAll(folder),
    installNodes(join(ROOT, '.cache', 'nodes')),
  ]);
  await makeConsumer(consumer, packages);
  project.provide('packages', packages);
  project.provide('nodes', nodes);
  project.provide('consumer', consumer);
  return () => rmSync(folder, { recursive: true, force: true });
}
