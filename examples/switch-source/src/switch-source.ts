import type { Pipeline } from '@certyo-cdc/core';

/** A source that makes what it needs in the database. */
export interface PreparedSource {
  setup(): Promise<readonly string[]>;
}

/**
 * Puts another source into the place of the one that runs, without losing a change. The order is what matters.
 *
 * @param makePipeline Makes a pipeline of the same name over the next source, which has `replaces` set to the old one's kind.
 */
export async function switchSource<Source extends PreparedSource>(
  running: Pipeline,
  next: Source,
  makePipeline: (source: Source) => Pipeline,
): Promise<Pipeline> {
  // The next source captures from here on, while the old one still runs: from now on changes are seen by both.
  await next.setup();
  // The old one delivers everything that was committed before that.
  await running.caughtUp();
  // It takes nothing more, and its last checkpoint is saved. Others may write all the time.
  await running.drain();
  const pipeline = makePipeline(next);
  await pipeline.start();
  return pipeline;
}
