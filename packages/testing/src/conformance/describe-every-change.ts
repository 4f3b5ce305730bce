import { expect, test } from 'vitest';

import { openReader } from '../reader/stream-reader.ts';
import type { ChangeSourceHarness } from './change-source-harness.ts';
import { commitAll, HISTORY, identity, insert, rowsOf, statementOf } from './statements.ts';

const BIG = 3_000;

/** What holds for a source that shows every change: order, completeness, transaction ends, redelivery. */
export function describeEveryChange(harness: ChangeSourceHarness): void {
  test('yields every committed change in commit order', async () => {
    await using fixture = await harness.create();
    await using reader = await openReader(fixture.source());
    await commitAll(fixture);
    const events = (await reader.caughtUp()).rows;
    expect(events.map(statementOf)).toEqual(HISTORY.flat());
  });

  test('I2: nothing of a rolled-back transaction leaves, and ends are transaction ends', async () => {
    await using fixture = await harness.create();
    await using reader = await openReader(fixture.source());
    for (const statements of HISTORY) {
      await fixture.rollBack([insert(99, 'ghost')]);
      await fixture.commit(statements);
    }
    const rows = (await reader.caughtUp()).rows;
    expect(rows.map(statementOf)).toEqual(HISTORY.flat());
    const wholes = new Set([0]);
    let committed = 0;
    for (const statements of HISTORY) wholes.add((committed += statements.length));
    let seen = 0;
    for (const batch of reader.batches) {
      seen += rowsOf(batch.events).length;
      if (batch.end !== null) expect(wholes).toContain(seen);
    }
    expect((await reader.endAfter(committed)).events).toBe(reader.events.length);
  });

  test('a transaction of thousands of rows arrives whole', async () => {
    await using fixture = await harness.create();
    await using reader = await openReader(fixture.source());
    const statements = Array.from({ length: BIG }, (_, id) => insert(id));
    await fixture.commit(statements);
    const rows = (await reader.caughtUp()).rows;
    expect(rows.map(statementOf)).toEqual(statements);
    for (const batch of reader.batches) expect(batch.bytes).toBeGreaterThanOrEqual(0);
  });

  test('I4: what was not acknowledged comes again, the same', async () => {
    await using fixture = await harness.create();
    await commitAll(fixture);
    const first = await openReader(fixture.source());
    const before = (await first.caughtUp()).rows.map(identity);
    await first[Symbol.asyncDispose]();
    await using second = await openReader(fixture.source());
    const after = (await second.caughtUp()).rows.map(identity);
    expect(after).toEqual(before);
    expect(after.length).toBe(HISTORY.flat().length);
  });

  test('goes on after an acknowledged end: nothing lost, nothing repeated', async () => {
    await using fixture = await harness.create();
    await commitAll(fixture);
    const first = await openReader(fixture.source());
    const all = (await first.caughtUp()).rows.map(identity);
    const { end, events } = await first.endAfter(3);
    const covered = rowsOf(first.events.slice(0, events)).length;
    const checkpoint = first.stream.checkpoint(end);
    await first.stream.acknowledge(end);
    await first[Symbol.asyncDispose]();
    await using second = await openReader(fixture.source(), { after: checkpoint });
    await fixture.commit([insert(50)]);
    const rest = (await second.caughtUp()).rows;
    expect(rest.slice(0, -1).map(identity)).toEqual(all.slice(covered));
    expect(rest.slice(-1).map(statementOf)).toEqual([insert(50)]);
  });

  test('goes on after a saved end that was not acknowledged', async () => {
    await using fixture = await harness.create();
    await commitAll(fixture);
    const first = await openReader(fixture.source());
    const all = (await first.caughtUp()).rows.map(identity);
    const { end, events } = await first.endAfter(3);
    const covered = rowsOf(first.events.slice(0, events)).length;
    const checkpoint = first.stream.checkpoint(end);
    await first[Symbol.asyncDispose]();
    // As a store gives it back.
    const stored = JSON.parse(JSON.stringify(checkpoint)) as typeof checkpoint;
    await using second = await openReader(fixture.source(), { after: stored });
    expect((await second.caughtUp()).rows.map(identity)).toEqual(all.slice(covered));
  });
}
