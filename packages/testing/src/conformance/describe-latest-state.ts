import type { Checkpoint, RowChange } from '@certyo-cdc/core';
import { expect, test } from 'vitest';

import { openReader } from '../reader/stream-reader.ts';
import type { ChangeSourceHarness, RowStatement } from './change-source-harness.ts';
import {
  commitAll,
  type EventIdentity,
  HISTORY,
  identity,
  insert,
  rowsOf,
  update,
  valueOf,
} from './statements.ts';

const BIG = 3_000;
/** How many of `HISTORY` are committed before the source is left and opened again. */
const BEFORE = 3;

/** The states that a row goes through; null is that it is gone. */
type States = ReadonlyMap<number, readonly (string | null)[]>;

function statesOf(history: readonly RowStatement[]): States {
  const states = new Map<number, (string | null)[]>();
  for (const statement of history) {
    const list = states.get(statement.id) ?? [];
    list.push(statement.operation === 'delete' ? null : statement.value);
    states.set(statement.id, list);
  }
  return states;
}

function shownStates(rows: readonly RowChange[]): States {
  const states = new Map<number, (string | null)[]>();
  for (const row of rows) {
    const id = Number(row.key['id']);
    const list = states.get(id) ?? [];
    list.push(row.operation === 'delete' ? null : valueOf(row));
    states.set(id, list);
  }
  return states;
}

/** The last event of each row. */
function latest(rows: readonly RowChange[]): ReadonlyMap<number, EventIdentity> {
  return new Map(rows.map((row) => [Number(row.key['id']), identity(row)]));
}

/**
 * What holds for a source that shows rows as it finds them: of each row the last state is shown, every state that is
 * shown was committed, in the order of commits, and what is read again is the same while the row is.
 */
export function describeLatestState(harness: ChangeSourceHarness): void {
  const seesDeletes = harness.seesDeletes ?? true;

  /** The rows in their last state, and no other state than committed ones, in order. */
  const expectLatest = (rows: readonly RowChange[], history: readonly RowStatement[]): void => {
    const committed = statesOf(history);
    const shown = shownStates(rows);
    for (const id of shown.keys()) expect([...committed.keys()]).toContain(id);
    for (const [id, states] of committed) {
      const seen = shown.get(id) ?? [];
      let at = -1;
      for (const state of seen) {
        at = states.indexOf(state, at + 1);
        expect(at, `row ${id} was shown as ${state ?? 'deleted'}`).toBeGreaterThanOrEqual(0);
      }
      const last = states.at(-1);
      if (last !== null) expect(seen.at(-1), `row ${id}`).toBe(last);
      // A row that came and went between two looks may never show.
      else if (seesDeletes) expect(seen.at(-1) ?? null, `row ${id}`).toBeNull();
    }
  };

  test('shows the last state of every row, and committed states only, in commit order', async () => {
    await using fixture = await harness.create();
    await using reader = await openReader(fixture.source());
    await commitAll(fixture);
    expectLatest((await reader.caughtUp()).rows, HISTORY.flat());
  });

  test('shows a row again after each change that it could see', async () => {
    await using fixture = await harness.create();
    await using reader = await openReader(fixture.source());
    const done: RowStatement[] = [];
    for (const statements of HISTORY) {
      await fixture.commit(statements);
      done.push(...statements);
      expectLatest((await reader.caughtUp()).rows, done);
    }
    const rows = reader.rows;
    const wanted = HISTORY.flat().filter(({ operation }) => seesDeletes || operation !== 'delete');
    // No transaction changes a row twice, so no state lies between two looks.
    expect(rows.length).toBe(wanted.length);
  });

  test('I2: nothing of a rolled-back transaction leaves, and ends are transaction ends', async () => {
    await using fixture = await harness.create();
    await using reader = await openReader(fixture.source());
    const history: RowStatement[] = [];
    for (let pair = 0; pair < 8; pair++) {
      await fixture.rollBack([insert(99, 'ghost')]);
      const statements = [insert(2 * pair), insert(2 * pair + 1)];
      await fixture.commit(statements);
      history.push(...statements);
    }
    expectLatest((await reader.caughtUp()).rows, history);
    const seen = new Set<number>();
    for (const batch of reader.batches) {
      for (const row of rowsOf(batch.events)) seen.add(Number(row.key['id']));
      if (batch.end === null) continue;
      for (const id of seen) expect(seen, `one transaction, ${id}`).toContain(id ^ 1);
    }
    expect((await reader.endAfter(reader.events.length)).events).toBe(reader.events.length);
  });

  test('a transaction of thousands of rows arrives whole', async () => {
    await using fixture = await harness.create();
    await using reader = await openReader(fixture.source());
    const statements = Array.from({ length: BIG }, (_, id) => insert(id));
    await fixture.commit(statements);
    const rows = (await reader.caughtUp()).rows;
    expect(rows.length).toBe(BIG);
    expectLatest(rows, statements);
    for (const batch of reader.batches) expect(batch.bytes).toBeGreaterThanOrEqual(0);
  });

  test('I4: what was not acknowledged comes again, the same while the row is', async () => {
    await using fixture = await harness.create();
    await commitAll(fixture);
    const first = await openReader(fixture.source());
    const before = latest((await first.caughtUp()).rows);
    await first[Symbol.asyncDispose]();
    await fixture.commit([update(1, 'changed')]);
    await using second = await openReader(fixture.source());
    const rows = (await second.caughtUp()).rows;
    expectLatest(rows, [...HISTORY.flat(), update(1, 'changed')]);
    const after = latest(rows);
    expect(new Set(after.keys())).toEqual(new Set(before.keys()));
    for (const [id, event] of before) {
      if (id !== 1) expect(after.get(id)).toEqual(event);
      else expect((after.get(id)?.version ?? '') > event.version).toBe(true);
    }
  });

  const goesOn = async (
    acknowledges: boolean,
    store: (checkpoint: Checkpoint) => Checkpoint,
  ): Promise<void> => {
    await using fixture = await harness.create();
    await commitAll(fixture, HISTORY.slice(0, BEFORE));
    const first = await openReader(fixture.source());
    const covered = (await first.caughtUp()).rows;
    const { end } = await first.endAfter(first.events.length);
    const checkpoint = first.stream.checkpoint(end);
    if (acknowledges) await first.stream.acknowledge(end);
    await first[Symbol.asyncDispose]();
    const later = [...HISTORY.slice(BEFORE), [insert(50)]];
    await commitAll(fixture, later);
    await using second = await openReader(fixture.source(), { after: store(checkpoint) });
    const rest = (await second.caughtUp()).rows;
    // What is repeated is the same event, so that it has no second effect.
    const known = new Map(covered.map((row) => [row.id, identity(row)]));
    for (const row of rest.filter(({ id }) => known.has(id))) {
      expect(identity(row)).toEqual(known.get(row.id));
    }
    const news = rest.filter(({ id }) => !known.has(id));
    expectLatest([...covered, ...news], [...HISTORY, [insert(50)]].flat());
  };

  test('goes on after an acknowledged end: nothing lost', async () => {
    await goesOn(true, (checkpoint) => checkpoint);
  });

  test('goes on after a saved end that was not acknowledged', async () => {
    // As a store gives it back.
    await goesOn(false, (checkpoint) => JSON.parse(JSON.stringify(checkpoint)) as Checkpoint);
  });
}
