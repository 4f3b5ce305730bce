import { ReceiptError, WriteBackError } from '@certyo-cdc/core';
import {
  openStoreSession,
  roleOf,
  type SqlSession,
  type StoreRemedies,
} from '@certyo-cdc/postgres';

import { receiptGrantSql, verifierGrantSql } from '../setup/grants.ts';
import { ledgerSetupSql } from '../setup/setup-sql.ts';
import { StoreAccess } from '../store/store-access.ts';
import type { NormalizedReceiptStoreOptions } from './options.ts';

interface LedgerAccessOptions {
  /** What a failure may be mended by besides what makes the ledger. */
  readonly more?: StoreRemedies;
  /** Where statements may take longer than those of a store. */
  readonly session?: SqlSession;
}

const NO_REMEDIES: StoreRemedies = { setup: [], grants: [] };

/** A session on the ledger. What fails is a `ReceiptError` whose remedy names the SQL to run. */
export class LedgerAccess extends StoreAccess {
  constructor(
    { place, shape }: NormalizedReceiptStoreOptions,
    name: string,
    { more = NO_REMEDIES, session = openStoreSession(place, name) }: LedgerAccessOptions = {},
  ) {
    const { schema } = place;
    super(place, session, () => ({
      subject: 'Receipts',
      error: ReceiptError,
      // What is written back meanwhile has errors of its own.
      others: [WriteBackError],
      setup: [...ledgerSetupSql(shape, schema), ...more.setup],
      grants: [
        ...receiptGrantSql(roleOf(place), schema),
        ...verifierGrantSql(roleOf(place), schema),
        ...more.grants,
      ],
    }));
  }
}
