import { type ChildProcess, fork } from 'node:child_process';
import { bundle } from './bundle.ts';

/** Where the client kills itself, and at which occurrence. */
export interface Failpoint {
  readonly place: string;
  readonly after: number;
}

let program: Promise<string> | undefined;

/** A pipeline in a process of its own. */
export class Client {
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #errors = '';

  private constructor(
    program: string,
    env: Readonly<Record<string, string>>,
    failpoint: Failpoint | null,
  ) {
    this.#child = fork(program, [], {
      execArgv: [],
      env: {
        ...process.env,
        ...env,
        ...(failpoint === null
          ? {}
          : {
              CAMPAIGN_FAILPOINT: failpoint.place,
              CAMPAIGN_FAILPOINT_AFTER: String(failpoint.after),
            }),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      // With an error Node shows its line, and a line of a bundle is the whole program.
      const lines = text.split('\n').filter((line) => line.length < 2_000);
      this.#errors += lines.join('\n');
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code) => resolve(code));
    });
  }

  static async start(
    env: Readonly<Record<string, string>>,
    failpoint: Failpoint | null = null,
  ): Promise<Client> {
    program ??= bundle(new URL('./client-process.ts', import.meta.url));
    return new Client(await program, env, failpoint);
  }

  /** True while nothing has ended it. */
  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the pipeline runs; rejects when the process ends before. */
  async started(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#child.once('message', () => resolve());
      this.#child.once('exit', () =>
        reject(new Error(`The client ended before it had started. ${this.#errors}`)),
      );
    });
  }

  /** Kills it and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Asks it to deliver everything and to end; does not wait. */
  askToDrain(): void {
    if (this.isAlive && this.#child.connected) this.#child.send('drain', () => {});
  }

  /** Asks it to finish what it has read and to end; does not wait. */
  askToStop(): void {
    if (this.isAlive && this.#child.connected) this.#child.send('stop', () => {});
  }

  /** Waits for an orderly end; throws otherwise. */
  async ended(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeoutMs);
    });
    const code = await Promise.race([this.exited, late]);
    clearTimeout(timer);
    if (code === 'late') {
      await this.kill();
      throw new Error(`The client did not drain within ${timeoutMs} ms. ${this.#errors}`);
    }
    if (code !== 0) throw new Error(`The client ended with ${String(code)}. ${this.#errors}`);
  }
}
