import type { CheckpointStore } from '@certyo-cdc/core';

import type { WindowProblem } from './chain-check.ts';
import type { PostgresWindowStore } from './postgres-window-store.ts';

/** A chain and its checkpoint are read one after the other: a pipeline that goes on may save between the two. */
const TRIES = 100;

/**
 * Whether the chain, with what is staged behind its end, leads to the checkpoint that the pipeline has saved. It does at any moment,
 * so where it does not windows were taken off its end, or the pipeline has run without them.
 */
export async function checkReach(
  windows: Pick<PostgresWindowStore, 'leadsTo' | 'end'>,
  checkpoints: Pick<CheckpointStore, 'load'>,
  pipeline: string,
  options: { readonly signal: AbortSignal },
): Promise<WindowProblem | null> {
  for (let tried = 1; ; tried += 1) {
    const stored = await checkpoints.load(pipeline, options);
    if (await windows.leadsTo(pipeline, stored, options)) return null;
    const again = await checkpoints.load(pipeline, options);
    if (tried < TRIES && again?.revision !== stored?.revision) continue;
    const number = ((await windows.end(pipeline, options))?.number ?? 0) + 1;
    const detail =
      'What lies between the end of the chain and the checkpoint of the pipeline is not counted: windows were removed there, or the pipeline has run without them since.';
    return { number, kind: 'unreached', detail };
  }
}
