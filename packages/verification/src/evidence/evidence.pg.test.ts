import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { row, SHOP, windowRig, type WindowRig } from '../testing/window-rig.ts';
import { bundleDigest, type EvidenceBundle } from './bundle.ts';
import { createEvidence, type EvidenceOptions } from './create-evidence.ts';
import type { EvidenceReport } from './report.ts';
import { runCli } from './run-cli.ts';
import { verifyEvidence } from './verify-evidence.ts';

const { signal } = new AbortController();
const RECORD = { database: 'memory', collection: 'public.items', recordId: 'a' };

let it: WindowRig;
let evidence: EvidenceBundle;
let folder: string;

/** Evidence of a record with three versions, each in a window of its own, everything anchored. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evidence-'));
  it = await windowRig();
  await it.fill(2);
  const pipeline = await it.start();
  for (const operation of ['insert', 'update', 'delete'] as const) {
    it.source.push([
      { ...row(operation, 0), key: { id: 'a' } } as Parameters<typeof it.source.push>[0][number],
    ]);
    await pipeline.caughtUp();
    await it.windows.closeNow(SHOP, { signal });
  }
  await pipeline.drain();
  await it.fill(3);
  await it.anchorWindows();
  await it.anchorAll();
  evidence = await make();
});

afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function make(more: Partial<EvidenceOptions> = {}): Promise<EvidenceBundle> {
  return createEvidence({
    record: RECORD,
    receipts: it.receipts,
    windows: it.windows,
    client: it.client,
    payloads: ({ recordVersion }) =>
      it.emulator.records(RECORD).find((effect) => effect.recordVersion === recordVersion)
        ?.payload ?? null,
    signal,
    ...more,
  });
}

function failures({ steps }: EvidenceReport): readonly string[] {
  return steps
    .filter(({ state }) => state === 'failed')
    .map(({ about, step }) => `${step} ${about}`);
}

interface Leaf {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

function* leaves(value: unknown, path: readonly (string | number)[] = []): Generator<Leaf> {
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    for (const [name, each] of Object.entries(value)) {
      yield* leaves(each, [...path, Array.isArray(value) ? Number(name) : name]);
    }
  } else yield { path, value };
}

/** A copy of which one leaf is another value of its kind. */
function altered({ path, value }: Leaf, seal: boolean): EvidenceBundle {
  const copy = structuredClone(evidence);
  let place = copy as unknown as Record<string | number, unknown>;
  for (const name of path.slice(0, -1)) place = place[name] as Record<string | number, unknown>;
  place[path.at(-1) ?? ''] = another(value);
  return seal ? { ...copy, digest: bundleDigest(copy) } : copy;
}

function another(value: unknown): unknown {
  if (typeof value === 'string') {
    const isHex = /^[0-9a-f]{64}$/.test(value);
    const last = value.at(-1);
    return isHex ? value.slice(0, -1) + (last === '0' ? '1' : '0') : `${value}x`;
  }
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  return 'x';
}

