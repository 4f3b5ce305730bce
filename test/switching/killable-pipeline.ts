import { type ChildProcess, fork } from 'node:child_process';
import type { CertyoEmulator } from '@certyo-cdc/testing';
import { bundle } from '../campaigns/support/bundle.ts';
import type { Switchable } from './sources.ts';

let program: Promise<string> | undefined;

/** A pipeline in a process of its own. */
export class KillablePipeline {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #errors = '';

  private constructor(path: string, env: Readonly<Record<string, string>>) {
    this.#child = fork(path, [], {
      execArgv: [],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const lines = text.split('\n').filter((line) => line.length < 2_000);
      this.#errors += lines.join('\n');
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code) => resolve(code));
    });
  }

  /** Resolves when it runs; rejects when it ends before. With `windowMs` it keeps windows of completeness. */
  static async start(
    source: Switchable,
    replaces: Switchable | null,
    connection: string,
    certyo: CertyoEmulator,
    windowMs: number = 0,
  ): Promise<KillablePipeline> {
    program ??= bundle(new URL('./pipeline-process.ts', import.meta.url));
    const started = new KillablePipeline(await program, {
      ...certyo.environment,
      PG_DSN: connection,
      SWITCH_SOURCE: source,
      SWITCH_REPLACES: replaces ?? '',
      WINDOW_MS: String(windowMs),
    });
    await started.#said('started');
    return started;
  }

  /** Resolves when it has delivered everything that was committed before. */
  async caughtUp(): Promise<void> {
    this.#child.send('catch up');
    await this.#said('caught up');
  }

  /** Lets it finish what it has taken. */
  async drain(): Promise<void> {
    this.#child.send('drain');
    const code = await this.#exited;
    if (code !== 0) throw new Error(`The pipeline ended with ${String(code)}. ${this.#errors}`);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #said(wanted: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#child.on('message', (message) => {
        if (message === wanted) resolve();
      });
      void this.#exited.then(() =>
        reject(new Error(`The pipeline ended before it had said "${wanted}". ${this.#errors}`)),
      );
    });
  }
}
