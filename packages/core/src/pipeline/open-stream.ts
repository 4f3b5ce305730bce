import type { CheckpointStore, StoredCheckpoint } from '../checkpoint/checkpoint.ts';
import { CdcError } from '../errors/cdc-error.ts';
import type { ChangeSource, ChangeStream } from '../source/change-source.ts';
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
  source: Pick<ChangeSource<Row>, 'open'>,
  options: {
    readonly name: string;
    readonly checkpoints: Pick<CheckpointStore, 'load'>;
  },
  signal: AbortSignal,
  emit: (event: PipelineEvent) => void,
): Promise<OpenedStream<Row>> {
  let stored = await options.checkpoints.load(options.name, { signal });
  for (;;) {
    signal.throwIfAborted();
    const before = stored?.revision ?? null;
    const stream = await openOrRefuse(source, stored, signal, emit);
    try {
      stored = await options.checkpoints.load(options.name, { signal });
      signal.throwIfAborted();
    } catch (error) {
      if (stream.ok) await stream.value[Symbol.asyncDispose]();
      throw error;
    }
    if ((stored?.revision ?? null) === before) {
      if (stream.ok) return { stream: stream.value, stored };
      throw stream.error;
    }
    if (stream.ok) await stream.value[Symbol.asyncDispose]();
  }
}

type Opened<Row extends object> =
  | { readonly ok: true; readonly value: ChangeStream<Row> }
  | { readonly ok: false; readonly error: unknown };

/** A refusal is kept for a moment: a checkpoint that is out of date by now looks like a gap. */
async function openOrRefuse<Row extends object>(
  source: Pick<ChangeSource<Row>, 'open'>,
  stored: StoredCheckpoint | null,
  signal: AbortSignal,
  emit: (event: PipelineEvent) => void,
): Promise<Opened<Row>> {
  try {
    const after = stored?.checkpoint ?? null;
    return {
      ok: true,
      value: await source.open({ after, savedAtMs: stored?.savedAtMs, signal, onEvent: emit }),
    };
  } catch (error) {
    if (!(CdcError.is(error) && error.code.startsWith('GAP_'))) throw error;
    return { ok: false, error };
  }
}
