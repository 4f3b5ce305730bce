import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What a program that is not ours used, as its system tells it. */
export interface ForeignUsage {
  /** User and system. Looked at every few milliseconds: what came after the last look is missing. */
  readonly cpuSeconds: number;
  readonly maxRssBytes: number;
}

const SAMPLE_MS = 20;
/** Of `/proc/<pid>/stat`: 100 everywhere that Linux runs Node. */
const TICKS_PER_SECOND = 100;

/** A program that is not ours, watched from outside (Linux; elsewhere its use is not known). */
export class ForeignProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  /** Resolves with the code with which it ended; null when it was killed. */
  readonly exited: Promise<number | null>;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal;
  #usage: ForeignUsage = { cpuSeconds: Number.NaN, maxRssBytes: Number.NaN };
  #errors = '';

  constructor(
    command: string,
    args: readonly string[],
    {
      env = {},
      onErrorText,
      signal,
    }: {
      readonly signal: AbortSignal;
      readonly env?: Readonly<Record<string, string>> | undefined;
      /** What it writes to its standard error, as it comes. */
      readonly onErrorText?: ((text: string) => void) | undefined;
    },
  ) {
    this.child = spawn(command, [...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4_000);
      onErrorText?.(text);
    });
    this.#signal = signal;
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS);
    signal.addEventListener('abort', this.#onAbort);
    this.exited = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('exit', (code) => {
        clearInterval(this.#timer);
        resolve(code);
      });
    });
  }

  readonly #onAbort = (): void => {
    this.child.kill('SIGKILL');
  };

  /** As of the last look. */
  get usage(): ForeignUsage {
    return this.#usage;
  }

  /** The end of what it has written to its standard error. */
  get errors(): string {
    return this.#errors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    clearInterval(this.#timer);
    this.child.kill('SIGKILL');
    await this.exited.catch(() => null);
  }

  #look(): void {
    try {
      const stat = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8');
      // The name stands in brackets and may hold blanks.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
      const peak = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
      this.#usage = {
        cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
        maxRssBytes: peak === undefined ? this.#usage.maxRssBytes : Number(peak) * 1024,
      };
    } catch {
      // It is gone, or there is no /proc.
    }
  }
}
