import type { ChangeEvent, Prepared, Sink, Verdict } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { memorySource } from '../memory/memory-source.ts';
import type { SinkHarness } from './sink-harness.ts';

const NEVER: AbortSignal = new AbortController().signal;
const FIRST = { attempt: 1, signal: NEVER };
const AGAIN = { attempt: 2, signal: NEVER };

function insertions(count: number): readonly ChangeEvent[] {
  return memorySource().push(
    Array.from({ length: count }, (_, id) => ({
      operation: 'insert' as const,
      key: { id },
      after: { id, value: `row ${id}` },
    })),
  );
}

function prepareAll<Item>(sink: Sink<Item>, events: readonly ChangeEvent[]): Prepared<Item>[] {
  return events.flatMap((event) => sink.prepare(event));
}

function itemsOf<Item>(prepared: readonly Prepared<Item>[]): Item[] {
  return prepared.map((piece) => piece.item);
}

function typesOf(verdicts: readonly Verdict[]): string[] {
  return verdicts.map((verdict) => verdict.type);
}

/** Delivers until nothing is to be tried again, as a pipeline would. */
async function deliverAll<Item>(sink: Sink<Item>, items: readonly Item[]): Promise<void> {
  let open = [...items];
  for (let attempt = 2; open.length > 0 && attempt < 20; attempt += 1) {
    const verdicts = await sink.deliver(open, { attempt, signal: NEVER });
    open = open.filter((_, index) => verdicts[index]?.type === 'retry');
  }
  expect(open).toEqual([]);
}

/**
 * The suite that every `Sink` passes: pure preparation, one verdict per item, one effect per item however often it is
 * sent, failures as verdicts, abort. Call it at the top level of a vitest file.
 */
export function describeSink<Item>(name: string, harness: SinkHarness<Item>): void {
  describe(`Sink: ${name}`, () => {
    test('I4: prepares an event the same way every time', async () => {
      await using fixture = await harness.create();
      const events = insertions(3);
      const once = prepareAll(fixture.sink, events);
      expect(prepareAll(fixture.sink, events)).toEqual(once);
      expect(once.length).toBe(3);
      for (const { bytes } of once) expect(bytes).toBeGreaterThan(0);
    });

    test('puts the changes of one record in one lane, and other records in others', async () => {
      await using fixture = await harness.create();
      const row = { key: { id: 1 }, after: { id: 1, value: 'x' } };
      const events = memorySource().push([
        { operation: 'insert', ...row },
        { operation: 'update', ...row },
        { operation: 'delete', key: { id: 1 } },
        { operation: 'insert', key: { id: 2 }, after: { id: 2, value: 'y' } },
      ]);
      const lanes = prepareAll(fixture.sink, events).map((piece) => piece.lane);
      expect(lanes.slice(0, 3)).toEqual([lanes[0], lanes[0], lanes[0]]);
      expect(lanes[3]).not.toBe(lanes[0]);
    });

    test('answers one verdict per item', async () => {
      await using fixture = await harness.create();
      const { sink } = fixture;
      const items = itemsOf(prepareAll(sink, insertions(5)));
      const verdicts = await sink.deliver(items, FIRST);
      expect(typesOf(verdicts)).toEqual(items.map(() => 'delivered'));
      expect(await fixture.effects()).toBe(5);
    });

    test('one item alone is delivered like many', async () => {
      await using fixture = await harness.create();
      const { sink } = fixture;
      const items = itemsOf(prepareAll(sink, insertions(1)));
      expect(typesOf(await sink.deliver(items, FIRST))).toEqual(['delivered']);
      expect(await fixture.effects()).toBe(1);
    });

    test('an item that is sent twice has one effect', async () => {
      await using fixture = await harness.create();
      const { sink } = fixture;
      const items = itemsOf(prepareAll(sink, insertions(4)));
      await sink.deliver(items, FIRST);
      expect(typesOf(await sink.deliver(items, AGAIN))).toEqual(items.map(() => 'delivered'));
      expect(await fixture.effects()).toBe(4);
    });

    test('H-01: a lost answer is in doubt, and sending again has one effect', async () => {
      await using fixture = await harness.create();
      const { sink } = fixture;
      const items = itemsOf(prepareAll(sink, insertions(4)));
      await fixture.loseNextAnswer();
      const verdicts = await sink.deliver(items, FIRST);
      expect(verdicts.every((verdict) => verdict.type === 'retry' && verdict.inDoubt)).toBe(true);
      await deliverAll(sink, items);
      expect(await fixture.effects()).toBe(4);
    });

    test('answers retry while the other side is down, and never throws for it', async () => {
      await using fixture = await harness.create();
      const { sink } = fixture;
      const items = itemsOf(prepareAll(sink, insertions(3)));
      const comeBack = await fixture.goDown();
      expect(typesOf(await sink.deliver(items, FIRST))).toEqual(items.map(() => 'retry'));
      expect(await fixture.effects()).toBe(0);
      await comeBack();
      await deliverAll(sink, items);
      expect(await fixture.effects()).toBe(3);
    });

    test('I4: an item that was written down and read back is the same item', async () => {
      await using fixture = await harness.create();
      const { sink } = fixture;
      if (sink.serialize === undefined || sink.deserialize === undefined) return;
      const items = itemsOf(prepareAll(sink, insertions(3)));
      await sink.deliver(items, FIRST);
      const copies: Item[] = [];
      for (const item of items) copies.push(sink.deserialize(sink.serialize(item)));
      expect(typesOf(await sink.deliver(copies, AGAIN))).toEqual(items.map(() => 'delivered'));
      expect(await fixture.effects()).toBe(3);
    });

    test('confirms what the other side has, and nothing else', async () => {
      await using fixture = await harness.create();
      const { sink } = fixture;
      if (sink.confirm === undefined) return;
      const items = itemsOf(prepareAll(sink, insertions(4)));
      const sent = items.slice(0, 2);
      await sink.deliver(sent, FIRST);
      const found = await sink.confirm(items, { signal: NEVER });
      expect(found.map((verdict) => verdict?.type ?? null)).toEqual([
        'delivered',
        'delivered',
        null,
        null,
      ]);
    });

    test('I12: rejects with the reason of an aborted signal', async () => {
      await using fixture = await harness.create();
      const { sink } = fixture;
      const items = itemsOf(prepareAll(sink, insertions(1)));
      const reason = new Error('enough');
      const signal = AbortSignal.abort(reason);
      await expect(sink.deliver(items, { attempt: 1, signal })).rejects.toBe(reason);
    });

    test('I12: close() may be called twice', async () => {
      await using fixture = await harness.create();
      await fixture.sink.close?.();
      await fixture.sink.close?.();
    });
  });
}
