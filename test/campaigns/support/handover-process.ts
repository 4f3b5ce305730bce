/**
 * A reader that a campaign kills. It hands what it reads to its parent, batch by batch, and acknowledges an end when the
 * parent has kept its checkpoint.
 */
import { type ChangeBatch, type ChangeEvent, type Checkpoint, isRowChange } from '@certyo-cdc/core';
import { replicationSource, type ReplicationSourceOptions } from '@certyo-cdc/replication';
import type { ToldBatch, ToldEvent } from './handover-witness.ts';

const source = replicationSource(
  JSON.parse(process.env['HANDOVER_OPTIONS'] ?? '{}') as ReplicationSourceOptions,
);
const after = JSON.parse(process.env['HANDOVER_AFTER'] ?? 'null') as Checkpoint | null;
const { signal } = new AbortController();

let answered: (isKept: boolean) => void = () => undefined;
let finish: () => void = () => undefined;
const finishing = new Promise<void>((resolve) => {
  finish = resolve;
});
process.on('message', (message: { readonly isKept?: boolean; readonly finish?: true }) => {
  if (message.finish === true) finish();
  else answered(message.isKept === true);
});

const stream = await source.open({ after, signal });
process.send?.('begun');
const reading = (async () => {
  for await (const batch of stream) {
    const isKept = await tell(batch);
    if (isKept && batch.end !== null) await stream.acknowledge(batch.end);
  }
})();
await Promise.race([finishing, reading]);
for (const { done } of await source.backfills()) await Promise.race([done, reading]);
await Promise.race([stream.caughtUp({ signal }), reading]);
// What was handed over just now is told in this turn of the event loop.
await new Promise((resolve) => setImmediate(resolve));
await stream[Symbol.asyncDispose]();
await reading;
process.disconnect();

/** Resolves when the parent has it. */
async function tell({ end, events }: ChangeBatch): Promise<boolean> {
  const told: ToldBatch = {
    events: events.map(toldEvent),
    checkpoint: end === null ? null : stream.checkpoint(end),
  };
  return await new Promise((resolve, reject) => {
    answered = resolve;
    process.send?.(told, undefined, undefined, (error: Error | null) => {
      if (error !== null) reject(error);
    });
  });
}

function toldEvent(event: ChangeEvent): ToldEvent {
  const { id, operation, version } = event;
  if (!('table' in event)) return { id, operation, version, table: '' };
  const { name } = event.table;
  if (!isRowChange(event)) return { id, operation, version, table: name };
  const large = event.after?.['large'];
  return {
    id,
    operation,
    version,
    table: name,
    key: keyOf(event.key),
    previousKey: event.previousKey === null ? null : keyOf(event.previousKey),
    rev: event.after === null ? null : Number(event.after['rev']),
    // Undefined where the change does not show it.
    ...(typeof large === 'string' ? { large: large.slice(0, 32) } : {}),
  };
}

function keyOf(key: object): string {
  return Object.values(key).join('/');
}
