/** A pipeline that goes on running while its parent writes rows, and measures itself when it is asked to. */
import { certyoSink, createPipeline, type Pipeline } from '@certyo-cdc/core';
import { benchSource } from './bench-source.ts';
import { startMeter, type Usage } from './meter.ts';
import type { RunningPipelineOptions, RunningUsage } from './running-pipeline.ts';
import { serveParent } from './serve-parent.ts';

const ANYBODY = { apiKey: 'key-of-the-benchmark', tenantId: 'tenant-of-the-benchmark' };

let pipeline: Pipeline | null = null;
let stop: (() => Usage) | null = null;

function usage(): RunningUsage {
  if (pipeline === null || stop === null) throw new Error('It has not begun.');
  return {
    ...stop(),
    delivered: pipeline.status().delivered,
    rssBytes: process.memoryUsage.rss(),
  };
}

serveParent({
  start: async ({
    account = ANYBODY,
    lingerMs,
    maxItems,
    receiver,
    source,
  }: RunningPipelineOptions): Promise<void> => {
    pipeline = createPipeline(benchSource(source), certyoSink({ baseUrl: receiver, ...account }), {
      batch: { lingerMs, maxItems },
    });
    // What stops it later is what the parent's next question fails with.
    void pipeline.closed.then((error) => {
      if (error !== null) throw error;
    });
    await pipeline.start();
    stop = startMeter();
  },
  begin: (): void => {
    stop = startMeter();
  },
  caughtUp: async (): Promise<RunningUsage> => {
    await pipeline?.caughtUp();
    return usage();
  },
  now: usage,
  drain: async (): Promise<void> => {
    await pipeline?.drain();
  },
});
