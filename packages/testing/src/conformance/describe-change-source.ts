import { CdcError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { openReader } from '../reader/stream-reader.ts';
import { checkJsonForm } from './check-json-form.ts';
import type { ChangeSourceHarness } from './change-source-harness.ts';
import { describeEveryChange } from './describe-every-change.ts';
import { describeLatestState } from './describe-latest-state.ts';
import { commitAll } from './statements.ts';

/**
 * The suite that every `ChangeSource` passes: order, redelivery, ends, identity, versions, acknowledging, catching up
 * and stopping. `harness.shows` says what is checked of a row: every change of it, or its last state. Call it at the top
 * level of a vitest file.
 */
export function describeChangeSource(name: string, harness: ChangeSourceHarness): void {
  describe(`ChangeSource: ${name}`, () => {
    if (harness.shows === 'latest-state') describeLatestState(harness);
    else describeEveryChange(harness);

    test('I8: a checkpoint of another source is refused as a gap', async () => {
      await using fixture = await harness.create();
      await commitAll(fixture);
      const first = await openReader(fixture.source());
      await first.caughtUp();
      const checkpoint = first.stream.checkpoint((await first.endAfter(1)).end);
      await first[Symbol.asyncDispose]();
      const foreign = { ...checkpoint, kind: 'another' };
      const refused = openReader(fixture.source(), { after: foreign }).then(async (reader) => {
        const failure = await reader.ended();
        await reader[Symbol.asyncDispose]();
        throw failure;
      });
      const error: unknown = await refused.catch((reason: unknown) => reason);
      expect(CdcError.is(error) ? error.code : error).toBe('GAP_CHECKPOINT_FOREIGN');
    });

    test('ids are unique and versions grow per record', async () => {
      await using fixture = await harness.create();
      await using reader = await openReader(fixture.source());
      await commitAll(fixture);
      const rows = (await reader.caughtUp()).rows;
      expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length);
      const versions = new Map<string, string>();
      for (const row of rows) {
        const key = JSON.stringify(row.key);
        expect(row.version > (versions.get(key) ?? '')).toBe(true);
        versions.set(key, row.version);
      }
    });

    test('events can be read twice and turned into JSON', async () => {
      await using fixture = await harness.create();
      await using reader = await openReader(fixture.source());
      await commitAll(fixture);
      for (const row of (await reader.caughtUp()).rows) {
        expect(row.after).toBe(row.after);
        expect(row.key).toBe(row.key);
        const json = JSON.parse(JSON.stringify(row)) as Record<string, unknown>;
        expect(json['id']).toBe(row.id);
        expect(json['operation']).toBe(row.operation);
        expect(json['after']).toEqual(row.after === null ? null : { ...row.after });
      }
      for (const event of reader.events) checkJsonForm(event);
    });

    test('lag is none when everything is acknowledged', async () => {
      await using fixture = await harness.create();
      await using reader = await openReader(fixture.source());
      await commitAll(fixture);
      await reader.caughtUp();
      const { end } = await reader.endAfter(reader.events.length);
      await reader.stream.acknowledge(end);
      expect((await reader.stream.lag()).ms).toBeNull();
    });

    test('I12: abort ends the iteration and a waiting caughtUp() with its reason', async () => {
      await using fixture = await harness.create();
      const abort = new AbortController();
      await using reader = await openReader(fixture.source(), { signal: abort.signal });
      await reader.caughtUp();
      const reason = new Error('enough');
      abort.abort(reason);
      expect(await reader.ended()).toBe(reason);
      await expect(reader.stream.caughtUp({ signal: abort.signal })).rejects.toBe(reason);
      await expect(fixture.source().open({ after: null, signal: abort.signal })).rejects.toBe(
        reason,
      );
    });

    test('I12: disposing ends a waiting iteration, and twice is once', async () => {
      await using fixture = await harness.create();
      const reader = await openReader(fixture.source());
      await reader[Symbol.asyncDispose]();
      await reader[Symbol.asyncDispose]();
      expect(await reader.ended()).toBeNull();
    });
  });
}