describe('createEvidence', () => {
  test('holds versions, payloads, receipts, anchors, and the windows of the versions with those beside them', () => {
    expect(evidence.versions.map(({ operationType }) => operationType)).toEqual([
      'insert',
      'update',
      'delete',
    ]);
    expect(evidence.versions.every(({ payload }) => payload !== null)).toBe(true);
    expect(evidence.versions[0]?.anchor).toMatchObject({
      merkleRoot: expect.stringMatching(/[0-9a-f]{64}/) as string,
      batch: { transactionHash: expect.any(String) as string },
    });
    expect(evidence.versions.map(({ windows }) => windows)).toEqual([
      [{ pipeline: SHOP, number: 3 }],
      [{ pipeline: SHOP, number: 4 }],
      [{ pipeline: SHOP, number: 5 }],
    ]);
    expect(evidence.windows.map(({ number }) => number)).toEqual([2, 3, 4, 5, 6]);
    expect(evidence.windows.every(({ receipt }) => receipt?.state === 'anchored')).toBe(true);
  });

  test('row values are in it only where payloads are given, and only those that were anchored', async () => {
    const without = await make({ payloads: undefined });
    expect(JSON.stringify(without)).not.toContain('value 0');
    const wrong = await make({ payloads: () => '{"value":"forged"}' });
    expect(wrong.versions.map(({ payload }) => payload)).toEqual([null, null, null]);
  });

  test('an API that wants fewer requests is asked again, and a batch that it does not know is left out', async () => {
    const path = '/api/v1/batches/';
    const isAbout = ({ path: asked }: { readonly path: string }): boolean => asked.startsWith(path);
    const before = it.emulator.requests.filter(isAbout).length;
    it.emulator.faults.add({ kind: 'status', status: 429, match: { path } });
    const { createdAt: _, digest: __, ...again } = await make();
    expect(evidence).toMatchObject(again);
    expect(it.emulator.requests.filter(isAbout).length).toBeGreaterThan(before + 1);
    it.emulator.faults.add({ kind: 'status', status: 404, match: { path } });
    const { versions } = await make({ maxRequestsPerSecond: false });
    expect(versions.some(({ anchor }) => anchor.batchId !== null && anchor.batch === null)).toBe(
      true,
    );
    await expect(make({ maxRequestsPerSecond: 0 })).rejects.toThrow('maxRequestsPerSecond');
  });

  test('a record without receipts, and a store without windows', async () => {
    await expect(make({ record: { ...RECORD, recordId: 'none' } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    const bare = await make({ windows: undefined, client: undefined });
    expect(bare.windows).toEqual([]);
    const report = await verifyEvidence(bare);
    expect(report.ok).toBe(true);
    expect(
      report.steps.filter(({ step }) => step === 'coverage').map(({ state }) => state),
    ).toEqual(Array.from({ length: 3 }, () => 'not-possible'));
  });
});

describe('verifyEvidence', () => {
  test('offline: everything that is public passes, and what needs Certyo is named', async () => {
    const report = await verifyEvidence(JSON.stringify(evidence, null, 2));
    expect(failures(report)).toEqual([]);
    expect(report).toMatchObject({ ok: true, complete: false });
    const open = report.steps.filter(({ state }) => state !== 'passed');
    expect(new Set(open.map(({ state, step }) => `${step} ${state}`))).toEqual(
      new Set(
        ['merkle-proofs', 'certyo', 'anchors', 'history'].map((step) => `${step} needs-certyo`),
      ),
    );
    expect(open.filter(({ step }) => step === 'certyo')).toHaveLength(3 + 5);
  });

  test('online: Certyo confirms each version and each window', async () => {
    const report = await verifyEvidence(evidence, { client: it.client });
    expect(failures(report)).toEqual([]);
    expect(report.complete).toBe(true);
    expect(
      report.steps.filter(({ state, step }) => step === 'certyo' && state === 'passed'),
    ).toHaveLength(8);
  });

  test('a change of any member is found offline', async () => {
    const missed: string[] = [];
    let tried = 0;
    for (const leaf of leaves(evidence)) {
      tried += 1;
      const report = await verifyEvidence(altered(leaf, false));
      if (report.ok) missed.push(leaf.path.join('.'));
    }
    expect(tried).toBeGreaterThan(150);
    expect(missed).toEqual([]);
  });

  test('a member that is missing, added or of another kind is found', async () => {
    const { digest: _, ...missing } = evidence;
    for (const wrong of [
      missing,
      { ...evidence, more: 1 },
      { ...evidence, versions: {} },
      null,
      'no',
      '[]',
      '',
    ]) {
      const report = await verifyEvidence(wrong);
      expect(failures(report)).toEqual(['form ']);
    }
    for (const list of ['versions', 'windows'] as const) {
      for (let index = 0; index < evidence[list].length; index += 1) {
        const copy = { ...evidence, [list]: evidence[list].toSpliced(index, 1) };
        expect((await verifyEvidence(copy)).ok).toBe(false);
      }
      expect((await verifyEvidence({ ...evidence, [list]: evidence[list].toReversed() })).ok).toBe(
        false,
      );
    }
  });

  test('with a digest that was made anew, what bears the proof is found still: offline, or by Certyo', async () => {
    const offline: string[] = [];
    const online: string[] = [];
    const believed: string[] = [];
    for (const leaf of leaves(evidence)) {
      const name = leaf.path.filter((part) => typeof part === 'string').join('.');
      if (name === 'digest') continue;
      const forged = altered(leaf, true);
      const isAsked = leaf.path.includes(2) || leaf.path.length < 3;
      if (!(await verifyEvidence(forged)).ok) offline.push(name);
      else if (!isAsked) continue;
      else if ((await verifyEvidence(forged, { client: it.client })).ok) believed.push(name);
      else online.push(name);
    }
    for (const name of [
      'versions.recordVersion',
      'versions.payload',
      'versions.payloadFingerprint',
      'versions.table.columns.name',
      'versions.windows.number',
      'windows.content',
      'windows.hash',
      'windows.number',
      'windows.receipt.payloadFingerprint',
    ]) {
      expect(offline).toContain(name);
      expect([...online, ...believed]).not.toContain(name);
    }
    expect(new Set(online)).toEqual(
      new Set([
        'record.collection',
        'record.database',
        'record.recordId',
        'windowDatabases.shop',
        'versions.recordHash',
        ...['versions', 'windows.receipt'].flatMap((of) =>
          [
            'merkleRoot',
            'snapshotId',
            'batchId',
            'batch.blockNumber',
            'batch.network',
            'batch.recordCount',
            'batch.transactionHash',
          ].map((name) => `${of}.anchor.${name}`),
        ),
        'windows.receipt.recordHash',
      ]),
    );
    // Nobody can tell these anew; the digest, noted elsewhere, is what protects them.
    const receipt = ['acceptedAt', 'anchor.anchoredAt', 'eventId', 'replayed'];
    expect(new Set(believed)).toEqual(
      new Set([
        'createdAt',
        ...['versions', 'windows.receipt'].flatMap((of) => receipt.map((name) => `${of}.${name}`)),
      ]),
    );
  });

  test('windows that were taken out or changed places are found with a digest made anew', async () => {
    const [second, third, fourth, ...rest] = evidence.windows;
    if (second === undefined || third === undefined || fourth === undefined)
      throw new Error('no windows');
    for (const windows of [
      [second, fourth, ...rest],
      [second, { ...fourth, number: 3 }, { ...third, number: 4 }, ...rest],
    ]) {
      const forged = { ...evidence, windows };
      const report = await verifyEvidence({ ...forged, digest: bundleDigest(forged) });
      expect(report.ok).toBe(false);
    }
  });

  test('nothing of a payload stands in a report', async () => {
    const [version] = evidence.versions;
    const wrong = {
      ...evidence,
      versions: [{ ...version, payload: '{"secret":"value 0"}' }],
    } as EvidenceBundle;
    expect(JSON.stringify(await verifyEvidence(wrong))).not.toContain('value 0');
  });
});

describe('certyo-evidence', () => {
  async function run(
    args: readonly string[],
    env: Readonly<Record<string, string | undefined>> = {},
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
    let [out, err] = ['', ''];
    const code = await runCli({
      args,
      env,
      stdout: (text) => (out += text),
      stderr: (text) => (err += text),
      signal,
    });
    return { code, out, err };
  }

  test('verifies a file: offline without a key, with Certyo where one is given', async () => {
    const file = join(folder, 'evidence.json');
    await writeFile(file, JSON.stringify(evidence, null, 2));
    const offline = await run(['verify', file]);
    expect(offline).toMatchObject({ code: 0, err: '' });
    expect(offline.out).toContain('Nothing failed.');
    expect(offline.out).toContain('11 steps need Certyo, which was not asked');
    const environment = { ...it.emulator.environment };
    const online = await run(['verify', file], environment);
    expect(online.out).toContain('Certyo confirms that this very payload is on the chain.');
    expect(online.out).not.toContain('need Certyo');
    const ignored = await run(['verify', file, '--offline', '--json'], environment);
    expect(JSON.parse(ignored.out)).toMatchObject({ ok: true, complete: false });
  });

  test('exit codes: 1 something failed, 2 wrong usage, 3 Certyo could not be asked', async () => {
    const file = join(folder, 'forged.json');
    await writeFile(file, JSON.stringify({ ...evidence, createdAt: 'x' }));
    const forged = await run(['verify', file]);
    expect(forged.code).toBe(1);
    expect(forged.out).toContain('FAILED  digest');
    for (const args of [
      [],
      ['verify'],
      ['verify', 'a', 'b'],
      ['other', file],
      ['verify', file, '--no'],
      ['verify', join(folder, 'none')],
    ]) {
      expect((await run(args)).code).toBe(2);
    }
    expect((await run(['--help'])).out).toContain('Usage: certyo-evidence verify');
    const refused = { ...it.emulator.environment, CERTYO_API_KEY: 'certyo_sk_test_wrong' };
    const wrongKey = await run(['verify', file], refused);
    expect(wrongKey.code).toBe(3);
    expect(wrongKey.err).not.toContain('certyo_sk_test_wrong');
  });
});
