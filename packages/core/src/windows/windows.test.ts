import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  memorySource,
  type MemoryChange,
  type MemoryFault,
  type MemorySource,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { HttpStatusError } from '../errors/delivery-error.ts';
import type { Prepared } from '../sink/sink.ts';
import { createPipeline } from '../pipeline/create-pipeline.ts';
import { shareSource } from '../share/share-source.ts';
import type { PipelineOptions } from '../pipeline/options.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { CheckpointSpan, EventCounts, WindowStore } from './window-store.ts';

const QUICK = { checkpointIntervalMs: 1, batch: { lingerMs: 1, maxItems: 7 } } as const;
const STEPS = ['stage', 'staged', 'save', 'saved', 'acknowledge', 'settle'] as const;

type Step = (typeof STEPS)[number];

/** Keeps what was staged, and does something at a step. */
function recordingStore(
  at: (step: Step) => Promise<void> = () => Promise.resolve(),
): WindowStore & {
  readonly spans: Map<string, CheckpointSpan>;
} {
  const spans = new Map<string, CheckpointSpan>();
  return {
    spans,
    begin: () => Promise.resolve(),
    async stage(span) {
      await at('stage');
      spans.set(span.revision, span);
      await at('staged');
    },
    saved: () => at('settle'),
    close: () => Promise.resolve(),
  };
}

/** The spans that lead to the stored checkpoint, oldest first. */
function counted(
  spans: ReadonlyMap<string, CheckpointSpan>,
  stored: string | null | undefined,
): readonly CheckpointSpan[] {
  const path: CheckpointSpan[] = [];
  for (let revision = stored ?? null; revision !== null;) {
    const span = spans.get(revision);
    if (span === undefined) throw new Error('A span is missing.');
    path.unshift(span);
    revision = span.replaces;
  }
  return path;
}

function total(spans: readonly CheckpointSpan[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { counts } of spans) {
    for (const { captured, delivered, operation, parked, skipped, table } of counts) {
      expect(captured).toBe(delivered + skipped + parked);
      sums[`${table} ${operation}`] = (sums[`${table} ${operation}`] ?? 0) + captured;
    }
  }
  return sums;
}

function committed(source: MemorySource): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const event of source.committed) {
    const name = 'table' in event ? `public.${event.table.name} ${event.operation}` : '';
    sums[name] = (sums[name] ?? 0) + 1;
  }
  return sums;
}

async function counts(
  changes: readonly MemoryChange[],
  options: PipelineOptions & { readonly faults?: MemoryFault } = {},
  prepare?: (event: { readonly id: string }) => readonly Prepared<never>[],
): Promise<readonly EventCounts[]> {
  const { faults, ...more } = options;
  const windows = recordingStore();
  const checkpoints = memoryCheckpointStore();
  const source = memorySource({ checkpoints, deadLetters: memoryDeadLetterStore() });
  const sink = memorySink({
    ...(faults === undefined ? {} : { faults }),
    ...(prepare === undefined ? {} : { prepare }),
  });
  const pipeline = createPipeline(source, sink, { ...QUICK, windows, ...more });
  await pipeline.start();
  source.push(changes);
  await pipeline.caughtUp();
  await pipeline.drain();
  const spans = counted(windows.spans, checkpoints.peek('memory')?.revision);
  return spans.flatMap((span) => span.counts);
}

function row(operation: 'insert' | 'update' | 'delete', id: number, table = 'items'): MemoryChange {
  return { operation, table, key: { id }, after: { id, value: id } };
}

