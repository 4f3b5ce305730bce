import type { ChangeSource, OpenOptions, SourceEvent } from '@certyo-cdc/core';
import type { HintedStream, RowHint } from '@certyo-cdc/postgres';
import { memorySource, type MemorySource } from '@certyo-cdc/testing';

/** A source in memory that notes the hints and nudges that it gets. */
export interface RecordingSource extends ChangeSource {
  readonly memory: MemorySource;
  readonly offers: RowHint[];
  nudges: number;
  /** What `offer` answers. */
  takes: boolean;
  /** Called when the stream is asked to catch up. */
  onCaughtUp: (() => Promise<void>) | null;
  /** Called as soon as the stream is open. */
  onOpened: (() => Promise<void>) | null;
  readonly events: SourceEvent[];
}

export function recordingSource(): RecordingSource {
  const memory = memorySource();
  const source: RecordingSource = {
    name: memory.name,
    kind: memory.kind,
    memory,
    offers: [],
    nudges: 0,
    takes: true,
    onCaughtUp: null,
    onOpened: null,
    events: [],
    async open(options: OpenOptions): Promise<HintedStream> {
      const stream = await memory.open(options);
      await source.onOpened?.();
      return {
        [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
        checkpoint: (end) => stream.checkpoint(end),
        acknowledge: (end) => stream.acknowledge(end),
        lag: () => stream.lag(),
        caughtUp: async (caughtUp) => {
          await source.onCaughtUp?.();
          await stream.caughtUp(caughtUp);
        },
        nudge: () => {
          source.nudges += 1;
        },
        offer: (hint) => {
          source.offers.push(hint);
          return source.takes;
        },
        [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
      };
    },
  };
  return source;
}
