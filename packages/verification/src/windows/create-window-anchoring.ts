import {
  type CertyoClient,
  certyoSink,
  ConfigurationError,
  createPipeline,
  type Pipeline,
  type PipelineEvent,
  recordMapper,
  type ReceiptStore,
} from '@certyo-cdc/core';
import { MAX_TIMER_MS, OptionReader } from '@certyo-cdc/core/internal';

import type { PostgresWindowStore } from './postgres-window-store.ts';
import { WINDOW_TABLE } from './window-event.ts';
import { windowSource } from './window-source.ts';
import { WINDOW_COLLECTION, windowRecord } from './window.ts';

/** Options of `createWindowAnchoring`. */
export interface WindowAnchoringOptions {
  readonly windows: PostgresWindowStore;
  /** Where the receipts of the windows go. They also say which window is the next one. */
  readonly receipts: ReceiptStore;
  /** Stays open. */
  readonly client: CertyoClient;
  /** The pipeline whose windows are anchored. */
  readonly pipeline: string;
  /** `database` of the records. @default the name of the pipeline */
  readonly database?: string | undefined;
  /** Sub-organisation, as for `certyoSink`. */
  readonly clientId?: string | undefined;
  /** Time between two looks for closed windows, milliseconds. @default 60_000 */
  readonly intervalMs?: number | undefined;
  /** Observes it. What it throws is ignored. */
  readonly onEvent?: ((event: PipelineEvent) => void) | undefined;
}

const NAMES = [
  'windows',
  'receipts',
  'client',
  'pipeline',
  'database',
  'clientId',
  'intervalMs',
  'onEvent',
] as const;

/**
 * Anchors each closed window of a pipeline as a record: a pipeline of its own, from the windows to `certyoSink`, so that they get
 * receipts and are followed by a verifier like any other record.
 *
 * Collection `$windows`, recordId the pipeline's name, recordVersion the number, payload the window's content, byte for byte: the
 * fingerprint of the receipt is the hash of the window. Only one may run for a pipeline. In the process of the pipeline it also
 * has the window of an idle pipeline closed.
 *
 * @throws {ConfigurationError} An option is wrong.
 * @example
 * const anchoring = createWindowAnchoring({ windows, receipts, client, pipeline: pipeline.name });
 * await anchoring.start();
 */
export function createWindowAnchoring(options: WindowAnchoringOptions): Pipeline {
  const reader = new OptionReader('', options, NAMES);
  const { client, clientId, database, onEvent, pipeline, receipts, windows } = options;
  for (const [name, methods] of [
    ['windows', ['list', 'end', 'closeNow']],
    ['receipts', ['store', 'latest', 'find', 'sendMarks', 'addSendMark']],
    ['client', ['send']],
  ] as const) {
    if (reader.value(name) === undefined)
      throw new ConfigurationError(name, `\`${name}\` is missing.`);
    reader.assertMethods(name, methods);
  }
  if (typeof pipeline !== 'string' || pipeline === '') {
    throw new ConfigurationError('pipeline', 'Expected `pipeline` to be the name of a pipeline.');
  }
  reader.assertFunction('onEvent');
  const record = windowRecord(pipeline, database);
  const source = windowSource({
    windows,
    receipts,
    pipeline,
    record,
    intervalMs: reader.positive('intervalMs', 60_000, MAX_TIMER_MS),
  });
  const sink = certyoSink({
    client,
    receipts,
    database: record.database,
    mapper: recordMapper({
      [WINDOW_TABLE]: { collection: WINDOW_COLLECTION, operationType: 'upsert' },
    }),
    ...(clientId === undefined ? {} : { clientId }),
  });
  return createPipeline(source, sink, onEvent === undefined ? {} : { onEvent });
}
