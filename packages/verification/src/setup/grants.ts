import { DEFAULT_SCHEMA, quoteIdentifier } from '@certyo-cdc/postgres';

import { ledgerTable } from '../receipts/sql.ts';

/** The columns of a receipt that a verifier writes; the others never change. */
export const VERIFIER_COLUMNS: readonly string[] = [
  'due_at',
  'looked_at',
  'anchored_at',
  'raised_at',
  'failed_at',
  'anchor_id',
  'looks',
  'resubmits',
  'state',
  'snapshot_id',
  'failure',
];

/** What the role of a pipeline needs besides CONNECT to store receipts. */
export function receiptGrantSql(role: string, schema: string = DEFAULT_SCHEMA): readonly string[] {
  const to = quoteIdentifier(role);
  const table = (name: string): string => ledgerTable(schema, name);
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${to};`,
    `GRANT SELECT, INSERT ON ${table('receipts')}, ${table('receipt_tables')} TO ${to};`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${table('receipt_send_marks')} TO ${to};`,
    `GRANT EXECUTE ON FUNCTION ${table('maintain_receipts')}() TO ${to};`,
  ];
}

/** What the role of a verifier needs besides CONNECT. It cannot make, change or remove what a receipt says. */
export function verifierGrantSql(role: string, schema: string = DEFAULT_SCHEMA): readonly string[] {
  const to = quoteIdentifier(role);
  const table = (name: string): string => ledgerTable(schema, name);
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${to};`,
    `GRANT SELECT ON ${table('receipts')}, ${table('receipt_tables')}, ${table('receipt_send_marks')} TO ${to};`,
    `GRANT UPDATE (${VERIFIER_COLUMNS.join(', ')}) ON ${table('receipts')} TO ${to};`,
    `GRANT SELECT, INSERT, UPDATE ON ${table('anchors')} TO ${to};`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${table('verifier_claims')} TO ${to};`,
    `GRANT EXECUTE ON FUNCTION ${table('maintain_receipts')}() TO ${to};`,
  ];
}
