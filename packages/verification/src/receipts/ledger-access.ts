import { ReceiptError } from '@certyo-cdc/core';
import { roleOf } from '@certyo-cdc/postgres';

import { receiptGrantSql, verifierGrantSql } from '../setup/grants.ts';
import { ledgerSetupSql } from '../setup/setup-sql.ts';
import { StoreAccess } from '../store/store-access.ts';
import type { NormalizedReceiptStoreOptions } from './options.ts';

/** A session on the ledger. What fails is a `ReceiptError` whose remedy names the SQL to run. */
export class LedgerAccess extends StoreAccess {
  constructor({ place, shape }: NormalizedReceiptStoreOptions, name: string) {
    const { schema } = place;
    super(place, name, () => ({
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
