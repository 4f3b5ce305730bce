import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { row, SHOP, windowRig, type WindowRig } from '../testing/window-rig.ts';
import { type CheckWindowsOptions, checkWindows, type WindowCheck } from './check-windows.ts';
import { windowVersion } from './window.ts';

const { signal } = new AbortController();
const WINDOWS = 8;

let it: WindowRig;

beforeAll(async () => {
  it = await windowRig();
  await it.fill(WINDOWS);
  await it.anchorWindows();
  await it.anchorAll();
  await it.database.query(`CREATE TABLE kept_windows AS TABLE certyo.windows;
    CREATE TABLE kept_chains AS TABLE certyo.window_chains; CREATE TABLE kept_spans AS TABLE certyo.window_spans;
    CREATE TABLE kept_receipts AS TABLE certyo.receipts; CREATE TABLE kept_checkpoints AS TABLE certyo.checkpoints`);
});

afterAll(async () => {
  await it[Symbol.asyncDispose]();
});

function check(more: Partial<CheckWindowsOptions>): Promise<WindowCheck> {
  const { receipts, windows } = it;
  return checkWindows({ windows, receipts, pipeline: SHOP, signal, ...more });
}

async function restore(): Promise<void> {
  await it.database
    .query(`TRUNCATE certyo.windows, certyo.window_chains, certyo.window_spans, certyo.receipts, certyo.checkpoints;
    INSERT INTO certyo.windows TABLE kept_windows; INSERT INTO certyo.window_chains TABLE kept_chains;
    INSERT INTO certyo.window_spans TABLE kept_spans; INSERT INTO certyo.receipts TABLE kept_receipts;
    INSERT INTO certyo.checkpoints TABLE kept_checkpoints`);
}

/** Does something to the tables, and undoes it. */
async function after(
  tamper: readonly string[],
  ...checks: readonly Partial<CheckWindowsOptions>[]
): Promise<readonly WindowCheck[]> {
  try {
    for (const sql of tamper) await it.database.query(sql);
    const found: WindowCheck[] = [];
    for (const more of checks) found.push(await check(more));
    return found;
  } finally {
    await restore();
  }
}

const dropReceipts = (from: number): string =>
  `DELETE FROM certyo.receipts WHERE record_id = '${SHOP}' AND record_version >= '${windowVersion(from)}'`;

/** The last windows go with their receipts, and the chain ends before them in all that it says. */
const CUT = [
  `UPDATE certyo.window_chains SET number = 6, hash = (SELECT hash FROM certyo.windows WHERE number = 6),
    position = (SELECT content::json->>'to' FROM certyo.windows WHERE number = 6)`,
  'DELETE FROM certyo.windows WHERE number > 6',
  dropReceipts(7),
];

const last = `(SELECT hash FROM certyo.windows WHERE number = ${String(WINDOWS)})`;
/** One event less in the last window, which has no receipt any more. */
const FORGED = [
  `UPDATE certyo.windows SET content = replace(content, '"captured":3,"delivered":3', '"captured":2,"delivered":2')
    WHERE number = ${String(WINDOWS)}`,
  `UPDATE certyo.windows SET hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')`,
  `UPDATE certyo.window_chains SET hash = ${last}`,
  dropReceipts(WINDOWS),
];

