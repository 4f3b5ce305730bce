import { describe, expect, test } from 'vitest';
import { verifyMerkleProof, type MerkleStep } from './merkle-tree.ts';
import { startCertyoEmulator } from './start-certyo-emulator.ts';
import { call, record } from './test-client.ts';

interface Snapshot {
  readonly snapshotId: string;
  readonly status: string;
  readonly batchId: string;
}

async function snapshots(
  emulator: Parameters<typeof call>[0],
  query = '',
): Promise<{ items: Snapshot[]; nextCursor: string | null }> {
  const answer = await call(emulator, 'GET', `/snapshots${query}`);
  expect(answer.status).toBe(200);
  return answer.json as { items: Snapshot[]; nextCursor: string | null };
}

describe('anchoring', () => {
  test('a record goes from Ingested to Anchored as the clock advances', async () => {
    await using emulator = await startCertyoEmulator();
    await call(emulator, 'POST', '/records', record());
    const status = async () => (await snapshots(emulator)).items[0]?.status;

    await expect.poll(status).toBe('PendingAnchor');
    emulator.clock.advance(59_000);
    expect(await status()).toBe('PendingAnchor');
    emulator.clock.advance(1_000);
    expect(await status()).toBe('Batched');
    emulator.clock.advance(15_000);
    expect(await status()).toBe('Anchored');

    const path = '/snapshots/snap_0000000001';
    const lifecycle = await call(emulator, 'GET', `${path}/lifecycle`);
    expect(lifecycle.json).toMatchObject({
      status: 'Anchored',
      events: ['Ingested', 'PendingAnchor', 'Batched', 'Anchored'].map((name) => ({
        status: name,
      })),
    });
    expect((await call(emulator, 'GET', path)).json).toMatchObject({
      onChainConfirmed: true,
      onChainMerkleRoot: emulator.chain[0]?.merkleRoot,
    });
  });

  test('a batch closes at its count, others by age', async () => {
    await using emulator = await startCertyoEmulator({
      batchCount: 3,
      batchAgeMs: 30,
      anchorDelayMs: 0,
    });
    const records = Array.from({ length: 7 }, (_, index) => record({ recordId: `${index}` }));
    await call(emulator, 'POST', '/records/bulk', { records });
    await emulator.waitUntilAnchored({ signal: AbortSignal.timeout(60_000) });

    const sizes = [];
    for (const { batchId } of emulator.chain) {
      const batch = await call(emulator, 'GET', `/batches/${batchId}`);
      sizes.push((batch.json as { recordCount: number }).recordCount);
      expect(batch.json).toMatchObject({ status: 'Anchored', network: 'emulated', attempts: 1 });
    }
    expect(sizes).toEqual([3, 3, 1]);
    expect(emulator.chain.map((block) => block.blockNumber)).toEqual([
      60000001, 60000002, 60000003,
    ]);
  });

  test('Failed on demand, retried by hand into a new batch', async () => {
    await using emulator = await startCertyoEmulator({ batchAgeMs: 10, anchorDelayMs: 10 });
    const fault = emulator.faults.add({ kind: 'anchor-failure', match: { recordId: 'bad' } });
    await call(emulator, 'POST', '/records', record({ recordId: 'bad' }));
    await emulator.waitUntilAnchored({ signal: AbortSignal.timeout(60_000) });

    const [failed] = (await snapshots(emulator, '?status=Failed')).items;
    expect(failed).toMatchObject({ recordId: 'bad', onChainConfirmed: false });
    expect(emulator.counters).toMatchObject({ failed: 1, anchored: 0 });
    expect(fault.hits).toBe(1);

    const path = `/snapshots/${failed?.snapshotId}/retry`;
    expect(await call(emulator, 'POST', path)).toMatchObject({ status: 202 });
    expect(await call(emulator, 'POST', path)).toMatchObject({
      status: 409,
      json: { code: 'not_failed' },
    });
    await emulator.waitUntilAnchored({ signal: AbortSignal.timeout(60_000) });

    const lifecycle = await call(emulator, 'GET', `/snapshots/${failed?.snapshotId}/lifecycle`);
    const states = ['Ingested', 'PendingAnchor', 'Batched'];
    expect((lifecycle.json as { events: Snapshot[] }).events.map((event) => event.status)).toEqual([
      ...states,
      'Failed',
      ...states,
      'Anchored',
    ]);
    expect(emulator.counters).toMatchObject({ failed: 0, anchored: 1, effects: 1 });
  });

  test('Failed batches are tried again by themselves when asked for', async () => {
    await using emulator = await startCertyoEmulator({ autoRetryMs: 10_000 });
    emulator.faults.add({ kind: 'anchor-failure', count: 2 });
    await call(emulator, 'POST', '/records', record());
    emulator.clock.advance(60_000);
    emulator.clock.advance(15_000);
    expect(emulator.counters).toMatchObject({ failed: 1, pending: 0 });
    emulator.clock.advance(10_000);
    expect(emulator.counters).toMatchObject({ failed: 1, pending: 0 });
    emulator.clock.advance(10_000);
    expect(emulator.counters).toMatchObject({ failed: 0, anchored: 1 });
  });

  test('one step of the clock over age and delay anchors', async () => {
    await using emulator = await startCertyoEmulator();
    await call(emulator, 'POST', '/records', record());
    emulator.clock.advance(75_000);
    expect(emulator.counters.anchored).toBe(1);
  });

  test('lists are filtered and paged, newest first', async () => {
    await using emulator = await startCertyoEmulator();
    const records = Array.from({ length: 25 }, (_, index) =>
      record({ recordId: `${index % 5}`, recordVersion: `${index}`, collection: `c${index % 2}` }),
    );
    await call(emulator, 'POST', '/records/bulk', { records });

    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page = await snapshots(emulator, `?limit=10${query}`);
      seen.push(...page.items.map((item) => item.snapshotId));
      cursor = page.nextCursor;
    }
    expect(seen).toHaveLength(25);
    expect(seen).toEqual(seen.toSorted().toReversed());

    const versions = async (path: string) => {
      const answer = await call(emulator, 'GET', path);
      return (answer.json as { items: { recordVersion: string }[] }).items.map(
        (item) => item.recordVersion,
      );
    };
    expect(await versions('/snapshots?recordId=3')).toEqual(['23', '18', '13', '8', '3']);
    expect(await versions('/records?recordId=3&collection=c0')).toEqual(['18', '8']);
    expect(await versions('/records?recordId=3&database=none')).toEqual([]);
    expect(await versions('/records?recordVersion=7')).toEqual(['7']);
    expect(await versions('/records?from=2100-01-01T00:00:00Z')).toEqual([]);
    expect(await versions('/records?to=2100-01-01&limit=2')).toEqual(['24', '23']);
    const timeline = await versions('/timeline/record?recordId=3');
    expect(timeline).toEqual(['3', '8', '13', '18', '23']);
  });

  test.each([
    ['/snapshots?status=anchored', 'status'],
    ['/records?limit=0', 'limit'],
    ['/records?limit=1001', 'limit'],
    ['/records?cursor=x', 'cursor'],
    ['/records?from=yesterday', 'from'],
    ['/timeline/record', 'recordId'],
  ])('%s is refused and names the parameter', async (path, field) => {
    await using emulator = await startCertyoEmulator();
    expect(await call(emulator, 'GET', path)).toMatchObject({ status: 400, json: { field } });
  });
});

