import { setTimeout as sleep } from 'node:timers/promises';
import { createCertyoClient } from '@certyo-cdc/core';
import type { CertyoEmulator } from '@certyo-cdc/testing';
import { createVerifier, type PostgresReceiptStore } from '@certyo-cdc/verification';

/** What following the receipts came to. */
export interface VerifiedReceipts {
  /** Receipts in the ledger. */
  readonly kept: number;
  /** Of these, found anchored. */
  readonly anchored: number;
  /** Requests that it took to find that out. */
  readonly requests: number;
}

/** Follows every receipt until none is pending. Everything is anchored already, so one round does, mostly. */
export async function verifyReceipts(
  receipts: PostgresReceiptStore,
  emulator: CertyoEmulator,
): Promise<VerifiedReceipts> {
  const { signal } = new AbortController();
  await using client = createCertyoClient({ env: { ...emulator.environment } });
  await using verifier = createVerifier({
    client,
    receipts,
    backoff: { initialMs: 100, maxMs: 1000 },
    maxRequestsPerSecond: false,
  });
  let pending = Infinity;
  let failed = 0;
  while (pending > 0) {
    await verifier.runOnce();
    ({ failed, pending } = await receipts.summary({ signal }));
    if (pending > 0) await sleep(100);
  }
  const { receipts: anchored } = await receipts.anchoredWithin({ since: new Date(0), signal });
  return { kept: anchored + failed, anchored, requests: verifier.status().requests };
}
