import { z } from 'zod';

/** What an audit can find wrong. */
export const AUDIT_FINDINGS = [
  'changed',
  'missing-record',
  'missing-row',
  'out-of-order',
  'not-anchored',
] as const;

/**
 * What is wrong: the row is not what its newest record says (`changed`); the row has no record, or its newest one says that it was
 * deleted (`missing-record`); the newest record says that there is a row, and there is none (`missing-row`); the row is what an
 * older record says, or records were accepted in another order than they were made (`out-of-order`); the row is what its newest
 * record says, which Certyo could not anchor (`not-anchored`).
 */
export type AuditFindingKind = (typeof AUDIT_FINDINGS)[number];

const count = z.int().nonnegative();
const counts = z.strictObject({ pending: count, anchored: count, failed: count });

/** What was counted of a table. */
export interface AuditTableTotals {
  /** Rows that were read. */
  readonly rows: number;
  /** Of these, rows that are as their newest record says. */
  readonly unchanged: number;
  /** Of the unchanged ones, those whose newest record shows only a part of the row as it is now: newer columns, or large values that the change did not touch. */
  readonly partlyShown: number;
  /** Rows that no record is made of, by a rule of the mapping. */
  readonly byRule: number;
  /** Rows whose newest record lies outside the time span. */
  readonly outsideSpan: number;
  /** Rows of which it cannot be said, because their newest record was made of columns that are gone or have another type. */
  readonly notComparable: number;
  /** Rows and records that kept changing while they were looked at. */
  readonly unsettled: number;
  readonly exceptions: Readonly<Record<AuditFindingKind, number>>;
  /** The unchanged ones by the state of their newest record. */
  readonly anchoring: {
    readonly pending: number;
    readonly anchored: number;
    readonly failed: number;
  };
}

export const auditTableTotalsSchema: z.ZodType<AuditTableTotals> = z.strictObject({
  rows: count,
  unchanged: count,
  partlyShown: count,
  byRule: count,
  outsideSpan: count,
  notComparable: count,
  unsettled: count,
  exceptions: z.strictObject({
    changed: count,
    'missing-record': count,
    'missing-row': count,
    'out-of-order': count,
    'not-anchored': count,
  }),
  anchoring: counts,
});

/** One thing that is wrong. */
export interface AuditException {
  readonly kind: AuditFindingKind;
  /** `schema.table`. */
  readonly table: string;
  readonly database: string;
  readonly collection: string;
  readonly recordId: string;
  /** The row's key as PostgreSQL's text; null where it cannot be told from the record. */
  readonly key: readonly string[] | null;
  readonly reason: string;
  /** SHA-256 of the payload that the row would be now; null where there is no row. */
  readonly foundFingerprint: string | null;
  /** The newest receipt; null where there is none. */
  readonly recorded: {
    readonly recordVersion: string;
    readonly operation: string;
    readonly fingerprint: string;
    readonly recordHash: string | null;
    readonly acceptedAt: string;
    readonly state: 'pending' | 'anchored' | 'failed';
  } | null;
  /** The older version that the row is equal to, else null. */
  readonly equalsVersion: string | null;
  /** What differs, as far as the API gives the recorded payload; null where it is not known. */
  readonly columns: readonly string[] | null;
  /** As JSON texts, by column; null where values were not asked for. Of columns that are not known to be equal. */
  readonly values: Readonly<
    Record<string, { readonly recorded: string | null; readonly found: string | null }>
  > | null;
  /** What Certyo says of the row as it is now; null where it was not asked. */
  readonly certyo: AuditAnswer | null;
}

/** Certyo's answer to the question whether a payload is the recorded one. */
export interface AuditAnswer {
  readonly verified: boolean;
  readonly anchored: boolean;
  readonly reason: string | null;
}