describe('checkWindows, of a chain whose end is gone', () => {
  test('nothing is found where nothing was done, also while the pipeline goes on', async () => {
    const { checkpoints, client } = it;
    expect(await check({ checkpoints, client })).toMatchObject({ ok: true, confirmed: WINDOWS });
    const pipeline = await it.start();
    try {
      for (let round = 0; round < 5; round += 1) {
        it.source.push([row('insert', round, 'other')]);
        const checking = check({ checkpoints, client });
        await pipeline.caughtUp();
        await it.windows.closeNow(SHOP, { signal });
        expect((await checking).problems).toEqual([]);
      }
    } finally {
      await pipeline.drain();
      await restore();
    }
  });

  test('cut off with the receipts: found by the checkpoint of the pipeline, and by Certyo', async () => {
    const { checkpoints, client } = it;
    const cut = [...CUT, `UPDATE certyo.window_chains SET revision = 'unknown'`];
    for (const tampered of [CUT, cut]) {
      const [nothing, local, online] = await after(tampered, {}, { checkpoints }, { client });
      expect(nothing).toMatchObject({ ok: true, windows: 6 });
      expect(local?.first).toMatchObject({ number: 7, kind: 'unreached' });
      expect(online?.first).toMatchObject({ number: 7, kind: 'removed' });
    }
  });

  test('all of it gone: found by the checkpoint, and by Certyo', async () => {
    const { checkpoints, client } = it;
    const all = [
      'DELETE FROM certyo.windows',
      'DELETE FROM certyo.window_chains',
      'DELETE FROM certyo.window_spans',
      dropReceipts(1),
    ];
    const [nothing, local, online] = await after(all, {}, { checkpoints }, { client });
    expect(nothing).toMatchObject({ ok: true, windows: 0 });
    expect(local?.first).toMatchObject({ number: 1, kind: 'unreached' });
    expect(online?.first).toMatchObject({ number: 1, kind: 'removed' });
  });

  test('set back, with the windows behind it still there', async () => {
    const back = CUT.filter((sql) => !sql.includes('DELETE FROM certyo.windows'));
    const [found] = await after(back, {});
    expect(found?.first).toMatchObject({ number: 7, kind: 'misplaced' });
  });

  test('set back without where it ends', async () => {
    const [found] = await after(
      CUT.map((sql) => sql.replace(/,\s+position = .*$/su, '')),
      {},
    );
    expect(found?.first).toMatchObject({ number: 6, kind: 'end-moved' });
  });

  test('altered, with the receipts taken away: Certyo is asked about windows without receipts too', async () => {
    const { client } = it;
    const [local, online] = await after(FORGED, {}, { client });
    expect(local).toMatchObject({ ok: true, anchoring: { withoutReceipt: 1 } });
    expect(online?.first).toMatchObject({ number: WINDOWS, kind: 'refuted' });
  });

  test('written anew and anchored once more: Certyo has two of it', async () => {
    for (const each of FORGED) await it.database.query(each);
    await it.anchorWindows();
    await it.anchorAll();
    const { checkpoints, client } = it;
    expect(await check({ checkpoints })).toMatchObject({ ok: true });
    expect((await check({ client })).first).toMatchObject({ number: WINDOWS, kind: 'refuted' });
  });
});

describe('postgresWindowStore, while a pipeline runs', () => {
  test.each([
    ['its hash', `UPDATE certyo.window_chains SET hash = repeat('0', 64)`],
    ['where it ends', `UPDATE certyo.window_chains SET revision = 'unknown'`],
    [
      'set back',
      `UPDATE certyo.window_chains SET number = 1, hash = (SELECT hash FROM certyo.windows WHERE number = 1)`,
    ],
    ['set forward', `UPDATE certyo.window_chains SET number = 7`],
  ])(
    'the next window that is closed shows that the end of the chain was altered: %s',
    async (_, tamper) => {
      await using rig = await windowRig({ windowMs: 100 });
      await rig.fill(2);
      const pipeline = await rig.start();
      await rig.database.query(tamper);
      let next = 100;
      await expect
        .poll(
          () => {
            next += 1;
            rig.source.push([row('insert', next)]);
            return pipeline.status().state;
          },
          { timeout: 20_000 },
        )
        .toBe('failed');
      expect(await pipeline.closed).toMatchObject({
        code: 'WINDOW_STORE',
        message: expect.stringContaining('altered') as string,
      });
    },
  );
});

describe('checkWindows, where Certyo has failed', () => {
  test('a window that could not be anchored is no other one', async () => {
    await using rig = await windowRig();
    await rig.fill(2);
    await rig.anchorWindows();
    rig.emulator.faults.add({ kind: 'anchor-failure' });
    rig.emulator.closeBatches();
    rig.emulator.clock.advance(15_000);
    const { client, receipts, windows } = rig;
    const found = await checkWindows({ client, receipts, windows, pipeline: SHOP, signal });
    expect(found.problems).toEqual([]);
    expect(found.confirmed).toBe(0);
  });
});
