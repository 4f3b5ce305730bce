import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A pipeline in a process of its own, so that it can be killed. */
export class Worker {
  readonly #env: Readonly<Record<string, string>>;
  readonly #stderr: NodeJS.WritableStream;
  #child: ChildProcess | null = null;
  #exit: Promise<number | null> = Promise.resolve(null);

  constructor(env: Readonly<Record<string, string>>, stderr: NodeJS.WritableStream) {
    this.#env = env;
    this.#stderr = stderr;
  }

  /** Starts it; resolves when the pipeline runs. */
  async start(): Promise<void> {
    const child = fork(fileURLToPath(new URL('./pipeline-process.ts', import.meta.url)), [], {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child.stderr?.pipe(this.#stderr, { end: false });
    this.#child = child;
    this.#exit = new Promise((resolve) => {
      child.once('exit', (code) => resolve(code));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`The pipeline ended with ${String(code)}.`)));
    });
  }

  /** False once it has ended, however that came. */
  get isAlive(): boolean {
    const child = this.#child;
    return child !== null && child.exitCode === null && child.signalCode === null;
  }

  /** Kills it as a power cut would: nothing is flushed, closed or said. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exit;
  }

  /** Lets it finish everything that was committed; throws when it fails. */
  async drain(): Promise<void> {
    this.#child?.send('drain');
    const code = await this.#exit;
    if (code !== 0) throw new Error(`The pipeline ended with ${String(code)}.`);
  }
}