describe('verification', () => {
  const identity = {
    tenantId: 'test-tenant',
    database: 'shopdb',
    collection: 'public.orders',
    recordId: '1001',
  };

  test('passes once anchored, with a proof that anybody can check', async () => {
    await using emulator = await startCertyoEmulator({ batchAgeMs: 10, anchorDelayMs: 10 });
    const records = Array.from({ length: 5 }, (_, id) =>
      record({ recordId: `${1000 + id}`, recordPayload: { id } }),
    );
    await call(emulator, 'POST', '/records/bulk', { records });
    await emulator.waitUntilAnchored({ signal: AbortSignal.timeout(60_000) });

    const withPayload = await call(
      emulator,
      'POST',
      '/verify/record',
      `${JSON.stringify(identity).slice(0, -1)},"payload":{ "id" : 1 }}`,
    );
    const without = await call(emulator, 'POST', '/verify/record', identity);

    expect(withPayload.json).toMatchObject({
      verified: true,
      verificationStatus: 'pass',
      reasonCategory: 'verified_anchored',
      anchoredOnChain: true,
      blockNumber: 60000001,
    });
    expect(without.json).toMatchObject({ verified: true, computedPayloadHash: null });
    const body = withPayload.json as {
      recordHash: string;
      merkleProof: MerkleStep[];
      merkleRoot: string;
      computedPayloadHash: string;
    };
    expect(body.computedPayloadHash).toBe(body.recordHash);
    expect(body.merkleRoot).toBe(emulator.chain[0]?.merkleRoot);
    expect(
      verifyMerkleProof(body.recordHash, body.merkleProof, body.merkleRoot.slice('0x'.length)),
    ).toBe(true);
    const hash = { tenantId: 'test-tenant', payloadHash: `sha256:${body.recordHash}` };
    expect((await call(emulator, 'POST', '/verify/payload', hash)).json).toMatchObject({
      verified: true,
      recordId: '1001',
    });
    const snapshot = await call(emulator, 'GET', '/verify/snapshot/snap_0000000002');
    expect(snapshot.json).toMatchObject({ verified: true, recordId: '1001' });
    const evidence = await call(
      emulator,
      'GET',
      '/evidence/retrieval-controls?snapshotId=snap_0000000002',
    );
    expect(evidence.json).toMatchObject({
      controls: { recordPayload: 'denied' },
      evidence: { recordHash: body.recordHash, merkleProof: body.merkleProof },
    });
    const history = await call(emulator, 'GET', '/verify/history?limit=2');
    expect(history.json).toMatchObject({
      items: [
        { endpoint: 'GET /api/v1/verify/snapshot/snap_0000000002', verificationStatus: 'pass' },
        { endpoint: 'POST /api/v1/verify/payload', withPayload: true },
      ],
      nextCursor: expect.any(String),
    });
  });

  test('fails for another payload, waits while not anchored, fails when anchoring failed', async () => {
    await using emulator = await startCertyoEmulator();
    const verify = async (fields: object = {}) =>
      (await call(emulator, 'POST', '/verify/record', { ...identity, ...fields })).json;
    await call(emulator, 'POST', '/records', record());

    expect(await verify({ payload: { id: 1001 } })).toMatchObject({
      verified: false,
      verificationStatus: 'pending',
      reasonCategory: 'not_yet_anchored',
      anchoredOnChain: false,
    });
    expect(await verify({ payload: { id: 1002 } })).toMatchObject({
      verified: false,
      verificationStatus: 'fail',
      reasonCategory: 'payload_mismatch',
    });
    emulator.faults.add({ kind: 'anchor-failure' });
    emulator.closeBatches();
    emulator.clock.advance(15_000);
    expect(await verify()).toMatchObject({ verified: false, reasonCategory: 'anchoring_failed' });
  });

  test('compares with the newest version unless one is named', async () => {
    await using emulator = await startCertyoEmulator();
    const versions = ['1', '2'].map((recordVersion) =>
      record({ recordVersion, recordPayload: { recordVersion } }),
    );
    await call(emulator, 'POST', '/records/bulk', versions);
    const verify = async (fields: object) =>
      (await call(emulator, 'POST', '/verify/record', { ...identity, ...fields })).json;

    expect(await verify({})).toMatchObject({ recordVersion: '2' });
    expect(await verify({ recordVersion: '1', payload: { recordVersion: '1' } })).toMatchObject({
      recordVersion: '1',
      verificationStatus: 'pending',
    });
  });

  test.each([
    ['/verify/record', { ...identity, recordId: 'none' }, 404, undefined],
    ['/verify/record', { tenantId: 'test-tenant' }, 400, 'recordId'],
    ['/verify/record', { ...identity, payload: 7 }, 400, 'payload'],
    ['/verify/record', [], 400, undefined],
    ['/verify/payload', { tenantId: 'test-tenant' }, 400, 'payloadHash'],
    ['/verify/payload', { tenantId: 'test-tenant', payloadHash: 'x' }, 400, 'payloadHash'],
    ['/verify/payload', { tenantId: 'test-tenant', payloadHash: '0'.repeat(64) }, 404, undefined],
  ])('%s with %j is answered with %d', async (path, body, status, field) => {
    await using emulator = await startCertyoEmulator();
    const answer = await call(emulator, 'POST', path, body);
    expect(answer.status).toBe(status);
    expect((answer.json as { field?: string }).field).toBe(field);
  });

  test.each([
    '/snapshots/snap_0000000009',
    '/snapshots/nonsense',
    '/snapshots/snap_0000000009/lifecycle',
    '/verify/snapshot/snap_0000000009',
    '/batches/batch_00000009',
    '/timeline/record?recordId=none',
    '/evidence/retrieval-controls?snapshotId=none',
  ])('%s is not found', async (path) => {
    await using emulator = await startCertyoEmulator();
    expect((await call(emulator, 'GET', path)).status).toBe(404);
  });
});
