import { ConfigurationError } from '@certyo-cdc/core';
import { type DurableSource, durableSource } from './durable-source.ts';
import { normalizeDurableOptions } from './normalize-options.ts';
import type { DurableSourceOptions } from './options.ts';
import { normalizePayloadOptions, type PayloadSourceOptions } from './payload/options.ts';
import { type PayloadSource, payloadSource } from './payload/payload-source.ts';

/** Options of `listenNotifySource`, by its mode. */
export type ListenNotifySourceOptions = DurableSourceOptions | PayloadSourceOptions;

/**
 * Captures changes with triggers, where logical replication cannot be had.
 *
 * Mode `'durable'` (the default): triggers write every insert, update, delete and truncate into a change log, in the
 * transaction that makes it, with the row before and after and the columns of that moment. The source reads the log in
 * order, wakes when a doorbell rings, and deletes what is acknowledged.
 *
 * Guarantees of the durable mode: nothing of a transaction that is not committed is emitted; the changes of a record come in
 * the order of their commits, with every version in between; an event has the same id and bytes whenever it is read; a row
 * leaves the log only after the pipeline has saved its checkpoint. Whatever makes completeness unprovable (a log that was
 * emptied or made again, a trigger that was off, another server, a checkpoint that does not fit) stops with a `GapError`.
 *
 * Mode `'payload'`: rows come in notifications, as fast hints over a catch-up source; that one's guarantees are all it has.
 *
 * @throws ConfigurationError for options that are missing or wrong.
 * @example
 * const source = listenNotifySource({ tables: ['public.orders'] });
 * await source.setup();
 * const pipeline = createPipeline(source, certyoSink());
 * await pipeline.start();
 */
export function listenNotifySource(options: DurableSourceOptions): DurableSource;
export function listenNotifySource(options: PayloadSourceOptions): PayloadSource;
export function listenNotifySource(
  options: ListenNotifySourceOptions,
): DurableSource | PayloadSource {
  const mode: unknown = (options as Partial<ListenNotifySourceOptions> | undefined)?.mode;
  if (mode !== undefined && mode !== 'durable' && mode !== 'payload') {
    throw new ConfigurationError('mode', "Expected `mode` to be 'durable' or 'payload'.");
  }
  return options?.mode === 'payload'
    ? payloadSource(normalizePayloadOptions(options))
    : durableSource(normalizeDurableOptions(options), options);
}