describe('createPipeline with windows', () => {
  test('counts each event by table and operation, and what became of it', async () => {
    const changes: readonly MemoryChange[] = [
      row('insert', 1),
      row('insert', 2),
      row('update', 1),
      row('insert', 1, 'other'),
      { operation: 'truncate', table: 'other' },
      { operation: 'message', prefix: 'p', content: 'c' },
    ];
    const none = { skipped: 0, parked: 0 };
    expect(await counts(changes)).toEqual([
      { table: '$messages', operation: 'message', captured: 1, delivered: 1, ...none },
      { table: 'public.items', operation: 'insert', captured: 2, delivered: 2, ...none },
      { table: 'public.items', operation: 'update', captured: 1, delivered: 1, ...none },
      { table: 'public.other', operation: 'insert', captured: 1, delivered: 1, ...none },
      { table: 'public.other', operation: 'truncate', captured: 1, delivered: 1, ...none },
    ]);
  });

  test('tells what the filter, the mapper and the sink skip, and what was parked with what waits behind it', async () => {
    const error = new HttpStatusError(422, 'Unprocessable.');
    const found = await counts(
      [row('insert', 1), row('insert', 2), row('insert', 3), row('update', 1), row('update', 2)],
      {
        onRejected: 'park',
        filter: (event) => !('key' in event) || event.key['id'] !== 3,
        faults: ({ apply, items }) => {
          apply(items);
          return items.map(({ lane }) =>
            lane.includes('"id":1')
              ? { type: 'rejected', error, scope: 'item' }
              : { type: 'skipped', reason: 'a rule' },
          );
        },
      },
    );
    expect(found).toEqual([
      {
        table: 'public.items',
        operation: 'insert',
        captured: 3,
        delivered: 0,
        skipped: 2,
        parked: 1,
      },
      {
        table: 'public.items',
        operation: 'update',
        captured: 2,
        delivered: 0,
        skipped: 1,
        parked: 1,
      },
    ]);
  });

  test('an event that cannot be mapped counts as parked, one of two items counts once', async () => {
    const two = (event: { readonly id: string }): readonly Prepared<never>[] => {
      if (event.id.endsWith('2')) throw new Error('cannot');
      const item = { eventId: event.id, lane: '', operation: '', version: '', payload: '' };
      return ['a', 'b'].map((lane) => ({ lane, bytes: 1, item: { ...item, lane } as never }));
    };
    const error = new HttpStatusError(422, 'Unprocessable.');
    const found = await counts(
      [row('insert', 0), row('insert', 1), row('insert', 2)],
      {
        onRejected: 'park',
        onParkedLane: 'continue',
        faults: ({ items }) =>
          items.map(({ eventId, lane }) =>
            eventId.endsWith('1') && lane === 'b'
              ? { type: 'rejected', error, scope: 'item' }
              : { type: 'delivered' },
          ),
      },
      two,
    );
    expect(found).toEqual([
      {
        table: 'public.items',
        operation: 'insert',
        captured: 3,
        delivered: 1,
        skipped: 0,
        parked: 2,
      },
    ]);
  });

  test('windows that cannot be stored hold the checkpoint up, and nothing is acknowledged', async () => {
    const failure = new HttpStatusError(503, 'Away.');
    let isAway = true;
    const windows = recordingStore((step) =>
      isAway && step === 'stage' ? Promise.reject(failure) : Promise.resolve(),
    );
    const checkpoints = memoryCheckpointStore();
    const source = memorySource({ checkpoints });
    const pipeline = createPipeline(source, memorySink(), {
      ...QUICK,
      windows,
      retry: { initialDelayMs: 1, maxDelayMs: 2 },
    });
    await pipeline.start();
    source.push([row('insert', 1)]);
    await expect.poll(() => pipeline.status().delivered).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([checkpoints.saves, source.acknowledged]).toEqual([0, null]);
    isAway = false;
    await pipeline.caughtUp();
    expect(source.acknowledged).not.toBeNull();
    await pipeline.drain();
  });

  test('stopped at every step: the spans that lead to the checkpoint have no hole, and count each event once', async () => {
    const kill: { step: Step | null; after: number; pipeline: Pipeline | null } = {
      step: null,
      after: 0,
      pipeline: null,
    };
    const at = async (step: Step): Promise<void> => {
      if (kill.step !== step) return;
      kill.after -= 1;
      if (kill.after > 0) return;
      kill.step = null;
      void kill.pipeline?.stop();
      await Promise.resolve();
      throw new Error('killed');
    };
    const windows = recordingStore(at);
    const checkpoints = memoryCheckpointStore();
    checkpoints.onSave = () => at('save');
    checkpoints.onSaved = () => at('saved');
    const source = memorySource({ checkpoints, maxBatchEvents: 3 });
    source.onAcknowledge = () => at('acknowledge');
    let delivered = 0;
    for (let round = 0; round < 60; round += 1) {
      const sink = memorySink({
        faults: ({ items }) => {
          delivered += items.length;
          return delivered % 5 === 0
            ? items.map(() => ({ type: 'retry', error: new Error('again'), inDoubt: true }))
            : null;
        },
      });
      const pipeline = createPipeline(source, sink, {
        ...QUICK,
        windows,
        retry: { initialDelayMs: 1, maxDelayMs: 2, budget: false },
        breaker: false,
      });
      kill.step = STEPS[round % STEPS.length] ?? null;
      kill.after = 1 + (round % 3);
      kill.pipeline = pipeline;
      await pipeline.start();
      for (let transaction = 0; transaction < 6; transaction += 1) {
        const size = 1 + ((round + transaction) % 7);
        source.push(
          Array.from({ length: size }, (_, id) =>
            row(id % 2 === 0 ? 'insert' : 'update', id, transaction % 2 === 0 ? 'items' : 'other'),
          ),
        );
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      // On a busy machine all of them may have been in one checkpoint: it comes to the step by further ones.
      await expect
        .poll(() => {
          const { state } = pipeline.status();
          if (state === 'running') source.push([row('update', round)]);
          return state;
        })
        .not.toBe('running');
      await pipeline.closed;
    }
    kill.step = null;
    const pipeline = createPipeline(source, memorySink(), { ...QUICK, windows });
    await pipeline.start();
    await pipeline.caughtUp();
    await pipeline.drain();
    const spans = counted(windows.spans, checkpoints.peek('memory')?.revision);
    expect(windows.spans.size).toBeGreaterThan(spans.length);
    for (const [index, span] of spans.entries()) {
      expect(span.from).toBe(spans[index - 1]?.to ?? null);
    }
    expect(total(spans)).toEqual(committed(source));
    expect(spans.at(-1)?.versions?.last).toBe(source.committed.at(-1)?.version);
  });

  test('consumers of a shared source have windows of their own, whatever the others have left', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore(), maxBatchEvents: 4 });
    const names = ['fast', 'slow'] as const;
    const kept = new Map(
      names.map((name) => [
        name,
        { windows: recordingStore(), checkpoints: memoryCheckpointStore() },
      ]),
    );
    for (let life = 0; life < 12; life += 1) {
      const isLast = life === 11;
      const shared = shareSource(source, { consumers: [...names] });
      const pipelines: Pipeline[] = [];
      for (const name of names) {
        const sink = memorySink({
          // The slow one acknowledges nothing in most lives, and is told everything again.
          faults: ({ items }) =>
            name === 'slow' && life % 3 !== 2
              ? items.map(() => ({ type: 'retry', error: new Error('later'), inDoubt: false }))
              : null,
        });
        const pipeline = createPipeline(shared.consumer(name), sink, {
          ...QUICK,
          name,
          ...kept.get(name),
          retry: { initialDelayMs: 1, maxDelayMs: 2, budget: false },
          breaker: false,
        });
        pipelines.push(pipeline);
      }
      await Promise.all(pipelines.map((pipeline) => pipeline.start()));
      for (let transaction = 0; transaction < 5; transaction += 1) {
        source.push(Array.from({ length: 1 + (life % 6) }, (_, id) => row('update', id)));
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      if (isLast) await Promise.all(pipelines.map((pipeline) => pipeline.caughtUp()));
      await Promise.all(pipelines.map((pipeline) => pipeline.stop()));
    }
    for (const [name, { checkpoints, windows }] of kept) {
      const spans = counted(windows.spans, checkpoints.peek(name)?.revision);
      for (const [index, span] of spans.entries()) {
        expect(span.from).toBe(spans[index - 1]?.to ?? null);
      }
      expect(total(spans)).toEqual(committed(source));
    }
  });
});
