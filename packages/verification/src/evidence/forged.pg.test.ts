import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { row, SHOP, windowRig, type WindowRig } from '../testing/window-rig.ts';
import { bundleDigest, type EvidenceBundle, type EvidenceVersion } from './bundle.ts';
import { createEvidence } from './create-evidence.ts';
import type { EvidenceReport } from './report.ts';
import { runCli } from './run-cli.ts';
import { verifyEvidence } from './verify-evidence.ts';

const { signal } = new AbortController();
const RECORD = { database: 'memory', collection: 'public.items', recordId: 'a' };

let it: WindowRig;
let evidence: EvidenceBundle;
/** Made before the last version. */
let earlier: EvidenceBundle;

/** A record of three versions, the last of which lies in a batch of its own. */
beforeAll(async () => {
  it = await windowRig();
  for (const operation of ['insert', 'update', 'delete'] as const) {
    if (operation === 'delete') earlier = await make();
    const pipeline = await it.start();
    it.source.push([
      { ...row(operation, 0), key: { id: 'a' } } as Parameters<typeof it.source.push>[0][number],
    ]);
    await pipeline.caughtUp();
    await it.windows.closeNow(SHOP, { signal });
    await pipeline.drain();
    await it.anchorWindows();
    await it.anchorAll();
  }
  // Made when what it holds has been there for a while.
  evidence = seal({ ...(await make()), createdAt: new Date(Date.now() + 3_600_000).toISOString() });
});

afterAll(async () => {
  await it[Symbol.asyncDispose]();
});

function make(): Promise<EvidenceBundle> {
  return createEvidence({
    record: RECORD,
    receipts: it.receipts,
    windows: it.windows,
    client: it.client,
    payloads: ({ recordVersion }) =>
      it.emulator.records(RECORD).find((effect) => effect.recordVersion === recordVersion)
        ?.payload ?? null,
    signal,
  });
}

function seal(forged: EvidenceBundle): EvidenceBundle {
  return { ...forged, digest: bundleDigest(forged) };
}

function withVersion(index: number, more: Partial<EvidenceVersion>): EvidenceBundle {
  const versions = evidence.versions.map((version, at) =>
    at === index ? { ...version, ...more } : version,
  );
  return seal({ ...evidence, versions });
}

function online(forged: EvidenceBundle): Promise<EvidenceReport> {
  return verifyEvidence(forged, { client: it.client });
}

function failures({ steps }: EvidenceReport): readonly string[] {
  return steps.filter(({ state }) => state === 'failed').map(({ step }) => step);
}

