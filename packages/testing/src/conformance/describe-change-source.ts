import { CdcError, isRowChange, type ChangeEvent, type RowChange } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import type {
  ChangeSourceFixture,
  ChangeSourceHarness,
  RowStatement,
} from './change-source-harness.ts';
import { StreamReader } from './stream-reader.ts';

const BIG = 3_000;

function insert(id: number, value: string = `first ${id}`): RowStatement {
  return { operation: 'insert', id, value };
}

function update(id: number, value: string): RowStatement {
  return { operation: 'update', id, value };
}

/** An event as a statement, to compare. */
function statementOf(event: ChangeEvent): RowStatement {
  const { after, key, operation } = rowOf(event);
  const id = Number(key['id']);
  if (operation === 'delete') return { operation, id };
  if (operation === 'snapshot') throw new Error('A change was expected, not a snapshot.');
  const value = after?.['value'];
  if (typeof value !== 'string') throw new Error('The column `value` is missing.');
  return { operation, id, value };
}

function rowOf(event: ChangeEvent): RowChange {
  if (isRowChange(event)) return event;
  throw new Error(`A change of a row was expected, got ${event.operation}.`);
}

function rowsOf(events: readonly ChangeEvent[]): readonly RowChange[] {
  return events.filter((event) => isRowChange(event));
}

/** What must be the same whenever an event is read. */
function identity(event: RowChange): unknown {
  const { id, operation, version } = event;
  return { id, operation, version, payload: event.canonicalRow() };
}

const HISTORY: readonly (readonly RowStatement[])[] = [
  [insert(1), insert(2)],
  [update(1, 'second 1')],
  [update(2, 'second 2'), update(1, 'third 1'), insert(3)],
  [{ operation: 'delete', id: 2 }],
  [insert(2, 'again')],
];

async function commitAll(fixture: ChangeSourceFixture): Promise<void> {
  for (const statements of HISTORY) await fixture.commit(statements);
}

/**
 * The suite that every `ChangeSource` passes: order, redelivery, ends, identity, versions, acknowledging, catching up
 * and stopping. Call it at the top level of a vitest file.
 */
