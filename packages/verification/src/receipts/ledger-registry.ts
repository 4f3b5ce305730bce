import { wrongOption } from '@certyo-cdc/core/internal';

import type { NormalizedReceiptStoreOptions } from './options.ts';

const ledgers = new WeakMap<object, NormalizedReceiptStoreOptions>();

/** Remembers where the ledger of a store is, for what works on it with connections of its own. */
export function registerLedger(store: object, options: NormalizedReceiptStoreOptions): void {
  ledgers.set(store, options);
}

/** @throws ConfigurationError for what `postgresReceiptStore` did not make. */
export function ledgerOf(store: object): NormalizedReceiptStoreOptions {
  const options = ledgers.get(store);
  if (options === undefined) {
    throw wrongOption('receipts', 'what postgresReceiptStore() returned', store);
  }
  return options;
}
