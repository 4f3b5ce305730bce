import { type ChildProcess, fork } from 'node:child_process';
import { bundle } from '../campaigns/support/bundle.ts';

let program: Promise<string> | undefined;

/** Which database and slot an instance reads, and where its state is. */
export interface InstanceOf {
  readonly url: string;
  readonly slot: string;
  readonly stateSchema: string;
  /** Called with the payload of each change that takes effect. */
  readonly onDelivered: (payload: string) => void;
}

/** A pipeline in a process of its own. */
export class Instance implements AsyncDisposable {
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #said = new Set<string>();
  #ended: string | null | undefined;

  private constructor(path: string, of: InstanceOf) {
    this.#child = fork(path, [], {
      execArgv: [],
      env: {
        ...process.env,
        INSTANCE_URL: of.url,
        INSTANCE_SLOT: of.slot,
        INSTANCE_SCHEMA: of.stateSchema,
      },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child.on('message', (message) => {
      if (typeof message === 'string') this.#said.add(message);
      else if (isDelivery(message)) message.delivered.forEach(of.onDelivered);
      else if (isEnd(message)) this.#ended = message.ended;
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
    });
  }

  static async start(of: InstanceOf): Promise<Instance> {
    program ??= bundle(new URL('./instance-process.ts', import.meta.url));
    return new Instance(await program, of);
  }

  /** The pipeline runs. */
  get isStarted(): boolean {
    return this.#said.has('started');
  }

  /** It stands by for another instance. */
  get isWaiting(): boolean {
    return this.#said.has('waiting');
  }

  /** The code that it ended with, null where it was told to end; undefined while it has not said. */
  get ended(): string | null | undefined {
    return this.#ended;
  }

  drain(): void {
    this.#child.send('drain');
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.signal('SIGKILL');
    await this.exited;
  }
}

function isDelivery(message: unknown): message is { readonly delivered: readonly string[] } {
  return typeof message === 'object' && message !== null && 'delivered' in message;
}

function isEnd(message: unknown): message is { readonly ended: string | null } {
  return typeof message === 'object' && message !== null && 'ended' in message;
}
