import { DEFAULT_SCHEMA, quoteIdentifier } from '@certyo-cdc/postgres';

import { ledgerTable } from '../receipts/sql.ts';

/**
 * What the role of an audit needs of the ledger, besides CONNECT, and SELECT on the audited tables. To reconcile it needs
 * `receiptGrantSql` too.
 */
export function auditGrantSql(role: string, schema: string = DEFAULT_SCHEMA): readonly string[] {
  const to = quoteIdentifier(role);
  const table = (name: string): string => ledgerTable(schema, name);
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${to};`,
    `GRANT SELECT ON ${table('receipts')}, ${table('receipt_tables')}, ${table('anchors')} TO ${to};`,
  ];
}
