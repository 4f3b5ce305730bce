import type { AuditFindingKind } from './report-schema.ts';

/** What an audit tells while it runs. No event holds a value of a row. */
export type AuditEvent =
  | {
      readonly type: 'audit-progress';
      readonly phase: 'rows' | 'receipts' | 'suspects';
      /** `schema.table`; null where all tables are worked on together. */
      readonly table: string | null;
      /** Rows, receipts or suspects that were looked at. */
      readonly done: number;
      /** Of about so many; null where nobody knows. */
      readonly of: number | null;
      readonly suspects: number;
    }
  | {
      readonly type: 'audit-snapshot';
      readonly takenAt: string;
      readonly settledBy: 'pipeline' | 'slot' | 'time';
    }
  | {
      readonly type: 'audit-finished';
      readonly rows: number;
      readonly exceptions: Readonly<Record<AuditFindingKind, number>>;
      readonly notComparable: number;
      readonly unsettled: number;
      readonly durationMs: number;
    };