const exceptionSchema: z.ZodType<AuditException> = z.strictObject({
  kind: z.enum(AUDIT_FINDINGS),
  table: z.string(),
  database: z.string(),
  collection: z.string(),
  recordId: z.string(),
  key: z.array(z.string()).nullable(),
  reason: z.string(),
  foundFingerprint: z.string().nullable(),
  recorded: z
    .strictObject({
      recordVersion: z.string(),
      operation: z.string(),
      fingerprint: z.string(),
      recordHash: z.string().nullable(),
      acceptedAt: z.string(),
      state: z.enum(['pending', 'anchored', 'failed']),
    })
    .nullable(),
  equalsVersion: z.string().nullable(),
  columns: z.array(z.string()).nullable(),
  values: z
    .record(
      z.string(),
      z.strictObject({ recorded: z.string().nullable(), found: z.string().nullable() }),
    )
    .nullable(),
  certyo: z
    .strictObject({ verified: z.boolean(), anchored: z.boolean(), reason: z.string().nullable() })
    .nullable(),
});

/** What an audit has found. Plain JSON. */
export interface AuditReport {
  readonly format: 'certyo-cdc-audit';
  readonly version: 1;
  /** `passed`: nothing is wrong, and everything could be compared. `incomplete`: nothing is wrong as far as it could be compared. */
  readonly verdict: 'passed' | 'exceptions' | 'incomplete';
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly database: {
    readonly name: string;
    readonly systemIdentifier: string;
    readonly serverVersion: string;
  };
  /** When the snapshots were taken in which rows were read: one, and one more for each time the audit went on. */
  readonly snapshots: readonly string[];
  /** How it was known that what was committed has its receipts; `time` is a guess. */
  readonly settledBy: 'pipeline' | 'slot' | 'time';
  readonly span: { readonly from: string | null; readonly to: string | null } | null;
  readonly totals: AuditTableTotals;
  readonly tables: readonly {
    readonly table: string;
    readonly from: readonly string[] | null;
    readonly to: readonly string[] | null;
    readonly where: string | null;
    readonly totals: AuditTableTotals;
    /** Why rows could not be compared, and how many. */
    readonly notComparable: readonly { readonly reason: string; readonly rows: number }[];
  }[];
  /** Receipts of the audited tables by time of acceptance. */
  readonly timeline: {
    readonly bucket: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year';
    readonly points: readonly {
      readonly at: string;
      readonly pending: number;
      readonly anchored: number;
      readonly failed: number;
    }[];
  };
  readonly exceptions: readonly AuditException[];
  /** Exceptions that are counted and not listed. */
  readonly exceptionsLeftOut: number;
  /** What Certyo said, where it was asked. */
  readonly certyo: {
    readonly asked: number;
    readonly verified: number;
    readonly notVerified: number;
    /** It gave no answer to the question. */
    readonly unanswered: number;
  } | null;
}

const nullableTexts = z.array(z.string()).nullable();

/** Reads a report, for example one that was kept as JSON. */
export const auditReportSchema: z.ZodType<AuditReport> = z.strictObject({
  format: z.literal('certyo-cdc-audit'),
  version: z.literal(1),
  verdict: z.enum(['passed', 'exceptions', 'incomplete']),
  startedAt: z.string(),
  finishedAt: z.string(),
  database: z.strictObject({
    name: z.string(),
    systemIdentifier: z.string(),
    serverVersion: z.string(),
  }),
  snapshots: z.array(z.string()),
  settledBy: z.enum(['pipeline', 'slot', 'time']),
  span: z.strictObject({ from: z.string().nullable(), to: z.string().nullable() }).nullable(),
  totals: auditTableTotalsSchema,
  tables: z.array(
    z.strictObject({
      table: z.string(),
      from: nullableTexts,
      to: nullableTexts,
      where: z.string().nullable(),
      totals: auditTableTotalsSchema,
      notComparable: z.array(z.strictObject({ reason: z.string(), rows: count })),
    }),
  ),
  timeline: z.strictObject({
    bucket: z.enum(['minute', 'hour', 'day', 'week', 'month', 'year']),
    points: z.array(z.strictObject({ at: z.string(), ...counts.shape })),
  }),
  exceptions: z.array(exceptionSchema),
  exceptionsLeftOut: count,
  certyo: z
    .strictObject({ asked: count, verified: count, notVerified: count, unanswered: count })
    .nullable(),
});
