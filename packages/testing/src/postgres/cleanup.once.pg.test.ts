import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import { describe, expect, inject, onTestFinished, test } from 'vitest';

import { childrenOf, commandLine, processStart } from './process-table.ts';
import { startPostgres } from './start-postgres.ts';
import { reapLeftovers } from './storage.ts';

const major = inject('postgresMajor');

interface Owner {
  readonly process: ChildProcess;
  readonly postmaster: number;
  readonly directory: string;
}

/** Starts a server in another Node process, which then waits. */
async function startInOtherProcess(temporary: string): Promise<Owner> {
  const module = new URL('./start-postgres.ts', import.meta.url).href;
  const script = `
    import { startPostgres } from ${JSON.stringify(module)};
    const server = await startPostgres({ major: ${major}, storage: 'disk' });
    console.log(JSON.stringify({ postmaster: server.pid, directory: server.socketDirectory }));
    setInterval(() => {}, 1000);
  `;
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', script],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TMPDIR: temporary } },
  );
  // Also when the test fails or times out in between.
  onTestFinished(() => kill(child));
  for await (const line of createInterface({ input: child.stdout })) {
    const { postmaster, directory } = JSON.parse(line) as Omit<Owner, 'process'>;
    return { process: child, postmaster, directory };
  }
  throw new Error('The other process did not start a server.');
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pg-'));
  // The user that runs the server passes.
  await chmod(path, 0o755);
  return {
    path,
    [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }),
  };
}

// Node starts in other processes, which takes its time on a busy machine.
describe('startPostgres cleans up', { timeout: 120_000 }, () => {
  test('a server does not outlive a process that is killed', async () => {
    await using temporary = await temporaryDirectory();
    const owner = await startInOtherProcess(temporary.path);
    expect(processStart(owner.postmaster)).not.toBeNull();
    await kill(owner.process);
    await expect.poll(() => processStart(owner.postmaster)).toBeNull();
    await expect.poll(() => existsSync(owner.directory)).toBe(false);
  });

  test('what is left when the watcher dies too is removed by the next start', async () => {
    await using temporary = await temporaryDirectory();
    const owner = await startInOtherProcess(temporary.path);
    const watcher = childrenOf(owner.process.pid ?? 0).find((pid) =>
      commandLine(pid).startsWith('/bin/sh'),
    );
    if (watcher === undefined) throw new Error('There is no watcher.');
    process.kill(watcher, 'SIGKILL');
    await kill(owner.process);
    expect(processStart(owner.postmaster)).not.toBeNull();
    await reapLeftovers(dirname(owner.directory));
    expect(existsSync(owner.directory)).toBe(false);
    expect(processStart(owner.postmaster)).toBeNull();
  });

  test('what belongs to a living process stays, also to one that has the id of a dead one', async () => {
    await using temporary = await temporaryDirectory();
    const start = processStart(process.pid) ?? '';
    const living = `cluster-${process.pid}-${start}-aaaaaaaa`;
    const others = [`making-${process.pid}-${Number(start) + 1}-bbbbbbbb`, 'template-18.4-1'];
    for (const name of [living, ...others]) mkdirSync(join(temporary.path, name));
    await reapLeftovers(temporary.path);
    expect(readdirSync(temporary.path).toSorted()).toEqual([living, 'template-18.4-1']);
  });

  test('processes that start at once on a new machine make one template and disturb nobody', async () => {
    await using temporary = await temporaryDirectory();
    const owners = await Promise.all([1, 2, 3].map(() => startInOtherProcess(temporary.path)));
    const base = dirname(owners[0]?.directory ?? '');
    const names = readdirSync(base).map((name) => name.replace(/-.*/, ''));
    expect(names.toSorted()).toEqual(['cluster', 'cluster', 'cluster', 'template']);
    await Promise.all(owners.map(async (owner) => kill(owner.process)));
    await expect.poll(() => readdirSync(base).length).toBe(1);
  });

  test('nothing is left of servers that were disposed of', async () => {
    const server = await startPostgres({ major });
    const base = dirname(server.socketDirectory);
    await server[Symbol.asyncDispose]();
    const mine = readdirSync(base).filter((name) => name.startsWith(`cluster-${process.pid}-`));
    expect(mine).toEqual([]);
    await expect
      .poll(() => childrenOf(process.pid).filter((pid) => commandLine(pid).startsWith('/bin/sh')))
      .toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('shared memory', () => {
  test('none is left of a server that was killed and not started again', async () => {
    const server = await startPostgres({ major });
    const pidFile = readFileSync(join(server.dataDirectory, 'postmaster.pid'), 'utf8');
    const id = Number(pidFile.split('\n')[6]?.trim().split(/\s+/)[1]);
    const segments = (): number[] =>
      readFileSync('/proc/sysvipc/shm', 'utf8')
        .split('\n')
        .map((line) => Number(line.trim().split(/\s+/)[1]));
    expect(segments()).toContain(id);
    await server.crash();
    expect(segments()).toContain(id);
    await server[Symbol.asyncDispose]();
    expect(segments()).not.toContain(id);
  });

  test('a server puts none beside its data directory', async () => {
    await using server = await startPostgres({ major });
    const [row] = await server.query<{ type: string }>(
      "SELECT current_setting('dynamic_shared_memory_type') AS type",
    );
    expect(row?.type).toBe('mmap');
  });
});
