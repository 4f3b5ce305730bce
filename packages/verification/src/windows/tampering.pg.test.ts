import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SHOP, windowRig, type WindowRig } from '../testing/window-rig.ts';
import { checkWindows, type WindowCheck } from './check-windows.ts';
import { windowHash } from './window.ts';

const { signal } = new AbortController();
const WINDOWS = 8;

let it: WindowRig;

beforeAll(async () => {
  it = await windowRig();
  await it.fill(WINDOWS);
  await it.anchorWindows();
  await it.anchorAll();
  await it.database.query(`CREATE TABLE kept_windows AS TABLE certyo.windows;
    CREATE TABLE kept_chains AS TABLE certyo.window_chains; CREATE TABLE kept_receipts AS TABLE certyo.receipts`);
});

afterAll(async () => {
  await it[Symbol.asyncDispose]();
});

/** Checks what somebody has done, and undoes it. */
async function after(
  tamper: readonly string[],
  { online = false, receipts = false } = {},
): Promise<WindowCheck> {
  try {
    for (const sql of tamper) await it.database.query(sql);
    return await checkWindows({
      windows: it.windows,
      pipeline: SHOP,
      ...(receipts ? { receipts: it.receipts } : {}),
      ...(online ? { client: it.client } : {}),
      signal,
    });
  } finally {
    await it.database.query(`TRUNCATE certyo.windows, certyo.window_chains, certyo.receipts;
      INSERT INTO certyo.windows TABLE kept_windows; INSERT INTO certyo.window_chains TABLE kept_chains;
      INSERT INTO certyo.receipts TABLE kept_receipts`);
  }
}

/** One event less in a window. */
const LESS = `replace(content, '"captured":3,"delivered":3', '"captured":2,"delivered":2')`;
const HASH = (content: string): string => `encode(sha256(convert_to(${content}, 'UTF8')), 'hex')`;

function rewrite(number: number, content: string = LESS): string {
  return `UPDATE certyo.windows SET content = ${content}, hash = ${HASH(content)} WHERE number = ${String(number)}`;
}

/** Writes all windows from one on anew, each with the hash of the one before, and the end of the chain. */
function rewriteFrom(number: number): readonly string[] {
  const links = Array.from({ length: WINDOWS - number }, (_, index) => {
    const own = number + 1 + index;
    const previous = `(SELECT hash FROM certyo.windows WHERE number = ${String(own - 1)})`;
    const content = `regexp_replace(content, '"previousHash":"[0-9a-f]*"', '"previousHash":"' || ${previous} || '"')`;
    return rewrite(own, content);
  });
  const end = `UPDATE certyo.window_chains SET hash = (SELECT hash FROM certyo.windows WHERE number = ${String(WINDOWS)})`;
  return [rewrite(number), ...links, end];
}

const swap = (one: number, other: number): readonly string[] => [
  `UPDATE certyo.windows SET number = -1 WHERE number = ${String(one)}`,
  `UPDATE certyo.windows SET number = ${String(one)} WHERE number = ${String(other)}`,
  `UPDATE certyo.windows SET number = ${String(other)} WHERE number = -1`,
];

const forgeReceipts = `UPDATE certyo.receipts AS r SET fingerprint = decode(w.hash, 'hex')
  FROM certyo.windows AS w WHERE r.record_id = '${SHOP}' AND r.record_version::int8 = w.number`;

