// cli.d.ts

#!/usr/bin/env node

// index.d.ts

import { z } from 'zod';
import { RecordVersionName, OperationType, TableVersionColumn, ReceiptStore, ReceiptCallOptions, RecordName, Sink, CertyoItem, CertyoClient, PipelineTime, QueryParameters, JsonValue, SpanSource, EventCounts, TextRange, WindowStore, StoredCheckpoint, CheckpointStore, PipelineEvent, Pipeline, RecordMapper, ColumnPolicies } from '@certyo-cdc/core';
import { PostgresStoreOptions, RunSetupOptions, SqlExecutor, QualifiedName, RecordKeys } from '@certyo-cdc/postgres';

/** What an audit can find wrong. */
declare const AUDIT_FINDINGS: readonly ["changed", "missing-record", "missing-row", "out-of-order", "not-anchored"];
/**
 * What is wrong: the row is not what its newest record says (`changed`); the row has no record, or its newest one says that it was
 * deleted (`missing-record`); the newest record says that there is a row, and there is none (`missing-row`); the row is what an
 * older record says, or records were accepted in another order than they were made (`out-of-order`); the row is what its newest
 * record says, which Certyo could not anchor (`not-anchored`).
 */
type AuditFindingKind = (typeof AUDIT_FINDINGS)[number];
/** What was counted of a table. */
interface AuditTableTotals {
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
/** One thing that is wrong. */
interface AuditException {
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
    readonly values: Readonly<Record<string, {
        readonly recorded: string | null;
        readonly found: string | null;
    }>> | null;
    /** What Certyo says of the row as it is now; null where it was not asked. */
    readonly certyo: AuditAnswer | null;
}
/** Certyo's answer to the question whether a payload is the recorded one. */
interface AuditAnswer {
    readonly verified: boolean;
    readonly anchored: boolean;
    readonly reason: string | null;
}
/** What an audit has found. Plain JSON. */
interface AuditReport {
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
    readonly span: {
        readonly from: string | null;
        readonly to: string | null;
    } | null;
    readonly totals: AuditTableTotals;
    readonly tables: readonly {
        readonly table: string;
        readonly from: readonly string[] | null;
        readonly to: readonly string[] | null;
        readonly where: string | null;
        readonly totals: AuditTableTotals;
        /** Why rows could not be compared, and how many. */
        readonly notComparable: readonly {
            readonly reason: string;
            readonly rows: number;
        }[];
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
/** Reads a report, for example one that was kept as JSON. */
declare const auditReportSchema: z.ZodType<AuditReport>;

/** Options of `auditReportHtml`. */
interface AuditHtmlOptions {
    /** @default 'Audit of ' and the database */
    readonly title?: string | undefined;
}
/**
 * Writes a report as one HTML page that needs nothing else: no script, no font, no image from anywhere. Good to read on a screen
 * and on paper. It shows values of rows only where the report holds them.
 *
 * @throws ConfigurationError for what is no report.
 */
declare function auditReportHtml(report: AuditReport, options?: AuditHtmlOptions): string;

/** A record that did not look right, and has to be looked at again. */
interface Suspect {
    readonly table: string;
    readonly database: string;
    readonly collection: string;
    readonly recordId: string;
    /** PostgreSQL's text; null where it cannot be told from the recordId. */
    readonly key: readonly string[] | null;
    /** Whether the row was counted when rows were read. */
    readonly wasRead: boolean;
}

/** How far an audit has come: plain JSON. It holds keys of rows, and no other value. */
interface AuditState {
    readonly version: 1;
    readonly scope: string;
    readonly startedAt: string;
    readonly snapshots: readonly string[];
    readonly tables: Readonly<Record<string, {
        readonly after: readonly string[] | null;
        readonly isDone: boolean;
        /** Whether the record of a row is named by its key. */
        readonly isNamedByKey: boolean;
        readonly totals: AuditTableTotals;
        /** Why rows could not be compared, and how many. */
        readonly notComparable: readonly {
            readonly reason: string;
            readonly rows: number;
        }[];
    }>>;
    readonly suspects: readonly Suspect[];
}
/** Where an audit keeps how far it has come. */
interface AuditStateStore {
    load(): Promise<unknown>;
    /** Null when the audit is finished. */
    save(state: AuditState | null): Promise<void>;
}
/**
 * Keeps how far an audit has come in a file, readable by its owner only.
 *
 * @param path The file; the one beside it with `.new` is written first.
 */
declare function fileAuditState(path: string): AuditStateStore;

/** The spans of time that a partition can hold. */
declare const PARTITION_PERIODS: readonly ["day", "week", "month", "year"];
type PartitionPeriod = (typeof PARTITION_PERIODS)[number];
/** How the ledger is divided, and how long it is kept. Set by setup; running setup again changes it. */
interface LedgerShape {
    /** Time of acceptance that one partition holds, in UTC. Changing it leaves the partitions that are there. */
    readonly partition: PartitionPeriod;
    /**
     * How long receipts are kept, days; `false` for ever. A partition is dropped as a whole when all of it is older and nothing in it
     * is pending. Beyond it nothing can be said of a row that has not changed since, but by the API.
     */
    readonly retentionDays: number | false;
}

/** Options of `postgresReceiptStore`. */
interface PostgresReceiptStoreOptions extends PostgresStoreOptions {
    /**
     * Time of acceptance that one partition holds. Used by `setup()`.
     *
     * @default 'month'
     */
    readonly partition?: PartitionPeriod | undefined;
    /**
     * Days that receipts are kept; `false` for ever. Used by `setup()`. Dropped are whole partitions, never one in which a receipt
     * is pending. Without its receipts nothing can be said of a row but what the API knows.
     *
     * @default false
     */
    readonly retentionDays?: number | false | undefined;
    /**
     * Time from storing a receipt to the first look at it, milliseconds. A batch of the API is closed after 60 s, and takes
     * about as long again to be anchored.
     *
     * @default 120_000
     */
    readonly firstLookMs?: number | undefined;
}

/** Where a receipt stands. */
declare const RECEIPT_STATES: readonly ["pending", "anchored", "failed"];
type ReceiptState = (typeof RECEIPT_STATES)[number];
/** A receipt as the ledger has it, with what looking at it has found. Times are ISO 8601 in UTC with microseconds. */
interface KeptReceipt extends RecordVersionName {
    /** Names the receipt's place in a listing: what comes behind it is asked for with it. */
    readonly cursor: string;
    readonly eventId: string | null;
    readonly operationType: OperationType;
    /** 64 hexadecimal digits. */
    readonly payloadFingerprint: string;
    readonly recordHash: string | null;
    readonly acceptedAt: string;
    readonly storedAt: string;
    readonly replayed: boolean;
    /** The table and columns that it was made with; null for a record that is not a row. */
    readonly table: {
        readonly schema: string;
        readonly name: string;
        readonly fingerprint: string;
        readonly columns: readonly TableVersionColumn[];
    } | null;
    readonly state: ReceiptState;
    readonly anchoredAt: string | null;
    /** When it was raised as unanchored for too long, else null. */
    readonly raisedAt: string | null;
    /** Why Certyo could not anchor it, as far as it says so, else null. */
    readonly failure: string | null;
    readonly looks: number;
    readonly resubmits: number;
    readonly snapshotId: string | null;
    readonly batchId: string | null;
    readonly merkleRoot: string | null;
}

/** How many receipts are unfinished. */
interface LedgerSummary {
    readonly pending: number;
    /** Of these, how many were raised as unanchored for too long. */
    readonly overdue: number;
    readonly failed: number;
    /** When the API accepted the oldest pending one, ISO 8601, or null. */
    readonly oldestPendingAt: string | null;
}
/** How long it takes from acceptance to the anchor, milliseconds; null where nothing was anchored. */
interface AnchoredWithin {
    readonly receipts: number;
    readonly p50Ms: number | null;
    readonly p95Ms: number | null;
    readonly p99Ms: number | null;
    readonly longestMs: number | null;
}
/** A store of receipts in PostgreSQL. */
interface PostgresReceiptStore extends ReceiptStore, AsyncDisposable {
    /** Makes the tables; gives the SQL back. Running it again sets partitioning and retention anew. Needs CREATE on the database. */
    setup(options: RunSetupOptions): Promise<readonly string[]>;
    /** Removes the tables with every receipt. */
    teardown(options: RunSetupOptions): Promise<readonly string[]>;
    /**
     * Makes partitions ahead of time and drops those beyond the retention: names behind `+` and `-`. The store does it by itself every
     * few hours while it stores, and a verifier while it runs.
     */
    maintain(options: ReceiptCallOptions): Promise<readonly string[]>;
    summary(options: ReceiptCallOptions): Promise<LedgerSummary>;
    /** Receipts of one state, oldest first. */
    list(options: ReceiptCallOptions & {
        readonly state: ReceiptState;
        /** The cursor of the last one seen. */
        readonly after?: string | undefined;
        readonly limit: number;
    }): Promise<readonly KeptReceipt[]>;
    /** All receipts of a record, oldest version first. */
    history(record: RecordName, options: ReceiptCallOptions): Promise<readonly KeptReceipt[]>;
    /** Of what the API has accepted since a time. */
    anchoredWithin(options: ReceiptCallOptions & {
        readonly since: Date;
    }): Promise<AnchoredWithin>;
    /** Has the oldest failed receipts followed again, as new ones. Gives their number. Needs a verifier's privileges. */
    requeueFailed(options: ReceiptCallOptions & {
        readonly limit: number;
    }): Promise<number>;
}
/**
 * Keeps receipts in tables of schema `certyo`, in the captured database or any other. Give it to `certyoSink({ receipts })`.
 *
 * What several answers of the API give at one time is stored together, and is on disk when the call resolves. Receipts are
 * never changed; the roles of `receiptGrantSql` and `verifierGrantSql` cannot remove any. What fails is a `ReceiptError`, whose
 * `retryable` says whether waiting may help, and whose remedy names the SQL to run.
 *
 * The tables hold record ids, which are keys of rows, and no other value of a row.
 *
 * @example
 * const receipts = postgresReceiptStore({ connection });
 * await receipts.setup({ signal });
 * const pipeline = createPipeline(source, certyoSink({ receipts }));
 */
declare function postgresReceiptStore(options?: PostgresReceiptStoreOptions): PostgresReceiptStore;

/** How it is known that everything that was committed has its receipt. */
type CatchUp = 
/** A pipeline of this process. */
{
    caughtUp(options?: {
        readonly signal?: AbortSignal | undefined;
    }): Promise<void>;
}
/** The replication slot that a pipeline reads. */
 | {
    /** Its name. */
    readonly slot: string;
    /**
     * How long the slot may stand still before the audit gives up, milliseconds; `false` for ever. It stands still for as long as
     * one large transaction is delivered.
     *
     * @default 600_000
     */
    readonly stallMs?: number | false | undefined;
}
/** Long enough for a pipeline to deliver what was committed; no more than a guess. */
 | {
    readonly waitMs: number;
};
/** What a report says of it. */
type SettledBy = 'pipeline' | 'slot' | 'time';

/** What an audit tells while it runs. No event holds a value of a row. */
type AuditEvent = {
    readonly type: 'audit-progress';
    readonly phase: 'rows' | 'receipts' | 'suspects';
    /** `schema.table`; null where all tables are worked on together. */
    readonly table: string | null;
    /** Rows, receipts or suspects that were looked at. */
    readonly done: number;
    /** Of about so many; null where nobody knows. */
    readonly of: number | null;
    readonly suspects: number;
} | {
    readonly type: 'audit-snapshot';
    readonly takenAt: string;
    readonly settledBy: 'pipeline' | 'slot' | 'time';
} | {
    readonly type: 'audit-finished';
    readonly rows: number;
    readonly exceptions: Readonly<Record<AuditFindingKind, number>>;
    readonly notComparable: number;
    readonly unsettled: number;
    readonly durationMs: number;
};

/** Gives the payload of a record version, as JSON text, or null where it is not known. */
type RecordedPayload = (version: RecordVersionName, options: {
    readonly signal: AbortSignal;
}) => Promise<string | null>;

/** What of a table is audited. */
interface AuditTableOptions {
    /** As sources name it. */
    readonly table: string | {
        readonly schema?: string | undefined;
        readonly name: string;
    };
    /** The columns of the record key, where the source was given others than the primary key. */
    readonly key?: readonly string[] | undefined;
    /** The first key that is audited, as text; of a key of several columns all of them, or the first ones. @default the lowest */
    readonly from?: string | readonly string[] | undefined;
    /** The key before which to end. @default behind the highest */
    readonly to?: string | readonly string[] | undefined;
    /** The condition, in SQL, that captured rows fulfil: the row filter of the source. @default every row */
    readonly where?: string | undefined;
    /** Rows whose newest record is a delete that shows them as they are: polling marks deleted rows so. @default false */
    readonly softDelete?: boolean | undefined;
}
/** Options of `createAudit`. */
interface AuditOptions extends Pick<PostgresStoreOptions, 'connection' | 'pool'> {
    /** Tables by name, or with what of them is audited. */
    readonly tables: readonly (string | AuditTableOptions)[];
    /** What `postgresReceiptStore()` returned. The audit opens connections of its own to the same place. */
    readonly receipts: PostgresReceiptStore;
    /**
     * A sink that maps as the pipeline's does: made by `certyoSink` with the same `receipts`, `mapper`, `columns`, `database` and
     * `statusColumns`. Rows become payloads by it, and `reconcile` sends through it. Not that of a pipeline, which closes it.
     */
    readonly sink: Sink<CertyoItem>;
    /**
     * How the audit knows that what was committed has its receipts: by a pipeline of this process (`caughtUp`), by the replication
     * slot of a pipeline elsewhere, or by waiting for so long. A row that differs is looked at again after that. A slot that stands
     * still for `stallMs`, ten minutes by default, ends the audit with an error.
     *
     * @default { waitMs: 60_000 }
     */
    readonly catchUp?: CatchUp | undefined;
    /** Only records whose newest receipt was accepted in this time, ISO 8601; rows without any record are always told. */
    readonly span?: {
        readonly from?: string | undefined;
        readonly to?: string | undefined;
    } | undefined;
    /**
     * A client to ask Certyo about records, with the payload of the row as it is: about exceptions, or about all of them.
     *
     * @default nobody is asked
     */
    readonly client?: CertyoClient | undefined;
    /** @default 'exceptions' where there is a client */
    readonly verify?: 'exceptions' | 'all' | undefined;
    /** Most questions in a second; `false` for any number. @default 10 */
    readonly maxRequestsPerSecond?: number | false | undefined;
    /**
     * The payload of a record version as JSON text, where the application keeps payloads: then exceptions name the columns that differ.
     * The ledger keeps fingerprints only.
     */
    readonly recordedPayload?: RecordedPayload | undefined;
    /** Whether the report shows values of rows in exceptions. @default false */
    readonly values?: boolean | undefined;
    /** Connections that read rows, beside one that holds the snapshot. @default 4 */
    readonly workers?: number | undefined;
    /** Rows that a worker takes at a time. @default 5_000 */
    readonly chunkRows?: number | undefined;
    /** Exceptions that the report lists; the others are counted. @default 10_000 */
    readonly maxExceptions?: number | undefined;
    /** How often a row that keeps changing is looked at. @default 10 */
    readonly maxLooks?: number | undefined;
    /** Where an audit that was interrupted goes on. @default it begins anew */
    readonly state?: AuditStateStore | undefined;
    /** Observes the audit. What it throws is ignored. */
    readonly onEvent?: ((event: AuditEvent) => void) | undefined;
    /** Clock and timers. @default those of the process */
    readonly time?: PipelineTime | undefined;
}

/** What a reconciliation has done. */
interface ReconcileResult {
    /** Records that were sent and have their receipts. */
    readonly sent: number;
    /** Exceptions that are none any more. */
    readonly alreadyRight: number;
    /**
     * Exceptions about which nothing can be sent: the key of the row is not known, it kept changing, Certyo failed to anchor it, or
     * the receipt says what Certyo denies.
     */
    readonly left: number;
}

interface CallOptions$4 {
    readonly signal?: AbortSignal | undefined;
}
/** Compares rows with what was anchored of them. Holds no connection between two calls. */
interface Audit {
    /**
     * Reads all rows that are audited in one snapshot, compares each with the newest receipt of its record, and looks for records that
     * should have a row. What does not look right is looked at again, until it is known whether that is because the receipt was
     * not there yet: so rows that are written meanwhile are no exceptions.
     *
     * @throws ReceiptError, SourceSetupError, SourceConnectionError; what was compared until then is kept in `state`.
     */
    run(options?: CallOptions$4): Promise<AuditReport>;
    /**
     * Sends what the exceptions of a report say is missing: rows as they are now, and deletes of rows that are gone. Each is looked
     * at again before. A record that is sent so stands right above the newest one, below every change that is still to come.
     *
     * Only do it when you know why: it anchors what is in the table, whoever has put it there.
     */
    reconcile(report: AuditReport, options?: CallOptions$4): Promise<ReconcileResult>;
}
/**
 * Makes an audit of tables.
 *
 * @example
 * const audit = createAudit({ tables: ['public.orders'], receipts, sink: certyoSink({ client, receipts }), catchUp: pipeline });
 * const report = await audit.run();
 * await writeFile('audit.html', auditReportHtml(report));
 * @throws ConfigurationError when an option is wrong.
 */
declare function createAudit(options: AuditOptions): Audit;

/**
 * What the role of an audit needs of the ledger, besides CONNECT, and SELECT on the audited tables. To reconcile it needs
 * `receiptGrantSql` too.
 */
declare function auditGrantSql(role: string, schema?: string): readonly string[];

/** What an answer says about the anchoring of one record version. Members that the API does not give are null. */
interface SeenSnapshot {
    readonly snapshotId: string;
    readonly database: string | null;
    readonly collection: string | null;
    readonly recordId: string | null;
    readonly recordVersion: string | null;
    readonly recordHash: string | null;
    readonly stage: 'waiting' | 'anchored' | 'failed';
    readonly batchId: string | null;
    readonly merkleRoot: string | null;
    /** ISO 8601; when it entered its stage. */
    readonly since: string | null;
    readonly failure: string | null;
}
/** What an answer says about a batch. */
interface SeenBatch {
    readonly stage: 'waiting' | 'anchored' | 'failed';
    readonly merkleRoot: string | null;
    readonly anchoredAt: string | null;
    /** The snapshots in it, or null where the answer does not list them. */
    readonly snapshotIds: readonly string[] | null;
    /** What else is worth keeping as evidence: the network, block and transaction. */
    readonly detail: JsonValue;
}
/**
 * Everything about anchoring that the API has not published: replaceable as a whole or in part.
 *
 * Assumptions of the default: `GET /snapshots` takes `from`, `to` (times of acceptance, `to` exclusive), `limit` and `cursor`, answers
 * with `nextCursor`, and its items name the record version, batch and root; `GET /batches/{id}` names status, root and time.
 * Where an answer lacks what is needed, receipts are asked about one by one, in the form that is published.
 */
interface AnchoringCodec {
    /** Parameters that list the snapshots accepted in a span of time. */
    listing(span: {
        readonly fromMs: number;
        readonly toMs: number;
        readonly limit: number;
        readonly cursor: string | null;
    }): QueryParameters;
    /** Parameters that list the snapshots of one record version. */
    single(version: RecordVersionName): QueryParameters;
    nextCursor(answer: JsonValue): string | null;
    snapshot(item: JsonValue): SeenSnapshot | null;
    batch(answer: JsonValue): SeenBatch | null;
}
/** The assumptions of this version. */
declare const defaultAnchoringCodec: AnchoringCodec;

/**
 * What a pipeline captured between two of its checkpoints, (from, to], and what became of it. The next window begins where this
 * one ends.
 */
interface CompletenessWindow {
    readonly pipeline: string;
    /** 1 for the first window of a pipeline. */
    readonly number: number;
    /** Whose positions these are; null where nothing is known of them. */
    readonly source: SpanSource | null;
    /** Null: the source's own beginning. */
    readonly from: string | null;
    readonly to: string | null;
    /** By the store's clock, ISO 8601. */
    readonly openedAt: string;
    readonly closedAt: string;
    /** How many checkpoints were saved in it. */
    readonly checkpoints: number;
    /** Sorted by table and operation. */
    readonly counts: readonly EventCounts[];
    /** Of the versions of all events in it, as texts compare; null where there are none. */
    readonly versions: TextRange | null;
    /** Of the commit times of all events in it. */
    readonly committed: TextRange | null;
    /** Why nothing is known about what lies in it, else null. */
    readonly uncounted: string | null;
    /** The hash of the window before; null for the first one. */
    readonly previousHash: string | null;
}
/** A window as it is stored and anchored. */
interface StoredWindow {
    readonly pipeline: string;
    readonly number: number;
    /** Canonical JSON: the payload of the record that anchors it. */
    readonly content: string;
    /** SHA-256 over the content, 64 hexadecimal digits: what a receipt has for its fingerprint. */
    readonly hash: string;
}

/** Where a chain of windows stands. */
interface ChainEnd {
    /** Of the last window; 0 before the first. */
    readonly number: number;
    readonly hash: string | null;
    /** Of the checkpoint with which the last window ended. */
    readonly revision: string | null;
    readonly position: string | null;
    /** ISO 8601. */
    readonly openedAt: string;
}

/** Options of `postgresWindowStore`. */
interface PostgresWindowStoreOptions extends PostgresStoreOptions {
    /**
     * Least time that a window spans, milliseconds, a day at most. It is closed by the first checkpoint that is saved after it, or by
     * the ten thousandth.
     *
     * @default 3_600_000
     */
    readonly windowMs?: number | undefined;
}

interface CallOptions$3 {
    readonly signal: AbortSignal;
}
/** Windows of completeness in PostgreSQL. */
interface PostgresWindowStore extends WindowStore, AsyncDisposable {
    /** Makes schema and tables; gives the SQL back. Running it again changes nothing. Needs CREATE on the database. */
    setup(options: RunSetupOptions): Promise<readonly string[]>;
    /** Removes the tables with every window. */
    teardown(options: RunSetupOptions): Promise<readonly string[]>;
    /** Names of the pipelines that have windows. */
    pipelines(options: CallOptions$3): Promise<readonly string[]>;
    /** Closed windows of a pipeline, oldest first. */
    list(pipeline: string, options: CallOptions$3 & {
        /** Number of the last one seen. @default 0 */
        readonly after?: number | undefined;
        readonly limit: number;
    }): Promise<readonly StoredWindow[]>;
    /** Where the chain of a pipeline ends; null where it has none. */
    end(pipeline: string, options: CallOptions$3): Promise<ChainEnd | null>;
    /** Whether the chain of a pipeline, with what is staged behind its end, leads to this checkpoint of the pipeline. */
    leadsTo(pipeline: string, stored: StoredCheckpoint | null, options: CallOptions$3): Promise<boolean>;
    /**
     * Closes the open window of a pipeline of this process at its newest saved checkpoint, whatever its age; with `ifDue` only when
     * it is old enough. Gives what was closed.
     */
    closeNow(pipeline: string, options: CallOptions$3 & {
        readonly ifDue?: boolean | undefined;
    }): Promise<readonly StoredWindow[]>;
}
/**
 * Keeps windows of completeness in tables of schema `certyo`, in the captured database or any other. Give it to
 * `createPipeline(source, sink, { windows })`.
 *
 * The counts of each checkpoint are on disk before it is saved, and count when it was; so they are exact however often a process
 * dies, wherever checkpoints are kept. Windows follow each other without holes. The role of `windowGrantSql` can neither
 * change nor remove a closed one. What fails is a `WindowError`, whose `retryable` says whether waiting may help.
 *
 * The tables hold names of tables and numbers, and no value of a row.
 *
 * @example
 * const windows = postgresWindowStore({ connection });
 * await windows.setup({ signal });
 * const pipeline = createPipeline(source, sink, { windows });
 */
declare function postgresWindowStore(options?: PostgresWindowStoreOptions): PostgresWindowStore;

declare const EVIDENCE_FORMAT = "certyo-cdc-evidence";
declare const EVIDENCE_FORMAT_VERSION = 1;
/** What a receipt says, in evidence. */
interface EvidenceReceipt {
    readonly recordVersion: string;
    readonly operationType: OperationType;
    readonly eventId: string | null;
    /** SHA-256 over the canonical payload: 64 hexadecimal digits. */
    readonly payloadFingerprint: string;
    /** Certyo's hash of the record. How it is made is not public. */
    readonly recordHash: string | null;
    readonly acceptedAt: string;
    readonly replayed: boolean;
    /** As the ledger had it when the evidence was made. */
    readonly state: ReceiptState;
    readonly anchor: {
        readonly anchoredAt: string | null;
        readonly snapshotId: string | null;
        readonly batchId: string | null;
        readonly merkleRoot: string | null;
        /** What Certyo says of the batch: block, transaction, network; null where it was not asked. */
        readonly batch: JsonValue;
    };
}
/** One version of the record. */
interface EvidenceVersion extends EvidenceReceipt {
    /** The columns that the payload was made of; null for a record that is not a row. */
    readonly table: {
        readonly schema: string;
        readonly name: string;
        readonly fingerprint: string;
        readonly columns: readonly TableVersionColumn[];
    } | null;
    /** The canonical payload, the very bytes that were sent; null where it could not be had. */
    readonly payload: string | null;
    /** The windows in which its change can lie. */
    readonly windows: readonly {
        readonly pipeline: string;
        readonly number: number;
    }[];
}
/** A window, as it was closed and anchored. */
interface EvidenceWindow {
    readonly pipeline: string;
    readonly number: number;
    /** Canonical JSON. */
    readonly content: string;
    readonly hash: string;
    /** Null: not anchored yet. */
    readonly receipt: EvidenceReceipt | null;
}
/** Everything that is known about one record, in one file. */
interface EvidenceBundle {
    readonly format: typeof EVIDENCE_FORMAT;
    readonly formatVersion: typeof EVIDENCE_FORMAT_VERSION;
    /** ISO 8601. */
    readonly createdAt: string;
    readonly record: RecordName;
    /** Oldest first. */
    readonly versions: readonly EvidenceVersion[];
    /** The windows of the versions with their neighbours, by pipeline and number. */
    readonly windows: readonly EvidenceWindow[];
    /** `database` of the records that anchor the windows, by pipeline. */
    readonly windowDatabases: Readonly<Record<string, string>>;
    /**
     * SHA-256 over the canonical JSON of all other members. It shows that a file was altered by mistake; who alters it on purpose
     * writes another one, unless it was noted elsewhere.
     */
    readonly digest: string;
}

/** Gives the canonical payload of a version, or null where it does not have it. */
type PayloadLookup = (version: KeptReceipt) => string | null | Promise<string | null>;
/** Options of `createEvidence`. */
interface EvidenceOptions {
    readonly record: RecordName;
    readonly receipts: Pick<PostgresReceiptStore, 'history'>;
    /** Where windows are kept. @default the evidence has none */
    readonly windows?: Pick<PostgresWindowStore, 'list' | 'pipelines'> | undefined;
    /** The pipelines whose windows are looked at. @default all that have windows */
    readonly pipelines?: readonly string[] | undefined;
    /** `database` of the records of windows. @default the name of their pipeline */
    readonly windowDatabase?: string | undefined;
    /**
     * Payloads are not kept by the ledger. What this gives becomes part of the evidence where its fingerprint is that of the
     * version, and is left out otherwise. Row values are in the evidence only by this.
     *
     * @default no payloads
     */
    readonly payloads?: PayloadLookup | undefined;
    /** Asks Certyo for block and transaction of each batch; what it does not know is left out. @default nobody is asked */
    readonly client?: CertyoClient | undefined;
    /** Most questions in a second; `false` for any number. @default 10 */
    readonly maxRequestsPerSecond?: number | false | undefined;
    /** As for `createVerifier`. */
    readonly codec?: Partial<AnchoringCodec> | undefined;
    readonly signal: AbortSignal;
}
/**
 * Puts together what is known about one record: its versions with their receipts and anchors, payloads where they can be had, and the
 * windows of completeness that their changes lie in, with the windows beside them.
 *
 * `verifyEvidence`, or the command `certyo-evidence verify <file>`, checks it without the ledger.
 *
 * @throws {ConfigurationError} The record has no receipts.
 * @throws {ReceiptError | WindowError} They could not be read.
 * @throws Certyo's refusal of the key, or that it is away for longer.
 * @example
 * const evidence = await createEvidence({ record, receipts, windows, signal });
 * await writeFile('evidence.json', JSON.stringify(evidence, null, 2));
 */
declare function createEvidence(options: EvidenceOptions): Promise<EvidenceBundle>;

/** The steps of a verification, in their order. */
declare const EVIDENCE_STEPS: readonly ["form", "digest", "versions", "payloads", "windows", "window-receipts", "coverage", "merkle-proofs", "certyo", "anchors", "history"];
type EvidenceStepName = (typeof EVIDENCE_STEPS)[number];
/** What one step has found. */
interface EvidenceStep {
    readonly step: EvidenceStepName;
    /**
     * `passed` and `failed`: it was checked. `needs-certyo`: only Certyo can tell, and was not asked or cannot tell yet.
     * `not-possible`: the evidence lacks what is needed.
     */
    readonly state: 'passed' | 'failed' | 'needs-certyo' | 'not-possible';
    /** What it is about: `version …`, `window … of …`, or empty for the whole. */
    readonly about: string;
    /** A sentence for people. Holds no value of a payload. */
    readonly detail: string;
}
/** What a verification has found. */
interface EvidenceReport {
    /** True when nothing that was checked failed. */
    readonly ok: boolean;
    /** True when it is `ok` and nothing was left unchecked. */
    readonly complete: boolean;
    readonly steps: readonly EvidenceStep[];
}

/** Options of `verifyEvidence`. */
interface VerifyEvidenceOptions {
    /** Asks Certyo what nobody else can tell. @default it is left open, and told */
    readonly client?: CertyoClient | undefined;
    readonly signal?: AbortSignal | undefined;
}
/**
 * Verifies what `createEvidence` made, as JSON text or as the value that was read from it.
 *
 * Without a client nobody is asked: the form, the digest, the order of the versions, the fingerprints of payloads, the chain of
 * windows, that windows have the hashes of their receipts, and that a window is there for each version. What needs Certyo is
 * named, step by step: that a version was anchored as it is said to be, in the batch that it names, its Merkle proof, whose form is
 * not public, and that no version was left out.
 *
 * @throws {CdcError} Certyo refuses the key, or is away.
 * @example
 * const { ok, steps } = await verifyEvidence(await readFile('evidence.json', 'utf8'));
 */
declare function verifyEvidence(evidence: unknown, options?: VerifyEvidenceOptions): Promise<EvidenceReport>;

/** What the role of a pipeline needs besides CONNECT to store receipts. */
declare function receiptGrantSql(role: string, schema?: string): readonly string[];
/** What the role of a verifier needs besides CONNECT. It cannot make, change or remove what a receipt says. */
declare function verifierGrantSql(role: string, schema?: string): readonly string[];

/** The SQL that makes the ledger. Running it twice changes nothing, but sets partitioning and retention anew. */
declare function ledgerSetupSql(shape: LedgerShape, schema?: string): readonly string[];
/** The SQL that removes the ledger with every receipt in it. The schema stays: it may hold other things. */
declare function ledgerTeardownSql(schema?: string): readonly string[];

/**
 * Where a verifier is in its life.
 *
 *     idle → running → draining → stopped
 *               └──────────────→ failed   an error that somebody has to act on
 */
declare const VERIFIER_STATES: readonly ["idle", "running", "draining", "stopped", "failed"];
type VerifierState = (typeof VERIFIER_STATES)[number];
/** What a round has done. */
interface RoundResult {
    /** Receipts that were looked at. */
    readonly looked: number;
    readonly anchored: number;
    /** Given up: they stay `failed` until `requeueFailed()`. */
    readonly failed: number;
    /** Handed in again because Certyo could not anchor them. */
    readonly resubmitted: number;
    /** Unanchored for longer than the limit, raised now. */
    readonly overdue: number;
    readonly requests: number;
    readonly durationMs: number;
}
/** Everything that a verifier reports to `onEvent`. Carries no values of rows, no keys and no secrets. */
type VerifierEvent = {
    readonly type: 'verifier-state-changed';
    readonly from: VerifierState;
    readonly to: VerifierState;
}
/** Some of a round is done and stored. `stillDue` counts to 10,000 at most. */
 | ({
    readonly type: 'receipts-looked-at';
    readonly stillDue: number;
} & Omit<RoundResult, 'durationMs'>) | ({
    readonly type: 'round-finished';
} & RoundResult) | {
    readonly type: 'receipts-failed';
    readonly receipts: number;
    readonly collections: Counts;
} | {
    readonly type: 'receipts-overdue';
    readonly receipts: number;
    readonly collections: Counts;
    /** When the oldest of them was accepted, ISO 8601. */
    readonly oldestAcceptedAt: string;
} | {
    readonly type: 'look-interrupted';
    readonly error: unknown;
    readonly retryInMs: number;
} | {
    readonly type: 'partitions-maintained';
    readonly done: readonly string[];
} | {
    readonly type: 'maintenance-failed';
    readonly error: unknown;
};
/** Receipts by collection. */
type Counts = Readonly<Record<string, number>>;

/** How long it took from acceptance to the anchor, milliseconds; null where nothing was anchored yet. */
interface LatencySummary {
    readonly receipts: number;
    readonly p50Ms: number | null;
    readonly p95Ms: number | null;
    readonly p99Ms: number | null;
    readonly longestMs: number | null;
}

/** A receipt that is not pending any more. */
interface FinishedReceipt extends RecordVersionName {
    readonly state: 'anchored' | 'failed';
    /** The key of the record in the ledger, a uuid. */
    readonly recordKey: string;
    readonly recordHash: string | null;
    /** Milliseconds since 1970. */
    readonly acceptedMs: number;
    readonly anchoredMs: number | null;
    readonly snapshotId: string | null;
}
/**
 * Something that is to happen when a receipt is anchored or has failed.
 *
 * It is called inside the transaction that records that: what it writes with the executor is written together with it, or not at
 * all. It must be quick; what takes its time belongs into a queue that it fills. A call that rejects undoes both, and the
 * receipts are looked at again.
 */
interface VerifierFollower {
    readonly name: string;
    follow(receipts: readonly FinishedReceipt[], context: {
        readonly executor: SqlExecutor;
        readonly signal: AbortSignal;
    }): Promise<void>;
}

/** Options of `createVerifier`. */
interface VerifierOptions {
    /** The client to ask with. Share it with the sink, or make another one for the same key. It is not closed with the verifier. */
    readonly client: CertyoClient;
    /** What `postgresReceiptStore()` returned. The verifier opens a connection of its own to the same place. */
    readonly receipts: PostgresReceiptStore;
    /** Called in the transaction that records what was found. */
    readonly followers?: readonly VerifierFollower[] | undefined;
    /**
     * How long due receipts gather before a round begins, milliseconds, unless a thousand are due: a request answers for a thousand as
     * well as for one.
     *
     * @default 60_000
     */
    readonly gatherMs?: number | undefined;
    /**
     * Time between two looks at what is due, milliseconds.
     *
     * @default 15_000
     */
    readonly intervalMs?: number | undefined;
    /** From a look that found a receipt still on its way to the next, with jitter; doubles from look to look. */
    readonly backoff?: {
        /** Milliseconds. @default 30_000 */
        readonly initialMs?: number | undefined;
        /** Milliseconds. @default 900_000 */
        readonly maxMs?: number | undefined;
    } | undefined;
    /**
     * How long Certyo itself is left to try again what it failed to anchor, before it is handed in again, milliseconds.
     *
     * @default 600_000
     */
    readonly resubmitAfterMs?: number | undefined;
    /**
     * How often a receipt is handed in again before it counts as failed.
     *
     * @default 3
     */
    readonly maxResubmits?: number | undefined;
    /**
     * From a resubmission to the next look, milliseconds.
     *
     * @default the store's `firstLookMs`
     */
    readonly firstLookMs?: number | undefined;
    /**
     * Age from which an unanchored receipt is raised, milliseconds.
     *
     * @default 3_600_000
     */
    readonly overdueAfterMs?: number | undefined;
    /**
     * Most requests in a second; `false` for any number. Besides, the verifier waits when a sink of the same key has to.
     *
     * @default 10
     */
    readonly maxRequestsPerSecond?: number | false | undefined;
    /**
     * Receipts that are claimed and looked at together.
     *
     * @default 5_000
     */
    readonly maxClaimed?: number | undefined;
    /**
     * Receipts of a claim that are asked about one by one, because no listing showed them.
     *
     * @default 50
     */
    readonly maxSingles?: number | undefined;
    /**
     * Time after which the receipts of a verifier that died are looked at by another, milliseconds.
     *
     * @default 60_000
     */
    readonly claimMs?: number | undefined;
    /** What the API has not published about anchoring, in whole or in part. @default defaultAnchoringCodec */
    readonly codec?: Partial<AnchoringCodec> | undefined;
    /** Observes the verifier. What it throws is ignored. */
    readonly onEvent?: ((event: VerifierEvent) => void) | undefined;
    /** Clock and timers. @default those of the process */
    readonly time?: PipelineTime | undefined;
    /** Source of jitter, in [0, 1). @default Math.random */
    readonly random?: (() => number) | undefined;
}

/** A snapshot of a verifier. Counters start at zero when it is made. */
interface VerifierStatus {
    readonly state: VerifierState;
    /** The error that stopped it, else null. */
    readonly error: Error | null;
    /** Why the API could not be asked the last time; null when it could. */
    readonly interruption: Error | null;
    readonly rounds: number;
    readonly looked: number;
    readonly anchored: number;
    readonly failed: number;
    readonly resubmitted: number;
    readonly overdue: number;
    readonly requests: number;
    /** Of the newest 10,000 receipts that this verifier found anchored. */
    readonly anchoredWithin: LatencySummary;
}
interface CallOptions$2 {
    readonly signal?: AbortSignal | undefined;
}
/**
 * Follows receipts until they are anchored or have failed.
 *
 * Any number of verifiers may work on one ledger: none looks at what another has claimed.
 */
interface Verifier extends AsyncDisposable {
    /** Looks at everything that is due now. Rejects with the API's error when it cannot be asked. */
    runOnce(options?: CallOptions$2): Promise<RoundResult>;
    /** Begins to look whenever something is due. Rejects when the ledger cannot be read. */
    start(options?: CallOptions$2): Promise<void>;
    /** Finishes the round that is under way and stops. Idempotent. */
    drain(options?: CallOptions$2): Promise<void>;
    /** Stops now; what was found and not stored is looked at again. Idempotent. */
    stop(): Promise<void>;
    /** Resolves when it has stopped: with null, or with the error that stopped it. Never rejects. */
    readonly closed: Promise<Error | null>;
    status(): VerifierStatus;
}
/**
 * Makes a verifier.
 *
 * It looks at receipts first when a batch of the API has had time to be anchored, for as many as it can with one request, and
 * less and less often at those that stay pending. What Certyo failed to anchor is handed in again; what stays unanchored
 * beyond a limit is raised (`receipts-overdue`). Stopping it, or killing it, at any moment loses nothing. It holds a connection
 * from its first use to `drain()` or `stop()`, also where only `runOnce()` was called.
 *
 * @throws {ConfigurationError} An option is wrong.
 * @example
 * const verifier = createVerifier({ client, receipts, onEvent: (event) => log(event) });
 * await verifier.start();
 */
declare function createVerifier(options: VerifierOptions): Verifier;

/** What is wrong with a window. */
interface WindowProblem {
    readonly number: number;
    /**
     * `removed`: it is not there. `altered`: it is not what was closed, as its hash, the window behind it, the end of the chain or its
     * receipt says. `misplaced`: it stands where another one belongs, or behind the end of the chain. `hole`: it does not begin where
     * the one before ends. `unbalanced`: its counts do not add up. `end-missing`: nothing says where the chain ends. `end-moved`: the
     * chain ends at another position than it, its last one. `unreached`: from there on nothing leads to the checkpoint of the pipeline.
     * `refuted`: Certyo says that it is not what was anchored, or has another one too.
     */
    readonly kind: 'removed' | 'altered' | 'misplaced' | 'hole' | 'unbalanced' | 'end-missing' | 'end-moved' | 'unreached' | 'refuted';
    /** A sentence for people. */
    readonly detail: string;
}

/** Options of `checkWindows`. */
interface CheckWindowsOptions {
    readonly windows: PostgresWindowStore;
    readonly pipeline: string;
    /** Where the receipts of the windows are. Without them a chain that was written anew as a whole looks intact. */
    readonly receipts?: Pick<PostgresReceiptStore, 'history'> | undefined;
    /**
     * Where the pipeline keeps its checkpoint. Finds also an end of the chain that was cut off with its receipts: nothing then leads
     * to where the pipeline is.
     */
    readonly checkpoints?: Pick<CheckpointStore, 'load'> | undefined;
    /**
     * Asks Certyo which windows it has, and about each of these, one request each. Finds also what was altered with its receipt, or
     * removed with it.
     */
    readonly client?: CertyoClient | undefined;
    /** `database` of the windows' records. @default the name of the pipeline */
    readonly database?: string | undefined;
    readonly signal: AbortSignal;
}
/** What a check of a chain has found. */
interface WindowCheck {
    readonly pipeline: string;
    readonly windows: number;
    /** True when nothing is wrong. Windows that are uncounted, or not anchored yet, are told below and are nothing wrong. */
    readonly ok: boolean;
    /** The first window that is wrong. */
    readonly first: WindowProblem | null;
    /** All that is wrong, in the order of the windows. */
    readonly problems: readonly WindowProblem[];
    /** Windows about whose stretch nothing is known. */
    readonly uncounted: readonly number[];
    /** How many windows have which state of anchoring; null where no receipts were given. */
    readonly anchoring: {
        readonly anchored: number;
        readonly pending: number;
        readonly failed: number;
        readonly withoutReceipt: number;
    } | null;
    /** How many Certyo confirmed; null where it was not asked. */
    readonly confirmed: number | null;
    /** Sums over all windows, by table and operation. */
    readonly totals: readonly EventCounts[];
}
/**
 * Recomputes the chain of windows of a pipeline and names the first one that was altered or removed.
 *
 * Checked are each window's hash, the hashes by which windows name the ones before them, that each begins where the one before
 * ends, that counts add up, where the chain ends, and, as far as given, that receipts, the checkpoint of the pipeline and Certyo
 * say the same.
 *
 * @throws {WindowError} The windows could not be read.
 * @throws {ReceiptError} The receipts could not be read.
 * @example
 * const { ok, first } = await checkWindows({ windows, receipts, pipeline: 'orders', signal });
 */
declare function checkWindows(options: CheckWindowsOptions): Promise<WindowCheck>;

/** Options of `createWindowAnchoring`. */
interface WindowAnchoringOptions {
    readonly windows: PostgresWindowStore;
    /** Where the receipts of the windows go. They also say which window is the next one. */
    readonly receipts: ReceiptStore;
    /** Stays open. */
    readonly client: CertyoClient;
    /** The pipeline whose windows are anchored. */
    readonly pipeline: string;
    /** `database` of the records. @default the name of the pipeline */
    readonly database?: string | undefined;
    /** Sub-organisation, as for `certyoSink`. */
    readonly clientId?: string | undefined;
    /** Time between two looks for closed windows, milliseconds. @default 60_000 */
    readonly intervalMs?: number | undefined;
    /** Observes it. What it throws is ignored. */
    readonly onEvent?: ((event: PipelineEvent) => void) | undefined;
}
/**
 * Anchors each closed window of a pipeline as a record: a pipeline of its own, from the windows to `certyoSink`, so that they get
 * receipts and are followed by a verifier like any other record.
 *
 * Collection `$windows`, recordId the pipeline's name, recordVersion the number, payload the window's content, byte for byte: the
 * fingerprint of the receipt is the hash of the window. Only one may run for a pipeline. In the process of the pipeline it also
 * has the window of an idle pipeline closed.
 *
 * @throws {ConfigurationError} An option is wrong.
 * @example
 * const anchoring = createWindowAnchoring({ windows, receipts, client, pipeline: pipeline.name });
 * await anchoring.start();
 */
declare function createWindowAnchoring(options: WindowAnchoringOptions): Pipeline;

/** The SQL that makes the tables of windows. Running it twice changes nothing. */
declare function windowSetupSql(schema?: string): readonly string[];
/** The SQL that removes the tables with every window. The schema stays: it may hold other things. */
declare function windowTeardownSql(schema?: string): readonly string[];
/** What the role of a pipeline needs besides CONNECT to keep windows. It cannot change or remove a closed one. */
declare function windowGrantSql(role: string, schema?: string): readonly string[];
/** What a role needs besides CONNECT to anchor windows and to check their chain. */
declare function windowReadGrantSql(role: string, schema?: string): readonly string[];

/** Names of the columns of a row into which its status is written. */
interface StatusColumnOptions {
    /** text; `false` for none. @default 'certyo_record_hash' */
    readonly recordHash?: string | false | undefined;
    /** text: `pending`, `anchored` or `failed`. @default 'certyo_anchor_status' */
    readonly status?: string | undefined;
    /** timestamptz; `false` for none. @default 'certyo_verified_at' */
    readonly verifiedAt?: string | false | undefined;
}

/** What can capture a table. */
declare const SOURCE_KINDS: readonly ["replication", "polling", "listen-notify", "other"];
type SourceKind = (typeof SOURCE_KINDS)[number];
/** What captures the tables. `origin: 'none'` where the replication source was given that. */
type WriteBackSource = SourceKind | {
    readonly kind: SourceKind;
    readonly origin?: 'any' | 'none' | undefined;
};
/**
 * What keeps write-back from being captured as a change (I10):
 *
 * - `source`: the source leaves out changes of the status columns by itself: the condition of a trigger, or the old row under
 *   REPLICA IDENTITY FULL
 * - `origin`: write-back has a replication origin, and the source leaves out what has one (PostgreSQL 16 and newer)
 * - `fingerprint`: the sink skips what has the payload of the newest receipt of its record
 */
type Protection = 'source' | 'origin' | 'fingerprint';
/** What was chosen for a table and a source. */
interface ProtectionPlan {
    readonly table: string;
    readonly source: SourceKind;
    readonly protection: Protection;
    /** What it relies on and cannot see. */
    readonly needs: string | null;
}

/** What a round of write-back has done. */
interface WriteBackRound {
    /** Finished receipts that were taken from the queue. */
    readonly taken: number;
    /** Statuses that are new in the side table. */
    readonly sideTable: number;
    /** Rows whose columns were written. */
    readonly written: number;
    /** Rows whose columns said as much already. */
    readonly kept: number;
    /** Rows that are not what was anchored: changed since. */
    readonly newer: number;
    /** Rows that are not there any more. */
    readonly gone: number;
    /** Rows that somebody else has locked: they are tried again. */
    readonly busy: number;
    readonly durationMs: number;
}
/** Everything that a write-back reports to `onEvent`. Carries no values of rows, no keys and no secrets. */
type WriteBackEvent = {
    readonly type: 'write-back-state-changed';
    readonly from: VerifierState;
    readonly to: VerifierState;
} | ({
    readonly type: 'write-back-round-finished';
} & WriteBackRound) | {
    readonly type: 'write-back-interrupted';
    readonly error: Error;
    readonly retryInMs: number;
};

/** How records are made of rows: what `certyoSink` was given. */
interface MappingOptions {
    readonly database?: string | undefined;
    readonly mapper?: RecordMapper | undefined;
    readonly columns?: ColumnPolicies | undefined;
}
/** What writes into columns has in common. */
interface ColumnTargetOptions extends PostgresStoreOptions {
    /** Tables into whose columns statuses are written. */
    readonly tables?: readonly (string | QualifiedName)[] | undefined;
    /** Columns that name a record, where it is not the primary key. */
    readonly keys?: RecordKeys | undefined;
    readonly columns?: StatusColumnOptions | undefined;
    /** What `certyoSink` was given, so that rows can be compared with what was sent. */
    readonly mapping?: MappingOptions | undefined;
    /**
     * Rows that are written in one transaction.
     *
     * @default 100
     */
    readonly batchSize?: number | undefined;
    /**
     * Longest wait for a lock on a table, milliseconds, 10,000 at most. Rows that are locked are never waited for.
     *
     * @default 500
     */
    readonly lockTimeoutMs?: number | undefined;
    /** Clock and timers. @default those of the process */
    readonly time?: PipelineTime | undefined;
}
/** Options of `createWriteBack`. `connection`, `pool` and `schema` say where the captured tables and the side table are. */
interface WriteBackOptions extends ColumnTargetOptions {
    /** What `postgresReceiptStore()` returned. */
    readonly receipts: PostgresReceiptStore;
    /**
     * Where statuses go: into the table `row_status`, into columns of the rows, or both.
     *
     * @default 'side-table'
     */
    readonly into?: 'side-table' | 'columns' | 'both' | undefined;
    /** What captures the tables; needed for columns, because it decides what keeps write-back from being captured. */
    readonly source?: WriteBackSource | readonly WriteBackSource[] | undefined;
    /**
     * The key of the row that a record is of, texts in the order of the key's columns; null for none. Needed where a mapper makes
     * record ids of its own.
     *
     * @default what the default mapping says
     */
    readonly keyOf?: ((record: RecordName) => readonly string[] | null) | undefined;
    /**
     * Names what is still to be written in the ledger; one for each place that is written to.
     *
     * @default 'write-back'
     */
    readonly name?: string | undefined;
    /**
     * Time between two looks at the queue, milliseconds.
     *
     * @default 1_000
     */
    readonly intervalMs?: number | undefined;
    /**
     * How often all rows whose status is not `anchored` are compared with the ledger, milliseconds; `false` for never. It finds rows
     * that came back to what was anchored without a receipt of it, which a poll does not see, and rows that were there before
     * write-back was.
     *
     * @default 3_600_000
     */
    readonly sweepIntervalMs?: number | false | undefined;
    /** Observes it. What it throws is ignored. */
    readonly onEvent?: ((event: WriteBackEvent) => void) | undefined;
}

/** What a round of a row verifier has done. */
interface RowVerifierRound {
    /** Rows whose status is not `anchored`. */
    readonly looked: number;
    /** Rows that were found anchored as they are, and got their status. */
    readonly written: number;
    /** Rows that Certyo has, but not on the chain yet. */
    readonly pending: number;
    /** Rows of which Certyo has nothing, or something else than they are now. */
    readonly different: number;
    /** Rows that changed while they were asked about, that are gone, or that somebody has locked. */
    readonly passed: number;
    readonly requests: number;
    readonly durationMs: number;
}
/** Everything that a row verifier reports to `onEvent`. Carries no values of rows, no keys and no secrets. */
type RowVerifierEvent = {
    readonly type: 'row-verifier-state-changed';
    readonly from: VerifierState;
    readonly to: VerifierState;
} | ({
    readonly type: 'row-verifier-round-finished';
} & RowVerifierRound) | {
    readonly type: 'row-verifier-interrupted';
    readonly error: Error;
    readonly retryInMs: number;
};
/** Options of `createRowVerifier`. */
interface RowVerifierOptions extends ColumnTargetOptions {
    /** The client to ask with. It is not closed with the row verifier. */
    readonly client: CertyoClient;
    readonly tables: NonNullable<ColumnTargetOptions['tables']>;
    /** What captures the tables: it decides what keeps the statuses from being captured. */
    readonly source: WriteBackSource | readonly WriteBackSource[];
    /**
     * Time between two rounds, milliseconds.
     *
     * @default 60_000
     */
    readonly intervalMs?: number | undefined;
    /**
     * Most requests in a second, one for each row; `false` for any number.
     *
     * @default 10
     */
    readonly maxRequestsPerSecond?: number | false | undefined;
    /** Observes it. What it throws is ignored. */
    readonly onEvent?: ((event: RowVerifierEvent) => void) | undefined;
}

interface CallOptions$1 {
    readonly signal?: AbortSignal | undefined;
}
interface SignalOptions {
    readonly signal: AbortSignal;
}
/** A snapshot of a row verifier. */
interface RowVerifierStatus {
    readonly state: VerifierState;
    /** The error that stopped it, else null. */
    readonly error: Error | null;
    /** What kept the last round from its end; null when nothing did. */
    readonly interruption: Error | null;
}
/** Verifies rows by asking Certyo about each, and writes `anchored` into their columns. Needs no ledger of receipts. */
interface RowVerifier extends AsyncDisposable {
    /** Adds the columns and the trigger; gives the SQL back. Running it again changes nothing. Needs the owner of the tables. */
    setup(options: RunSetupOptions): Promise<readonly string[]>;
    /** Removes what `setup()` has made, columns that were there before excepted. */
    teardown(options: RunSetupOptions): Promise<readonly string[]>;
    /** What a role needs besides CONNECT. */
    grantSql(role: string): readonly string[];
    /** What keeps the statuses from being captured as changes, for each table and source. */
    plan(options: SignalOptions): Promise<readonly ProtectionPlan[]>;
    /** Asks about every row that is not known to be anchored. */
    runOnce(options?: CallOptions$1): Promise<RowVerifierRound>;
    start(options?: CallOptions$1): Promise<void>;
    /** Finishes the round that is under way and stops. Idempotent. */
    drain(options?: CallOptions$1): Promise<void>;
    /** Stops now. Idempotent. */
    stop(): Promise<void>;
    /** Resolves when it has stopped: with null, or with the error that stopped it. Never rejects. */
    readonly closed: Promise<Error | null>;
    status(): RowVerifierStatus;
}
/**
 * Makes a verifier of rows, for tables with status columns and pipelines that keep no receipts.
 *
 * It goes through the rows that are not `anchored` in the order of their keys, asks Certyo about each with the row as its payload,
 * and writes `anchored` if the row is still the same when it is locked. That takes a request for each row and round: with
 * receipts, `createVerifier` and `createWriteBack` need one for about a thousand.
 *
 * @throws {ConfigurationError} An option is wrong.
 * @example
 * const rows = createRowVerifier({ client, tables: ['public.products'], source: 'listen-notify' });
 * await rows.setup({ signal });
 * await rows.start();
 */
declare function createRowVerifier(options: RowVerifierOptions): RowVerifier;

/** A snapshot of a write-back. Counters start at zero when it is made. */
interface WriteBackStatus extends Omit<WriteBackRound, 'durationMs'> {
    readonly state: VerifierState;
    /** The error that stopped it, else null. */
    readonly error: Error | null;
    /** What kept the last round from its end; null when nothing did. */
    readonly interruption: Error | null;
    readonly rounds: number;
}
interface CallOptions {
    readonly signal?: AbortSignal | undefined;
}
/**
 * Writes what became of records back into the database. Any number of workers may share one queue; what one has in hand the others
 * leave alone.
 */
interface WriteBack extends AsyncDisposable {
    /** Give it to `createVerifier({ followers })`: it queues what was anchored, in the verifier's transaction. */
    readonly follower: VerifierFollower;
    /** Makes the queue, and what it writes into; gives the SQL back. Running it again changes nothing. Needs the owner of the tables. */
    setup(options: RunSetupOptions): Promise<readonly string[]>;
    /** Removes what `setup()` has made, columns that were there before excepted. */
    teardown(options: RunSetupOptions): Promise<readonly string[]>;
    /** What a role needs besides CONNECT; for a verifier that fills the queue see `writeBackFollowerGrantSql`. */
    grantSql(role: string): readonly string[];
    /**
     * What keeps it from being captured as changes, for each table and source.
     *
     * @throws {WriteBackError} Nothing would.
     */
    plan(options: {
        readonly signal: AbortSignal;
    }): Promise<readonly ProtectionPlan[]>;
    /** Queues the newest finished receipts of all records that were accepted since: for tables that were not written to so far. */
    redrive(options: {
        readonly since: Date;
        readonly signal: AbortSignal;
    }): Promise<number>;
    /** How much is queued, and how much of it is due. */
    backlog(options: {
        readonly signal: AbortSignal;
    }): Promise<{
        readonly queued: number;
        readonly due: number;
    }>;
    /** Writes everything that is due. */
    runOnce(options?: CallOptions): Promise<WriteBackRound>;
    start(options?: CallOptions): Promise<void>;
    /** Finishes the round that is under way and stops. Idempotent. */
    drain(options?: CallOptions): Promise<void>;
    /** Stops now; what was not written stays queued. Idempotent. */
    stop(): Promise<void>;
    /** Resolves when it has stopped: with null, or with the error that stopped it. Never rejects. */
    readonly closed: Promise<Error | null>;
    status(): WriteBackStatus;
}
/**
 * Makes a write-back.
 *
 * Statuses go into the table `row_status` or into columns of the rows: in the order of keys, few rows at a time, never waiting for
 * a row that somebody has locked. A row gets its status only if it is what was anchored, compared by the fingerprint of its
 * payload while it is locked; `setup()` makes a trigger that takes the status away when the row changes. Killed at any
 * moment it loses nothing, and doing it twice changes nothing.
 *
 * @throws {ConfigurationError} An option is wrong.
 * @example
 * const writeBack = createWriteBack({ receipts, into: 'columns', tables: ['public.orders'], source: 'replication' });
 * await writeBack.setup({ signal });
 * const verifier = createVerifier({ client, receipts, followers: [writeBack.follower] });
 * await writeBack.start();
 */
declare function createWriteBack(options: WriteBackOptions): WriteBack;

/** What the role of a verifier needs besides `verifierGrantSql` when write-back follows it. */
declare function writeBackFollowerGrantSql(role: string, schema?: string): readonly string[];

export { AUDIT_FINDINGS, type AnchoredWithin, type AnchoringCodec, type Audit, type AuditAnswer, type AuditEvent, type AuditException, type AuditFindingKind, type AuditHtmlOptions, type AuditOptions, type AuditReport, type AuditState, type AuditStateStore, type AuditTableOptions, type AuditTableTotals, type CatchUp, type ChainEnd, type CheckWindowsOptions, type ColumnTargetOptions, type CompletenessWindow, type Counts, EVIDENCE_STEPS, type EvidenceBundle, type EvidenceOptions, type EvidenceReceipt, type EvidenceReport, type EvidenceStep, type EvidenceStepName, type EvidenceVersion, type EvidenceWindow, type FinishedReceipt, type KeptReceipt, type LatencySummary, type LedgerShape, type LedgerSummary, type MappingOptions, type PartitionPeriod, type PayloadLookup, type PostgresReceiptStore, type PostgresReceiptStoreOptions, type PostgresWindowStore, type PostgresWindowStoreOptions, type Protection, type ProtectionPlan, type ReceiptState, type ReconcileResult, type RecordedPayload, type RoundResult, type RowVerifier, type RowVerifierEvent, type RowVerifierOptions, type RowVerifierRound, type RowVerifierStatus, type SeenBatch, type SeenSnapshot, type SettledBy, type SourceKind, type StatusColumnOptions, type StoredWindow, type Suspect, VERIFIER_STATES, type Verifier, type VerifierEvent, type VerifierFollower, type VerifierOptions, type VerifierState, type VerifierStatus, type VerifyEvidenceOptions, type WindowAnchoringOptions, type WindowCheck, type WindowProblem, type WriteBack, type WriteBackEvent, type WriteBackOptions, type WriteBackRound, type WriteBackSource, type WriteBackStatus, auditGrantSql, auditReportHtml, auditReportSchema, checkWindows, createAudit, createEvidence, createRowVerifier, createVerifier, createWindowAnchoring, createWriteBack, defaultAnchoringCodec, fileAuditState, ledgerSetupSql, ledgerTeardownSql, postgresReceiptStore, postgresWindowStore, receiptGrantSql, verifierGrantSql, verifyEvidence, windowGrantSql, windowReadGrantSql, windowSetupSql, windowTeardownSql, writeBackFollowerGrantSql };
