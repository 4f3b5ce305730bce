import { randomUUID } from 'node:crypto';

import type {
  Checkpoint,
  CheckpointStore,
  Position,
  StoredCheckpoint,
} from '../checkpoint/checkpoint.ts';
import { CheckpointFencedError } from '../errors/store-error.ts';
import type { JsonValue } from '../event/json.ts';
import { saveWithRetry } from '../pipeline/save-with-retry.ts';
import type { PipelineTime } from '../pipeline/time.ts';

const KEY = 'sharing';
const RETRY = { initialDelayMs: 200, maxDelayMs: 30_000 } as const;

type Detached = Readonly<Record<string, Position>>;

/**
 * The position that all consumers have acknowledged, as the source's own checkpoint, with the consumers that were
 * detached in its state. The source sees it without them, so that it is the checkpoint of a plain pipeline too.
 */
export class SharedCheckpoints {
  readonly #store: CheckpointStore;
  readonly #name: string;
  readonly #time: PipelineTime;
  #revision: string | null = null;
  #detached: Detached = {};

  constructor(store: CheckpointStore, name: string, time: PipelineTime) {
    this.#store = store;
    this.#name = name;
    this.#time = time;
  }

  /** The consumers that were detached when it was saved. */
  get detached(): Detached {
    return this.#detached;
  }

  /**
   * A store that gives what was saved as the source saved it. For loading only.
   *
   * @param isFirst False when the stream is read again: then nobody else may have saved anything meanwhile.
   */
  view(isFirst: boolean): Pick<CheckpointStore, 'load'> {
    const expected = isFirst ? undefined : this.#revision;
    return {
      load: async (name, options) => {
        const stored = await this.#store.load(this.#name, options);
        const revision = stored?.revision ?? null;
        if (expected !== undefined && revision !== expected) {
          throw new CheckpointFencedError(
            `Another process has saved a checkpoint of "${name}" while the stream was being read again.`,
            { remedy: 'Stop one of the two, then start again.' },
          );
        }
        this.#revision = revision;
        this.#detached = {};
        return stored === null ? null : this.#without(stored);
      },
    };
  }

  async save(checkpoint: Checkpoint, detached: Detached, signal: AbortSignal): Promise<void> {
    const revision = randomUUID();
    const replaces = this.#revision;
    const saved = Object.keys(detached).length === 0 ? checkpoint : withKey(checkpoint, detached);
    const options = { retry: RETRY, time: this.#time, random: Math.random };
    await saveWithRetry(
      () => this.#store.save(this.#name, saved, { replaces, revision, signal }),
      options,
      signal,
    );
    this.#revision = revision;
    this.#detached = detached;
  }

  /** Takes what is ours out of the state. */
  #without(stored: StoredCheckpoint): StoredCheckpoint {
    const { state } = stored.checkpoint;
    if (!isObject(state) || !(KEY in state)) return stored;
    const { [KEY]: own, ...rest } = state;
    this.#detached = { ...(own as { readonly detached?: Detached } | undefined)?.detached };
    const isEmpty = Object.keys(rest).length === 0;
    return { ...stored, checkpoint: { ...stored.checkpoint, state: isEmpty ? null : rest } };
  }
}

function withKey(checkpoint: Checkpoint, detached: Detached): Checkpoint {
  const { state } = checkpoint;
  const known = isObject(state) ? state : {};
  return { ...checkpoint, state: { ...known, [KEY]: { detached } } };
}

function isObject(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