export function describeChangeSource(name: string, harness: ChangeSourceHarness): void {
  describe(`ChangeSource: ${name}`, () => {
    test('yields every committed change in commit order', async () => {
      await using fixture = await harness.create();
      await using reader = await StreamReader.open(fixture.source());
      await commitAll(fixture);
      const events = rowsOf(await reader.caughtUp());
      expect(events.map(statementOf)).toEqual(HISTORY.flat());
    });

    test('I2: nothing of a rolled-back transaction leaves, and ends are transaction ends', async () => {
      await using fixture = await harness.create();
      await using reader = await StreamReader.open(fixture.source());
      for (const statements of HISTORY) {
        await fixture.rollBack([insert(99, 'ghost')]);
        await fixture.commit(statements);
      }
      const rows = rowsOf(await reader.caughtUp());
      expect(rows.map(statementOf)).toEqual(HISTORY.flat());
      const wholes = new Set([0]);
      let committed = 0;
      for (const statements of HISTORY) wholes.add((committed += statements.length));
      let seen = 0;
      for (const batch of reader.batches) {
        seen += rowsOf(batch.events).length;
        if (batch.end !== null) expect(wholes).toContain(seen);
      }
      expect(reader.endAfter(committed).events).toBe(reader.events.length);
    });

    test('a transaction of thousands of rows arrives whole', async () => {
      await using fixture = await harness.create();
      await using reader = await StreamReader.open(fixture.source());
      const statements = Array.from({ length: BIG }, (_, id) => insert(id));
      await fixture.commit(statements);
      const rows = rowsOf(await reader.caughtUp());
      expect(rows.map(statementOf)).toEqual(statements);
      for (const batch of reader.batches) expect(batch.bytes).toBeGreaterThanOrEqual(0);
    });

    test('I4: what was not acknowledged comes again, the same', async () => {
      await using fixture = await harness.create();
      await commitAll(fixture);
      const first = await StreamReader.open(fixture.source());
      const before = rowsOf(await first.caughtUp()).map(identity);
      await first[Symbol.asyncDispose]();
      await using second = await StreamReader.open(fixture.source());
      const after = rowsOf(await second.caughtUp()).map(identity);
      expect(after).toEqual(before);
      expect(after.length).toBe(HISTORY.flat().length);
    });

    test('goes on after an acknowledged end: nothing lost, nothing repeated', async () => {
      await using fixture = await harness.create();
      await commitAll(fixture);
      const first = await StreamReader.open(fixture.source());
      const all = rowsOf(await first.caughtUp()).map(identity);
      const { end, events } = first.endAfter(3);
      const covered = rowsOf(first.events.slice(0, events)).length;
      const checkpoint = first.stream.checkpoint(end);
      await first.stream.acknowledge(end);
      await first[Symbol.asyncDispose]();
      await using second = await StreamReader.open(fixture.source(), checkpoint);
      await fixture.commit([insert(50)]);
      const rest = rowsOf(await second.caughtUp());
      expect(rest.slice(0, -1).map(identity)).toEqual(all.slice(covered));
      expect(rest.slice(-1).map(statementOf)).toEqual([insert(50)]);
    });

    test('goes on after a saved end that was not acknowledged', async () => {
      await using fixture = await harness.create();
      await commitAll(fixture);
      const first = await StreamReader.open(fixture.source());
      const all = rowsOf(await first.caughtUp()).map(identity);
      const { end, events } = first.endAfter(3);
      const covered = rowsOf(first.events.slice(0, events)).length;
      const checkpoint = first.stream.checkpoint(end);
      await first[Symbol.asyncDispose]();
      // As a store gives it back.
      const stored = JSON.parse(JSON.stringify(checkpoint)) as typeof checkpoint;
      await using second = await StreamReader.open(fixture.source(), stored);
      expect(rowsOf(await second.caughtUp()).map(identity)).toEqual(all.slice(covered));
    });

    test('I8: a checkpoint of another source is refused as a gap', async () => {
      await using fixture = await harness.create();
      await commitAll(fixture);
      const first = await StreamReader.open(fixture.source());
      await first.caughtUp();
      const checkpoint = first.stream.checkpoint(first.endAfter(1).end);
      await first[Symbol.asyncDispose]();
      const foreign = { ...checkpoint, kind: 'another' };
      const refused = StreamReader.open(fixture.source(), foreign).then(async (reader) => {
        const outcome = await reader.over;
        await reader[Symbol.asyncDispose]();
        throw outcome?.error;
      });
      const error: unknown = await refused.catch((reason: unknown) => reason);
      expect(CdcError.is(error) ? error.code : error).toBe('GAP_CHECKPOINT_FOREIGN');
    });

    test('ids are unique and versions grow per record', async () => {
      await using fixture = await harness.create();
      await using reader = await StreamReader.open(fixture.source());
      await commitAll(fixture);
      const rows = rowsOf(await reader.caughtUp());
      expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length);
      const versions = new Map<string, string>();
      for (const row of rows) {
        const key = JSON.stringify(row.key);
        expect(row.version > (versions.get(key) ?? '')).toBe(true);
        versions.set(key, row.version);
      }
    });

    test('events can be read twice, spread and turned into JSON', async () => {
      await using fixture = await harness.create();
      await using reader = await StreamReader.open(fixture.source());
      await commitAll(fixture);
      for (const row of rowsOf(await reader.caughtUp())) {
        expect(row.after).toBe(row.after);
        const { after, before, id, key, table } = { ...row };
        expect({ after, before, id, key, table }).toEqual({
          after: row.after,
          before: row.before,
          id: row.id,
          key: row.key,
          table: row.table,
        });
        const json = JSON.parse(JSON.stringify(row)) as Record<string, unknown>;
        expect(json['id']).toBe(row.id);
        expect(json['operation']).toBe(row.operation);
        expect(json['after']).toEqual(row.after === null ? null : { ...row.after });
      }
    });

    test('lag is none when everything is acknowledged', async () => {
      await using fixture = await harness.create();
      await using reader = await StreamReader.open(fixture.source());
      await commitAll(fixture);
      await reader.caughtUp();
      const { end } = reader.endAfter(reader.events.length);
      await reader.stream.acknowledge(end);
      expect((await reader.stream.lag()).ms).toBeNull();
    });

    test('I12: abort ends the iteration and a waiting caughtUp() with its reason', async () => {
      await using fixture = await harness.create();
      const abort = new AbortController();
      await using reader = await StreamReader.open(fixture.source(), null, abort.signal);
      await reader.caughtUp();
      const reason = new Error('enough');
      abort.abort(reason);
      expect((await reader.over)?.error).toBe(reason);
      await expect(reader.stream.caughtUp({ signal: abort.signal })).rejects.toBe(reason);
      await expect(fixture.source().open({ after: null, signal: abort.signal })).rejects.toBe(
        reason,
      );
    });

    test('I12: disposing ends a waiting iteration, and twice is once', async () => {
      await using fixture = await harness.create();
      const reader = await StreamReader.open(fixture.source());
      await reader[Symbol.asyncDispose]();
      await reader[Symbol.asyncDispose]();
      expect(await reader.over).toBeNull();
    });
  });
}
