import { memoryCheckpointStore, memorySink, memorySource } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { ConfigurationError } from '../errors/configuration-error.ts';
import { createPipeline } from './create-pipeline.ts';
import { normalizePipelineOptions } from './normalize-options.ts';
import type { PipelineOptions } from './options.ts';

const source = memorySource({ checkpoints: memoryCheckpointStore() });
const sink = memorySink({ maxBatchItems: 100 });

const WRONG: readonly (readonly [unknown, string])[] = [
  [{ concurrency: -1 }, 'Expected `concurrency` to be a positive integer, got `-1` (number).'],
  [{ concurrency: 1.5 }, 'Expected `concurrency` to be a positive integer, got `1.5` (number).'],
  [{ batch: { maxItems: Infinity } }, 'Expected `batch.maxItems` to be a positive integer'],
  [{ batch: { lingerMs: 0 } }, 'Expected `batch.lingerMs` to be a positive integer or `false`'],
  [{ batch: 5 }, 'Expected `batch` to be an object, got `5` (number).'],
  [{ retry: { maxDelayMs: 700_000 } }, 'Expected `retry.maxDelayMs` to be at most 600000'],
  [
    { retry: { budget: { ration: 1 } } },
    'no option `retry.budget.ration`. Did you mean `retry.budget.ratio`?',
  ],
  [{ concurency: 2 }, 'There is no option `concurency`. Did you mean `concurrency`?'],
  [
    { onRejected: 'skip' },
    "Expected `onRejected` to be 'halt' or 'park', got a string of 4 characters.",
  ],
  [{ onEvent: {} }, 'Expected `onEvent` to be a function'],
  [{ checkpoints: { load() {} } }, 'Expected `checkpoints` to have a method `save`.'],
  [{ name: '' }, 'Expected `name` to be a text of 1 to 200 characters.'],
  [{ onRejected: 'park' }, '`onRejected: "park"` needs `deadLetters`.'],
];

describe('normalizePipelineOptions', () => {
  test.each(WRONG)('refuses %j', (options, message) => {
    const make = (): unknown => createPipeline(source, sink, options as PipelineOptions);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
  });

  test('names the option when there is no place for the checkpoint', () => {
    expect(() => createPipeline(memorySource(), sink)).toThrow(
      'There is no place to keep the checkpoint. Give `checkpoints`',
    );
  });

  test('keeps to what the sink allows and never changes what it is given', () => {
    const options = Object.freeze({ batch: Object.freeze({ maxItems: 5_000 }) });
    const normalized = normalizePipelineOptions(source, sink, options);
    expect(normalized.batch).toEqual({ maxItems: 100, maxBytes: 1_000_000, lingerMs: 20 });
    expect(normalized.name).toBe('memory');
    expect(normalizePipelineOptions(source, sink, { concurrency: undefined }).concurrency).toBe(4);
  });
});
