import { createCertyoClient, type CertyoClient, type ReceiptStore } from '@certyo-cdc/core';
import {
  createVerifier,
  type PostgresReceiptStore,
  postgresReceiptStore,
  type Verifier,
} from '@certyo-cdc/verification';

/** A store of receipts as a campaign has it: looked at as soon as they are there. */
export function campaignReceipts(connection: string | undefined): PostgresReceiptStore {
  return postgresReceiptStore({ connection, firstLookMs: 1 });
}

/** A verifier as impatient as campaigns are. */
export function campaignVerifier(
  client: CertyoClient,
  receipts: PostgresReceiptStore,
  place: (name: string) => void = () => {},
): Verifier {
  return createVerifier({
    client,
    receipts,
    gatherMs: 1,
    intervalMs: 10,
    backoff: { initialMs: 10, maxMs: 100 },
    resubmitAfterMs: 20,
    maxResubmits: 1000,
    firstLookMs: 20,
    claimMs: 1000,
    maxClaimed: 40,
    maxRequestsPerSecond: false,
    followers: [{ name: 'failpoint', follow: async () => place('before-record') }],
    onEvent: (event) => {
      if (event.type === 'receipts-looked-at' && event.anchored > 0) place('after-record');
    },
  });
}

/** The part of a killed client that keeps receipts and follows them. */
export interface Ledger {
  readonly receipts: ReceiptStore;
  readonly verifier: Verifier;
  close(): Promise<void>;
}

/** A ledger with failpoints around it: before and after what it stores. */
export function ledgerWithFailpoints(place: (name: string) => void): Ledger {
  const inner = campaignReceipts(undefined);
  const client = createCertyoClient();
  const verifier = campaignVerifier(client, inner, place);
  return {
    receipts: {
      store: async (receipts, options) => {
        place('before-store');
        await inner.store(receipts, options);
        place('after-store');
      },
      latest: (records, options) => inner.latest(records, options),
      find: (versions, options) => inner.find(versions, options),
      sendMarks: (pipeline, options) => inner.sendMarks(pipeline, options),
      addSendMark: async (pipeline, upTo, options) => {
        place('before-mark');
        const mark = await inner.addSendMark(pipeline, upTo, options);
        place('after-mark');
        return mark;
      },
      close: () => inner.close(),
    },
    verifier,
    close: async () => {
      await verifier.stop();
      await inner.close();
      await client.close();
    },
  };
}
