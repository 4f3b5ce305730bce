import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { StopMode } from './postgres-server.ts';
import { childrenOf, processStart } from './process-table.ts';
import { SERVER_ENVIRONMENT, SERVER_USER } from './server-user.ts';

const STOP_SIGNALS: Readonly<Record<StopMode, NodeJS.Signals>> = {
  smart: 'SIGTERM',
  fast: 'SIGINT',
  immediate: 'SIGQUIT',
};

const POLL_MS = 2;
const START_TIMEOUT_MS = 60_000;

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** One run of the server's first process. */
export class Postmaster {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #failure: Error | null = null;
  #isGone = false;

  constructor(program: string, data: string, logFile: string) {
    const log = openSync(logFile, 'a');
    try {
      // Of its own session: Ctrl-C in a terminal goes to the tests, which may want the server still.
      this.#child = spawn(program, ['-D', data], {
        ...SERVER_USER,
        env: SERVER_ENVIRONMENT,
        cwd: '/',
        detached: true,
        stdio: ['ignore', log, log],
      });
    } finally {
      closeSync(log);
    }
    this.#exited = new Promise((resolve) => {
      const gone = (): void => {
        this.#isGone = true;
        resolve();
      };
      this.#child.once('exit', gone);
      this.#child.once('error', (error) => {
        this.#failure = error;
        gone();
      });
    });
    // A forgotten server does not keep the process alive; the watcher stops it afterwards.
    this.#child.unref();
  }

  get pid(): number | null {
    return this.#isGone ? null : (this.#child.pid ?? null);
  }

  /** Resolves true when connections are taken, false when the server gave up. */
  async ready(data: string, signal: AbortSignal | null): Promise<boolean> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!this.#isGone) {
      signal?.throwIfAborted();
      if (this.#saysReady(data)) return true;
      if (Date.now() > deadline) {
        throw new Error(`PostgreSQL did not take connections within ${START_TIMEOUT_MS} ms.`);
      }
      await sleep(POLL_MS);
    }
    if (this.#failure !== null) throw this.#failure;
    return false;
  }

  #saysReady(data: string): boolean {
    let lines: string[];
    try {
      lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    } catch {
      return false;
    }
    // A server that was killed leaves a file that says ready: it counts with our own id only.
    return Number(lines[0]) === this.#child.pid && (lines[7] ?? '').startsWith('ready');
  }

  async stop(mode: StopMode, timeoutMs: number): Promise<void> {
    const { pid } = this;
    if (pid === null) return;
    send(pid, STOP_SIGNALS[mode]);
    await this.#gone(timeoutMs, `the \`${mode}\` stop`);
  }

  /** SIGKILL to all processes of the server at once. */
  async kill(): Promise<void> {
    const { pid } = this;
    if (pid === null) return;
    // Held, it starts no child that the list does not have. It dies last: a child that sees it die
    // would say goodbye to its client.
    send(pid, 'SIGSTOP');
    const all = [...childrenOf(pid), pid].map((id) => ({ id, start: processStart(id) }));
    for (const { id } of all) send(id, 'SIGKILL');
    await this.#gone(START_TIMEOUT_MS, 'SIGKILL');
    for (const { id, start } of all) {
      while (start !== null && processStart(id) === start) await sleep(POLL_MS);
    }
  }

  signalAll(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const { pid } = this;
    if (pid === null) return;
    const children = childrenOf(pid);
    for (const id of signal === 'SIGSTOP' ? [pid, ...children] : [...children, pid]) {
      send(id, signal);
    }
  }

  async #gone(timeoutMs: number, after: string): Promise<void> {
    // The child is unreferenced: the timer keeps the process alive for the wait.
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`PostgreSQL still ran ${timeoutMs} ms after ${after}.`));
      }, timeoutMs);
    });
    try {
      await Promise.race([this.#exited, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
