import { openStream } from '../pipeline/open-stream.ts';
import type { ChangeSource } from '../source/change-source.ts';
import type { SourceEvent } from '../source/source-event.ts';
import { Generation } from './generation.ts';
import type { SharedCheckpoints } from './shared-checkpoints.ts';

/**
 * Opens the source's stream at the position that all consumers have acknowledged.
 *
 * Where none is stored yet the beginning is stored before anything is read, so that whoever acknowledges first and
 * whatever fails then, everybody begins there.
 */
export async function openGeneration<Row extends object>(parts: {
  readonly source: ChangeSource<Row>;
  readonly name: string;
  readonly checkpoints: SharedCheckpoints;
  /** False when the stream is read again. */
  readonly isFirst: boolean;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SourceEvent) => void;
}): Promise<Generation<Row>> {
  const { checkpoints, isFirst, name, onEvent, signal, source } = parts;
  const { stored, stream } = await openStream<Row>(
    { open: (options) => source.open({ ...options, onEvent }) },
    { name, checkpoints: checkpoints.view(isFirst) },
    signal,
    () => {},
  );
  const generation = await Generation.of(stream);
  try {
    signal.throwIfAborted();
    if (stored === null) {
      const checkpoint = generation.checkpoint(generation.sharing.begin);
      await checkpoints.save(checkpoint, {}, signal);
    } else {
      const behind = generation.sharing.placeBehindGap?.(stored.checkpoint) ?? null;
      generation.isBeginSaved = behind === null;
    }
    return generation;
  } catch (error) {
    await stream[Symbol.asyncDispose]();
    throw error;
  }
}
