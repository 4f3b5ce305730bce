// index.d.ts

import { RecordVersionName, OperationType, TableVersionColumn, ReceiptStore, ReceiptCallOptions, RecordName, QueryParameters, JsonValue, CertyoClient, PipelineTime } from '@certyo-cdc/core';
import { PostgresStoreOptions, RunSetupOptions, SqlExecutor } from '@certyo-cdc/postgres';

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
interface PostgresReceiptStore extends ReceiptStore {
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

/** What the role of a pipeline needs besides CONNECT to store receipts. */
declare function receiptGrantSql(role: string, schema?: string): readonly string[];
/** What the role of a verifier needs besides CONNECT. It cannot make, change or remove what a receipt says. */
declare function verifierGrantSql(role: string, schema?: string): readonly string[];

/** The SQL that makes the ledger. Running it twice changes nothing, but sets partitioning and retention anew. */
declare function ledgerSetupSql(shape: LedgerShape, schema?: string): readonly string[];
/** The SQL that removes the ledger with every receipt in it. The schema stays: it may hold other things. */
declare function ledgerTeardownSql(schema?: string): readonly string[];

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
interface CallOptions {
    readonly signal?: AbortSignal | undefined;
}
/**
 * Follows receipts until they are anchored or have failed.
 *
 * Any number of verifiers may work on one ledger: none looks at what another has claimed.
 */
interface Verifier extends AsyncDisposable {
    /** Looks at everything that is due now. Rejects with the API's error when it cannot be asked. */
    runOnce(options?: CallOptions): Promise<RoundResult>;
    /** Begins to look whenever something is due. Rejects when the ledger cannot be read. */
    start(options?: CallOptions): Promise<void>;
    /** Finishes the round that is under way and stops. Idempotent. */
    drain(options?: CallOptions): Promise<void>;
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

export { type AnchoredWithin, type AnchoringCodec, type Counts, type FinishedReceipt, type KeptReceipt, type LatencySummary, type LedgerShape, type LedgerSummary, type PartitionPeriod, type PostgresReceiptStore, type PostgresReceiptStoreOptions, type ReceiptState, type RoundResult, type SeenBatch, type SeenSnapshot, VERIFIER_STATES, type Verifier, type VerifierEvent, type VerifierFollower, type VerifierOptions, type VerifierState, type VerifierStatus, createVerifier, defaultAnchoringCodec, ledgerSetupSql, ledgerTeardownSql, postgresReceiptStore, receiptGrantSql, verifierGrantSql };
