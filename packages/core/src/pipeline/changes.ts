import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { ConfigurationError } from '../errors/configuration-error.ts';
import type { ChangeEvent } from '../event/change-event.ts';
import type { JsonRow } from '../event/json.ts';
import { assertMethods, OptionReader } from '../internal/read-options.ts';
import type { ChangeSource } from '../source/change-source.ts';
import { AckTracker } from './ack-tracker.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { Conditions } from './conditions.ts';
import { openStream } from './open-stream.ts';
import { SYSTEM_TIME } from './time.ts';

/** Options of `changes`. */
export interface ChangesOptions {
  /** Ends the iteration: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Where the checkpoint is kept. Stays open. @default the source's own store */
  readonly checkpoints?: CheckpointStore | undefined;
  /**
   * Name under which the checkpoint is kept.
   * @default the source's name
   */
  readonly name?: string | undefined;
  /**
   * Least time between two saved checkpoints, milliseconds.
   * @default 1_000
   */
  readonly checkpointIntervalMs?: number | undefined;
}

interface Settings {
  readonly name: string;
  readonly checkpoints: CheckpointStore;
  readonly checkpointIntervalMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Iterates over the changes of a source one by one, at least once each, in commit order.
 *
 * A change counts as safe when the next one is asked for. Leaving the loop saves and acknowledges the newest end that
 * the source gave behind changes that were all passed: sources give one for several small transactions that came
 * together. What lies behind it, the change at which the loop is left among it, comes again. To leave a loop that waits
 * for the next change, abort the signal.
 *
 * @throws {ConfigurationError} There is no place to keep the checkpoint.
 * @example
 * for await (const event of changes(source)) {
 *   if (isRowChange(event)) await index(event.table.name, event.after);
 * }
 */
export function changes<Row extends object = JsonRow>(
  source: ChangeSource<Row>,
  options: ChangesOptions = {},
): AsyncIterableIterator<ChangeEvent<Row>> {
  assertMethods('source', source, ['open']);
  const names = ['signal', 'checkpoints', 'name', 'checkpointIntervalMs'];
  const reader = new OptionReader('', options, names);
  reader.assertMethods('checkpoints', ['load', 'save']);
  const checkpoints = options.checkpoints ?? source.checkpoints;
  if (checkpoints === undefined) {
    throw new ConfigurationError('checkpoints', 'There is no place to keep the checkpoint.', {
      remedy: 'Give `checkpoints`, or a source that has a store of its own.',
    });
  }
  return iterate(source, {
    name: options.name ?? source.name,
    checkpoints,
    checkpointIntervalMs: reader.positiveInteger('checkpointIntervalMs', 1_000),
    signal: options.signal,
  });
}

async function* iterate<Row extends object>(
  source: ChangeSource<Row>,
  settings: Settings,
): AsyncGenerator<ChangeEvent<Row>, void, undefined> {
  settings.signal?.throwIfAborted();
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(settings.signal?.reason);
  settings.signal?.addEventListener('abort', onAbort, { once: true });
  const { signal } = abort;
  const tracker = new AckTracker();
  const conditions = new Conditions();
  const writes = new Set<Promise<void>>();
  const context = {
    options: {
      ...settings,
      windows: null,
      sourceName: source.name,
      idleCheckpointIntervalMs: Math.max(settings.checkpointIntervalMs, 30_000),
      retry: { initialDelayMs: 200, maxDelayMs: 30_000, maxAttempts: false, budget: false },
      time: SYSTEM_TIME,
      random: Math.random,
    },
    tracker,
    conditions,
    signal,
    emit: () => {},
    background: (work: Promise<void>): void => {
      const tracked = work
        .catch((error: unknown) => {
          abort.abort(error);
          conditions.close(error);
        })
        .finally(() => writes.delete(tracked));
      writes.add(tracked);
    },
  } as const;
  try {
    const { stored, stream } = await openStream(source, context.options, signal, () => {});
    const writer = new CheckpointWriter(context, stream, stored);
    try {
      // Not by `for await`: leaving it would close the stream before the last end is acknowledged.
      const iterator = stream[Symbol.asyncIterator]();
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        const batch = next.value;
        const entry = tracker.open(batch.events.length, batch.bytes, batch.end, Date.now());
        for (const event of batch.events) {
          signal.throwIfAborted();
          yield event;
        }
        tracker.finish(entry);
        writer.poke();
      }
      signal.throwIfAborted();
    } finally {
      try {
        if (!signal.aborted) {
          writer.hurry();
          await conditions.until(() => writer.isIdle, signal);
        }
      } finally {
        writer.stop();
        await Promise.allSettled(writes);
        await stream[Symbol.asyncDispose]();
      }
    }
  } finally {
    settings.signal?.removeEventListener('abort', onAbort);
    await Promise.allSettled([source.checkpoints?.close(), source.deadLetters?.close()]);
  }
}