describe('checkWindows', () => {
  test('nothing is reported where nothing was done', async () => {
    const check = await after([], { online: true, receipts: true });
    expect(check).toMatchObject({
      ok: true,
      first: null,
      problems: [],
      windows: WINDOWS,
      anchoring: { anchored: WINDOWS, pending: 0, failed: 0, withoutReceipt: 0 },
      confirmed: WINDOWS,
    });
  });

  test.each([
    ['content', `UPDATE certyo.windows SET content = ${LESS} WHERE number = 4`],
    ['hash', `UPDATE certyo.windows SET hash = repeat('0', 64) WHERE number = 4`],
    ['content and hash', rewrite(4)],
    [
      'a member that is not counted',
      rewrite(4, `replace(content, '"checkpoints":', '"checkpoints":1')`),
    ],
    ['what joins it', rewrite(4, `regexp_replace(content, '"from":"[^"]*"', '"from":"x"')`)],
    [
      'all of it',
      `UPDATE certyo.windows SET content = '{}', hash = '${windowHash('{}')}' WHERE number = 4`,
    ],
  ])('an altered window is named: %s', async (_what, sql) => {
    for (const receipts of [false, true]) {
      const check = await after([sql], { receipts });
      expect(check.ok).toBe(false);
      expect(check.first).toMatchObject({ number: 4, kind: 'altered' });
      expect(check.problems).toHaveLength(1);
    }
  });

  test('the last and the first one too', async () => {
    for (const number of [1, WINDOWS]) {
      const check = await after([rewrite(number)]);
      expect(check.problems).toEqual([expect.objectContaining({ number, kind: 'altered' })]);
    }
  });

  test.each([
    ['one', [5, 5]],
    ['several', [3, 5]],
    ['the first', [1, 1]],
    ['the last', [WINDOWS, WINDOWS]],
    ['all', [1, WINDOWS]],
  ])('a removed window is named: %s', async (_what, [first, last]) => {
    const sql = `DELETE FROM certyo.windows WHERE number BETWEEN ${String(first)} AND ${String(last)}`;
    const check = await after([sql]);
    expect(check.problems).toEqual([expect.objectContaining({ number: first, kind: 'removed' })]);
  });

  test('windows that changed places are named', async () => {
    const check = await after(swap(3, 6));
    expect(check.first).toMatchObject({ number: 3, kind: 'misplaced' });
    expect(check.problems.map(({ number }) => number)).toEqual([3, 6]);
  });

  test('an end that was cut off is found by the receipts, also with the chain written to match', async () => {
    const cut = [
      'DELETE FROM certyo.windows WHERE number > 6',
      'UPDATE certyo.window_chains SET number = 6, hash = (SELECT hash FROM certyo.windows WHERE number = 6)',
    ];
    expect((await after(cut)).first).toMatchObject({ number: 6, kind: 'end-moved' });
    cut.push(
      `UPDATE certyo.window_chains SET position = (SELECT content::json->>'to' FROM certyo.windows WHERE number = 6)`,
    );
    expect(await after(cut)).toMatchObject({ ok: true, windows: 6 });
    const check = await after(cut, { receipts: true });
    expect(check.first).toMatchObject({ number: 7, kind: 'removed' });
    const all = ['DELETE FROM certyo.windows', 'DELETE FROM certyo.window_chains'];
    expect((await after(all, { receipts: true })).first).toMatchObject({
      number: 1,
      kind: 'removed',
    });
  });

  test('a chain without its end says so', async () => {
    const check = await after(['DELETE FROM certyo.window_chains']);
    expect(check.first).toMatchObject({ number: WINDOWS, kind: 'end-missing' });
  });

  test('a window that is taken out with the numbers behind it moved up is named', async () => {
    const check = await after([
      'DELETE FROM certyo.windows WHERE number = 4',
      'UPDATE certyo.windows SET number = -number WHERE number > 4',
      'UPDATE certyo.windows SET number = -number - 1 WHERE number < 0',
      `UPDATE certyo.window_chains SET number = ${String(WINDOWS - 1)}`,
    ]);
    expect(check.first).toMatchObject({ number: 4, kind: 'misplaced' });
  });

  test('a chain that was written anew from one window on is found by the receipts, and that window named', async () => {
    const sql = rewriteFrom(5);
    expect(await after(sql)).toMatchObject({ ok: true });
    const check = await after(sql, { receipts: true });
    expect(check.first).toMatchObject({ number: 5, kind: 'altered' });
    expect(check.problems.map(({ number }) => number)).toEqual([5, 6, 7, 8]);
  });

  test('with the receipts written to match, Certyo finds it', async () => {
    const sql = [...rewriteFrom(5), forgeReceipts];
    expect(await after(sql, { receipts: true })).toMatchObject({ ok: true });
    const check = await after(sql, { online: true, receipts: true });
    expect(check.first).toMatchObject({ number: 5, kind: 'refuted' });
    expect(check.confirmed).toBe(4);
  });

  test('counts that do not add up are named', async () => {
    const check = await after([rewrite(4, `replace(content, '"delivered":3', '"delivered":2')`)], {
      receipts: true,
    });
    expect(check.first).toMatchObject({ number: 4 });
    const forged = [...rewriteFrom(4)].map((sql) =>
      sql
        .replace(LESS, `replace(content, '"delivered":3', '"delivered":2')`)
        .replace(LESS, `replace(content, '"delivered":3', '"delivered":2')`),
    );
    expect((await after(forged)).first).toMatchObject({ number: 4, kind: 'unbalanced' });
  });
});
