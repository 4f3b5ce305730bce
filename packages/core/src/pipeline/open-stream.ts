import type { StoredCheckpoint } from '../checkpoint/checkpoint.ts';
import type { ChangeSource, ChangeStream } from '../source/change-source.ts';
import type { NormalizedPipelineOptions } from './normalize-options.ts';
import type { PipelineEvent } from './pipeline-event.ts';

/** An open stream and the checkpoint that it goes on from. */
export interface OpenedStream<Row extends object> {
  readonly stream: ChangeStream<Row>;
  readonly stored: StoredCheckpoint | null;
}

/**
 * Opens the source where the stored checkpoint says.
 *
 * Opening may have waited for another process to let go (a standby): when the checkpoint has changed meanwhile, the
 * stream is opened again from the new one.
 */
export async function openStream<Row extends object>(
  source: ChangeSource<Row>,
  options: Pick<NormalizedPipelineOptions<Row>, 'checkpoints' | 'name'>,
  signal: AbortSignal,
  emit: (event: PipelineEvent) => void,
): Promise<OpenedStream<Row>> {
  let stored = await options.checkpoints.load(options.name, { signal });
  for (;;) {
    signal.throwIfAborted();
    const after = stored?.checkpoint ?? null;
    const stream = await source.open({ after, signal, onEvent: emit });
    try {
      const latest = await options.checkpoints.load(options.name, { signal });
      signal.throwIfAborted();
      if ((latest?.revision ?? null) === (stored?.revision ?? null)) return { stream, stored };
      stored = latest;
    } catch (error) {
      await stream[Symbol.asyncDispose]();
      throw error;
    }
    await stream[Symbol.asyncDispose]();
  }
}
