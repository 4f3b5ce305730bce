import { type ChildProcess, fork } from 'node:child_process';
import { basename } from 'node:path';
import { bundle } from './bundle.ts';
import type { Answer, Question } from './serve-parent.ts';

/** A folder for a CPU profile of each child; figures that are taken with it are none. */
const PROFILES: string | undefined = process.env['CERTYO_BENCH_PROFILES'];

interface Waiting {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Where and how a child runs. */
export interface MeasuredProcessOptions {
  readonly signal: AbortSignal;
  /** Options of Node, such as `--max-old-space-size=…`. @default none */
  readonly nodeOptions?: readonly string[] | undefined;
}

/**
 * A child that does the work of a variant and measures itself around it (`startMeter`): a process of its own, bundled
 * JavaScript, nothing of the others in its heap. Killed when it is disposed of.
 */
export class MeasuredProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  readonly #signal: AbortSignal;
  #errors = '';
  #asked = 0;

  private constructor(program: string, { nodeOptions = [], signal }: MeasuredProcessOptions) {
    this.#signal = signal;
    this.#child = fork(program, [], {
      execArgv: [
        ...nodeOptions,
        ...(PROFILES === undefined ? [] : profileOptions(program, PROFILES)),
      ],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4_000);
    });
    this.#child.on('message', (answer: Answer) => this.#answered(answer));
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, killedBy) => {
        const text = `The child ended with ${String(code ?? killedBy)}. ${this.#errors}`;
        for (const { reject } of this.#waiting.values())
          reject(signal.aborted ? signal.reason : new Error(text));
        this.#waiting.clear();
        resolve();
      });
    });
    signal.addEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    this.#child.kill('SIGKILL');
  };

  /** Starts the program that this file holds; it has called `serveParent`. */
  static async start(entry: URL, options: MeasuredProcessOptions): Promise<MeasuredProcess> {
    return new MeasuredProcess(await bundle(entry), options);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Freezes it, or lets it go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name);
  }

  /** Has the child do something, and waits for what came of it. */
  async ask<Output>(name: string, input: unknown = null): Promise<Output> {
    this.#signal.throwIfAborted();
    this.#asked += 1;
    const question: Question = { id: this.#asked, name, input };
    const output = await new Promise<unknown>((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new Error(`The child is gone. ${this.#errors}`));
        return;
      }
      this.#waiting.set(question.id, { resolve, reject });
      this.#child.send(question, (error) => {
        if (error !== null) reject(error);
      });
    });
    return output as Output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    // Without its parent it exits by itself, and writes its profile then.
    if (PROFILES !== undefined && this.#child.connected) this.#child.disconnect();
    else this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (waiting === undefined) return;
    if ('error' in answer) waiting.reject(new Error(`${answer.error}\n${this.#errors}`));
    else waiting.resolve(answer.output);
  }
}

/** Starts a child, asks it one thing and ends it. */
export async function askOnce<Output>(
  entry: URL,
  name: string,
  input: unknown,
  options: MeasuredProcessOptions,
): Promise<Output> {
  await using child = await MeasuredProcess.start(entry, options);
  return await child.ask<Output>(name, input);
}

function profileOptions(program: string, folder: string): readonly string[] {
  const name = `${basename(program, '.mjs')}-${Date.now()}.cpuprofile`;
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}`];
}
