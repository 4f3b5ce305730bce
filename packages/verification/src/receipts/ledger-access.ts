import { ReceiptError } from '@certyo-cdc/core';
import { openStoreSession, roleOf, type SqlSession } from '@certyo-cdc/postgres';

import { receiptGrantSql, verifierGrantSql } from '../setup/grants.ts';
import { ledgerSetupSql } from '../setup/setup-sql.ts';
import { StoreAccess } from '../store/store-access.ts';
import type { NormalizedReceiptStoreOptions } from './options.ts';

/** A session on the ledger. What fails is a `ReceiptError` whose remedy names the SQL to run. */
export class LedgerAccess extends StoreAccess {
  /** @param session Where statements may take longer than those of a store. */
  constructor(
    { place, shape }: NormalizedReceiptStoreOptions,
    name: string,
    session: SqlSession = openStoreSession(place, name),
  ) {
    const { schema } = place;
    super(place, session, () => ({
      subject: 'Receipts',
      error: ReceiptError,
      setup: ledgerSetupSql(shape, schema),
      grants: [
        ...receiptGrantSql(roleOf(place), schema),
        ...verifierGrantSql(roleOf(place), schema),
      ],
    }));
  }
}