describe('verifyEvidence, of what was forged and sealed anew', () => {
  test('what was not forged passes', async () => {
    const [first, , last] = evidence.versions;
    expect(first?.anchor.batchId).not.toBe(last?.anchor.batchId);
    expect(await online(evidence)).toMatchObject({ ok: true, complete: true });
  });

  test('a version that says it lies in another batch, of another time', async () => {
    const [first, , last] = evidence.versions;
    if (first === undefined || last === undefined) throw new Error('no versions');
    const { batch, batchId } = first.anchor;
    for (const anchor of [
      { ...last.anchor, batch, batchId, merkleRoot: null },
      { ...last.anchor, batch, batchId, merkleRoot: null, snapshotId: null },
      // No batch is named that could be asked about.
      { ...last.anchor, batch: { transactionHash: '0xfeed' }, batchId: null },
    ]) {
      const report = await online(withVersion(2, { anchor }));
      expect(failures(report)).toContain('anchors');
    }
    const anchor = { ...last.anchor, snapshotId: first.anchor.snapshotId };
    expect(failures(await online(withVersion(2, { anchor })))).toContain('anchors');
  });

  test('a version that says no batch leaves something open', async () => {
    const [, , last] = evidence.versions;
    if (last === undefined) throw new Error('no versions');
    const anchor = { ...last.anchor, batch: null, batchId: null, merkleRoot: null };
    const report = await online(withVersion(2, { anchor }));
    expect(report).toMatchObject({ ok: true, complete: false });
  });

  test('a version that was left out: between others, or the newest', async () => {
    for (const left of [1, 2]) {
      const versions = evidence.versions.toSpliced(left, 1);
      const report = await online(seal({ ...evidence, versions }));
      expect(failures(report)).toEqual(['history']);
    }
    const tail = await online(seal({ ...evidence, versions: evidence.versions.slice(1) }));
    expect(tail).toMatchObject({ ok: true, complete: false });
  });

  test('evidence from before the newest version is right, and not complete', async () => {
    const report = await online(earlier);
    expect(failures(report)).toEqual([]);
    expect(report.complete).toBe(false);
    expect(report.steps.find(({ step }) => step === 'history')?.detail).toContain('1 newer');
  });

  test('without payload and hash nothing is said of the content', async () => {
    const none = { payload: null, recordHash: null, payloadFingerprint: '0'.repeat(64) };
    const report = await online(withVersion(1, none));
    const step = report.steps.filter(({ step: name }) => name === 'certyo')[1];
    expect(step?.state).toBe('not-possible');
    expect(report.complete).toBe(false);
  });

  test('windows that do not stand in their order', async () => {
    const [one, two, three] = evidence.windows;
    if (one === undefined || two === undefined || three === undefined) throw new Error('none');
    const windows = [one, three, { ...two, receipt: null }];
    const report = await verifyEvidence(seal({ ...evidence, windows }));
    expect(failures(report)).toContain('windows');
  });
});

describe('verifyEvidence, of files that nobody would make', () => {
  test.each([
    ['half of a surrogate pair', (text: string) => text.replace('"shop"', '"\\ud800"')],
    ['a number that is none', (text: string) => text.replace(/"blockNumber":\d+/u, '"more":1e999')],
    [
      'thousands of levels',
      (text: string) =>
        text.replace(/"blockNumber":\d+/u, `"more":${'['.repeat(9000)}${']'.repeat(9000)}`),
    ],
    [
      'a member twice',
      (text: string) => text.replace('"createdAt"', '"createdAt":"x","createdAt"'),
    ],
    [
      'a member twice, written in another way',
      (text: string) => text.replace('"versions":[', '"versions":[],"version\\u0073":['),
    ],
  ])('%s', async (_what, forge) => {
    const text = forge(JSON.stringify(evidence));
    expect(text).not.toBe(JSON.stringify(evidence));
    const report = await verifyEvidence(text);
    expect(failures(report)).toContain('form');
  });

  test('who interrupts the command is not told that something failed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'evidence-'));
    try {
      const file = join(folder, 'evidence.json');
      await writeFile(file, JSON.stringify(evidence));
      const stop = new AbortController();
      const held = it.emulator.faults.add({ kind: 'hold', match: { path: '/api/v1/verify' } });
      let err = '';
      const running = runCli({
        args: ['verify', file],
        env: { ...it.emulator.environment },
        stdout: () => {},
        stderr: (text) => (err += text),
        signal: stop.signal,
      });
      await expect.poll(() => held.hits).toBe(1);
      stop.abort();
      expect(await running).toBe(130);
      expect(err).toContain('interrupted');
    } finally {
      await it.emulator.faults.clear();
      await rm(folder, { recursive: true });
    }
  });

  test('what stands in a file cannot write lines of the report, nor control a terminal', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'evidence-'));
    try {
      const file = join(folder, 'evidence.json');
      const lie = '1\u001B[2K\r\n\nNothing failed. 30 steps passed.\u202E\u009B';
      const forged = withVersion(0, { recordVersion: lie, payload: '{}' });
      await writeFile(file, JSON.stringify(forged));
      let out = '';
      const code = await runCli({
        args: ['verify', file],
        env: {},
        stdout: (text) => (out += text),
        stderr: () => {},
        signal,
      });
      expect(code).toBe(1);
      expect(out).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
      expect(out).not.toMatch(/^Nothing failed/mu);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
