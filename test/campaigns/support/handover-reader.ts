import { type ChildProcess, fork } from 'node:child_process';
import type { Checkpoint } from '@certyo-cdc/core';
import type { ReplicationSourceOptions } from '@certyo-cdc/replication';
import { bundle } from './bundle.ts';
import type { ToldBatch } from './handover-witness.ts';

let program: Promise<string> | undefined;

/** One life of a reader, in a process of its own. */
export class HandoverReader {
  /** Resolves when it is gone and everything that it has told has arrived. */
  readonly closed: Promise<void>;
  /** Resolves when it begins to read, or is gone. */
  readonly begun: Promise<void>;
  readonly #child: ChildProcess;
  #errors = '';
  #isKilled = false;

  private constructor(
    path: string,
    env: Readonly<Record<string, string>>,
    onBatch: (batch: ToldBatch) => boolean,
  ) {
    const child = fork(path, [], {
      execArgv: [],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      // With an error Node shows its line, and a line of a bundle is the whole program.
      this.#errors += text
        .split('\n')
        .filter((line) => line.length < 2_000)
        .join('\n');
    });
    this.begun = new Promise((resolve) => {
      child.once('message', () => resolve());
      child.once('close', () => resolve());
    });
    child.on('message', (message) => {
      if (message === 'begun') return;
      const isKept = onBatch(message as ToldBatch);
      if (child.connected) child.send({ isKept }, () => {});
    });
    this.closed = new Promise((resolve, reject) => {
      child.once('close', (code) => {
        if (this.#isKilled || code === 0) resolve();
        else reject(new Error(`The reader ended with ${String(code)}. ${this.#errors}`));
      });
    });
    this.closed.catch(() => undefined);
  }

  /** @param onBatch Takes what it tells; true when the checkpoint of the batch is kept. */
  static async start(
    options: ReplicationSourceOptions,
    after: Checkpoint | null,
    onBatch: (batch: ToldBatch) => boolean,
  ): Promise<HandoverReader> {
    program ??= bundle(new URL('./handover-process.ts', import.meta.url));
    const env = {
      HANDOVER_OPTIONS: JSON.stringify(options),
      HANDOVER_AFTER: JSON.stringify(after),
    };
    return new HandoverReader(await program, env, onBatch);
  }

  /** Kills it, in the middle of whatever it does. */
  kill(): void {
    this.#isKilled = true;
    this.#child.kill('SIGKILL');
  }

  /** Asks it to tell everything that is left and to end. */
  finish(): void {
    if (this.#child.connected) this.#child.send({ finish: true }, () => {});
  }
}
