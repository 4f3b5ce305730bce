// index.d.ts

import { C as CdcError, a as CdcErrorOptions, J as JsonRow, b as ChangeEvent, c as JsonValue, d as CertyoSinkOptions, e as CertyoItem, G as GapCode, A as AcceptedGap, R as RowChange, T as Truncate, S as SchemaChange, L as LogicalMessage, f as CheckpointStore, g as ChangeSource, h as StoredCheckpoint, i as SourceIdentity, P as Position, j as SourceEvent, D as DeadLetterStore, k as PipelineTime, l as SlotHealth, m as CopyProgress, n as SourceLag } from './time.js';
export { o as AcceptedRecord, p as ApiKey, B as BulkItem, q as BulkResult, r as BulkVerdict, s as ByteWriter, t as CallOptions, u as CertyoAnswer, v as CertyoClient, w as CertyoClientOptions, x as CertyoCodecs, y as CertyoDocument, z as CertyoPage, E as CertyoRecord, F as CertyoRequest, H as ChangeBatch, I as ChangeStream, K as Checkpoint, M as ColumnInfo, N as ColumnPolicies, O as ColumnPolicy, Q as ConfigurationError, U as ConstantBytes, V as DeadLetter, W as ERROR_CODES, X as ErrorCode, Y as ErrorCodeDescription, Z as EventSource, _ as FoundRecord, $ as ItemOrigin, a0 as JsonNumber, a1 as LatestReceipt, a2 as MappedOperation, a3 as MappedRow, a4 as NewDeadLetter, a5 as OpenOptions, a6 as OperationType, a7 as QueryParameters, a8 as Receipt, a9 as ReceiptCallOptions, aa as ReceiptStore, ab as RecordMapper, ac as RecordMapperOptions, ad as RecordName, ae as RecordVersionName, af as RowOperation, ag as Secret, ah as SendMark, ai as SkipUnchanged, aj as Snapshot, ak as StoredReceipt, al as StreamSharing, am as TableInfo, an as TableMapping, ao as TableVersion, ap as TableVersionColumn, aq as TransactionInfo, ar as UnavailableAction, as as UnavailableColumns, at as UnavailablePolicy, au as Verification, av as VerifyRecordRequest, aw as createCertyoClient, ax as defaultCodecs, ay as isRowChange, az as isSecret, aA as minifyJson, aB as recordMapper, aC as secret, aD as writeRow } from './time.js';
import { z } from 'zod';
import 'zod/v4/core';
import 'undici';
import 'node:buffer';

/** The request did not get through, or its answer did not come back. */
declare class DeliveryConnectionError extends CdcError {
    readonly name: "DeliveryConnectionError";
    readonly code: "DELIVERY_CONNECTION";
    readonly retryable: true;
}
/** The API did not answer in time. */
declare class DeliveryTimeoutError extends CdcError {
    readonly name: "DeliveryTimeoutError";
    readonly code: "DELIVERY_TIMEOUT";
    readonly retryable: true;
}
/** The API answered with a status that means failure. Carries no body: it may hold row values. */
declare class HttpStatusError extends CdcError {
    readonly name: "HttpStatusError";
    readonly code: 'HTTP_STATUS' | 'API_KEY_REFUSED' | 'REDIRECT_REFUSED';
    readonly retryable: boolean;
    readonly status: number;
    /** `X-Correlation-Id` of the answer, for the API's support, or null. */
    readonly correlationId: string | null;
    /** From `Retry-After`, or null. */
    readonly retryAfterMs: number | null;
    constructor(status: number, message: string, options?: CdcErrorOptions & {
        readonly correlationId?: string | null | undefined;
        readonly retryAfterMs?: number | null | undefined;
    });
}
/** The answer is not what the API gives (for example HTML from a proxy). */
declare class ResponseInvalidError extends CdcError {
    readonly name: "ResponseInvalidError";
    readonly code: "RESPONSE_INVALID";
    readonly retryable: true;
    readonly status: number;
    constructor(status: number, message: string, options?: CdcErrorOptions);
}
/** The API rejected a record for good. */
declare class RecordRejectedError extends CdcError {
    readonly name: "RecordRejectedError";
    readonly code: "RECORD_REJECTED";
    readonly retryable: false;
}
/** An item failed as often as `retry.maxAttempts` allows. */
declare class RetriesExhaustedError extends CdcError {
    readonly name: "RetriesExhaustedError";
    readonly code: "RETRIES_EXHAUSTED";
    readonly retryable: false;
}

/** One thing to deliver, made from an event. It may be an object of a class with getters, as `certyoSink` makes them: a spread would lose its fields. */
interface Prepared<Item> {
    /** The identity of the mapped record. Items of one lane are delivered one after the other, in commit order. */
    readonly lane: string;
    /** Size of the item in memory and on the wire; counts against the batch and in-flight limits. */
    readonly bytes: number;
    readonly item: Item;
}
/** What became of one item. One verdict per item, in the order of the items. */
type Verdict = 
/** The other side has it, now or (`replayed`, where it says so) already before. */
{
    readonly type: 'delivered';
    readonly receipt?: JsonValue | undefined;
    readonly replayed?: boolean | undefined;
}
/** It may work later. `inDoubt`: the other side may have it. `alone`: send it again in a request of its own. */
 | {
    readonly type: 'retry';
    readonly error: Error;
    readonly retryAfterMs?: number | undefined;
    readonly inDoubt: boolean;
    readonly alone?: boolean | undefined;
}
/**
 * It will never work. `scope: 'batch'` says that the request was refused as a whole and nobody knows because of
 * which item: the pipeline bisects.
 */
 | {
    readonly type: 'rejected';
    readonly error: Error;
    readonly scope: 'item' | 'batch';
}
/** Nothing will work until somebody acts (401, 403, wrong tenant). The pipeline stops with everything kept. */
 | {
    readonly type: 'halt';
    readonly error: Error;
}
/** A rule says that it need not be delivered. */
 | {
    readonly type: 'skipped';
    readonly reason: string;
};
interface DeliverOptions {
    /** 1 for the first try of every item in the call, else the highest try among them. */
    readonly attempt: number;
    readonly signal: AbortSignal;
}
/** What a sink remembers of earlier lives of a pipeline. */
interface SentBefore {
    /**
     * Since when an event of this commit time may have been sent, milliseconds since 1970; null when it never was.
     *
     * @param committedAt As in `TransactionInfo`; null where it is not known.
     */
    sentSince(committedAt: string | null): number | null;
}
/** What a sink is told about the pipeline that begins. */
interface BeginOptions {
    /** Its name. */
    readonly pipeline: string;
    /** True when it has no checkpoint yet: no earlier life has finished anything. */
    readonly isNew: boolean;
    readonly signal: AbortSignal;
}
/** Something that takes change events and answers one verdict per item. */
interface Sink<Item = unknown, Row extends object = JsonRow> {
    readonly name: string;
    /**
     * Sinks with the same scope share one retry budget, circuit breaker and Retry-After gate, whichever pipeline they
     * are in. Must not reveal a secret. Each sink has its own when it is undefined.
     */
    readonly scope?: string | undefined;
    /** Most items in one `deliver`. */
    readonly maxBatchItems?: number | undefined;
    /** Most bytes in one `deliver`. */
    readonly maxBatchBytes?: number | undefined;
    /** How long the other side recognises a repeated item, milliseconds. Older doubts go through `confirm` first. */
    readonly idempotencyWindowMs?: number | undefined;
    /**
     * Called once by a pipeline, when its source is open and before the first event. A sink that remembers what was sent
     * says so; then only what may have been sent for longer than `idempotencyWindowMs` goes through `confirm`. Where it
     * does not, everything that was committed so long ago may have been sent.
     */
    begin?(options: BeginOptions): Promise<SentBefore | null>;
    /** Maps an event once. Pure and synchronous; copies what it keeps. An empty array skips the event. */
    prepare(event: ChangeEvent<Row>): readonly Prepared<Item>[];
    /** Delivers items of distinct lanes. Rejects only on abort (with `signal.reason`) or a bug. */
    deliver(items: readonly Item[], options: DeliverOptions): Promise<readonly Verdict[]>;
    /**
     * Asks the other side, before items are sent again whose earlier fate is unknown for longer than
     * `idempotencyWindowMs`, whether it has them: a verdict per item, or null for one that it does not have.
     */
    confirm?(items: readonly Item[], options: {
        readonly signal: AbortSignal;
    }): Promise<readonly (Verdict | null)[]>;
    /** Text that `deserialize` turns back into the item; needed to park items. */
    serialize?(item: Item): string;
    deserialize?(text: string): Item;
    /** Releases connections. Idempotent. The pipeline calls it when it has stopped. */
    close?(): Promise<void>;
}

/**
 * Makes a sink that hands every change to the Certyo API as a record.
 *
 * A record counts as delivered only when the API's answer names it and its hash. What may or may not have arrived is
 * sent again with the same bytes and the same idempotency key.
 *
 * @example
 * const pipeline = createPipeline(source, certyoSink()); // CERTYO_API_KEY and CERTYO_TENANT_ID are set
 * @throws ConfigurationError when the key or tenant is missing or an option is wrong.
 */
declare function certyoSink(options?: CertyoSinkOptions): Sink<CertyoItem>;

/** A pipeline method was called in a state in which it has no meaning. */
declare class PipelineStateError extends CdcError {
    readonly name: "PipelineStateError";
    readonly code: "PIPELINE_STATE";
    readonly retryable: false;
}

/** The connection to the server could not be made or was lost. */
declare class SourceConnectionError extends CdcError {
    readonly name: "SourceConnectionError";
    readonly code: 'SOURCE_UNREACHABLE' | 'SOURCE_LOGIN_REFUSED' | 'SOURCE_TLS' | 'SOURCE_BUSY';
    readonly retryable: boolean;
    constructor(code: SourceConnectionError['code'], message: string, options?: CdcErrorOptions);
}
/** The server is not prepared for the source. The message names the SQL to run. */
declare class SourceSetupError extends CdcError {
    readonly name: "SourceSetupError";
    readonly code: "SOURCE_SETUP";
    readonly retryable: false;
}
/** The server sent something unexpected. */
declare class SourceProtocolError extends CdcError {
    readonly name: "SourceProtocolError";
    readonly code: "SOURCE_PROTOCOL";
    readonly retryable: false;
}
/** What a source keeps on disk could not be kept: no room, or more than its limit. */
declare class SourceSpoolError extends CdcError {
    readonly name: "SourceSpoolError";
    readonly code: "SOURCE_SPOOL";
    readonly retryable: false;
}
/** Notifications came faster than they were taken, and none is dropped in silence. */
declare class NotificationsOverflowError extends CdcError {
    readonly name: "NotificationsOverflowError";
    readonly code: "NOTIFICATIONS_OVERFLOW";
    readonly retryable: false;
}
/** Completeness can no longer be proved; the pipeline stops in state `gap`. Never retried. */
declare class GapError extends CdcError {
    readonly name: "GapError";
    readonly code: GapCode;
    readonly retryable: false;
    /** Names this gap in the option `recover` of a source that offers one; null where it does not. */
    readonly fingerprint: string | null;
    constructor(code: GapCode, message: string, options?: CdcErrorOptions & {
        readonly fingerprint?: string | undefined;
    });
}

/** The checkpoint could not be loaded or saved. */
declare class CheckpointError extends CdcError {
    readonly name: "CheckpointError";
    readonly code: "CHECKPOINT_STORE";
    readonly retryable: boolean;
    constructor(message: string, options: CdcErrorOptions & {
        readonly retryable: boolean;
    });
}
/** Another process has saved a checkpoint under the same pipeline name. */
declare class CheckpointFencedError extends CdcError {
    readonly name: "CheckpointFencedError";
    readonly code: "CHECKPOINT_FENCED";
    readonly retryable: false;
}
/** Parked records could not be stored or read. */
declare class DeadLetterError extends CdcError {
    readonly name: "DeadLetterError";
    readonly code: "DEAD_LETTER_STORE";
    readonly retryable: boolean;
    constructor(message: string, options: CdcErrorOptions & {
        readonly retryable: boolean;
    });
}
/** Receipts could not be stored or read. */
declare class ReceiptError extends CdcError {
    readonly name: "ReceiptError";
    readonly code: "RECEIPT_STORE";
    readonly retryable: boolean;
    constructor(message: string, options: CdcErrorOptions & {
        readonly retryable: boolean;
    });
}
/** Windows of completeness could not be stored or read. */
declare class WindowError extends CdcError {
    readonly name: "WindowError";
    readonly code: "WINDOW_STORE";
    readonly retryable: boolean;
    constructor(message: string, options: CdcErrorOptions & {
        readonly retryable: boolean;
    });
}
/** What became of records could not be written back into the database. */
declare class WriteBackError extends CdcError {
    readonly name: "WriteBackError";
    readonly code: 'WRITE_BACK' | 'WRITE_BACK_LOOP';
    readonly retryable: boolean;
    constructor(code: WriteBackError['code'], message: string, options: CdcErrorOptions & {
        readonly retryable: boolean;
    });
}

/** A value cannot be represented without altering it. Names the column, never the value. */
declare class ValueError extends CdcError {
    readonly name: "ValueError";
    readonly code: "VALUE_UNREPRESENTABLE";
    readonly retryable: false;
    readonly column: string | null;
    constructor(column: string | null, message: string, options?: CdcErrorOptions);
}
/**
 * A change does not carry a large value that it left unchanged (unchanged TOAST), and the sink's option `unavailable` says that
 * such a row is not to be delivered without it. Names the columns, never a value.
 */
declare class UnavailableValueError extends CdcError {
    readonly name: "UnavailableValueError";
    readonly code: "VALUE_UNAVAILABLE";
    readonly retryable: false;
    /** The table as `schema.table`. */
    readonly table: string;
    readonly columns: readonly string[];
    constructor(table: string, columns: readonly string[]);
}
/** A record mapper threw, or the row does not match its schema. */
declare class MappingError extends CdcError {
    readonly name: "MappingError";
    readonly code: "MAPPING_FAILED";
    readonly retryable: false;
    readonly eventId: string;
    constructor(eventId: string, message: string, options?: CdcErrorOptions);
}

/** A row change as its JSON form has it. */
type RowChangeJson = Omit<RowChange, 'canonicalRow' | 'toJSON'>;
/** A truncate as its JSON form has it. */
type TruncateJson = Omit<Truncate, 'toJSON'>;
/** A schema change as its JSON form has it. */
type SchemaChangeJson = Omit<SchemaChange, 'toJSON'>;
/** A logical message as its JSON form has it: the content as `\x` and hexadecimal digits, like a `bytea`. */
type LogicalMessageJson = Omit<LogicalMessage, 'content' | 'toJSON'> & {
    readonly content: string;
};
/** A gap that somebody has accepted as its JSON form has it. */
type AcceptedGapJson = Omit<AcceptedGap, 'toJSON'>;
/**
 * What `toJSON()` of an event gives, and what `changeEventSchema` reads.
 *
 * After a way through `JSON.stringify` a number inside `json` or `jsonb` that JavaScript cannot hold is a text;
 * `canonicalJson` and `parseJson` keep it a number, digit by digit.
 */
type ChangeEventJson = RowChangeJson | TruncateJson | SchemaChangeJson | LogicalMessageJson | AcceptedGapJson;

/**
 * Reads the JSON form of an event, for example from a file or queue that `JSON.stringify(event)` was written to.
 *
 * Whatever an event of this library gives is read without loss: rows are handed on as they are. Fields that a newer
 * version added are left out.
 *
 * @example
 * const event = changeEventSchema.parse(JSON.parse(line));
 * if (event.operation === 'insert') console.log(event.table.name, event.after);
 */
declare const changeEventSchema: z.ZodType<ChangeEventJson>;

/**
 * Writes a value as the canonical JSON of RFC 8785: keys sorted by UTF-16 units, numbers as ECMAScript prints them, no
 * whitespace. A `JsonNumber` is written to the letter; -0 is written as 0.
 *
 * Nothing is altered or left out in silence, unlike with `JSON.stringify`.
 *
 * @throws ValueError naming the path (never the value) of what JSON cannot carry: NaN, Infinity, undefined, bigint,
 *   functions, symbols, lone surrogates, holes in arrays, cycles, and objects that are neither plain nor arrays
 *   (for example Date: convert it to text first).
 */
declare function canonicalJson(value: JsonValue): string;

/** Options of `parseJson`. */
interface ParseJsonOptions {
    /**
     * Most objects and arrays inside one another, 1 to 1000.
     *
     * @default 64
     */
    readonly maxDepth?: number | undefined;
}
/**
 * Parses JSON without losing a digit: a number that a JavaScript number cannot hold exactly becomes a `JsonNumber`.
 *
 * Objects have no prototype, so `__proto__` is a key like any other. Of duplicate keys the last one wins.
 *
 * @throws ValueError when the text is not one JSON value by RFC 8259, or is deeper than `maxDepth`.
 */
declare function parseJson(text: string, options?: ParseJsonOptions): JsonValue;

/** Options of `changes`. */
interface ChangesOptions {
    /** Ends the iteration: it rejects with the signal's reason. */
    readonly signal?: AbortSignal | undefined;
    /** Where the checkpoint is kept. Stays open. @default the source's own store */
    readonly checkpoints?: CheckpointStore | undefined;
    /**
     * Name under which the checkpoint is kept.
     * @default the source's name
     */
    readonly name?: string | undefined;
    /**
     * Least time between two saved checkpoints, milliseconds.
     * @default 1_000
     */
    readonly checkpointIntervalMs?: number | undefined;
}
/**
 * Iterates over the changes of a source one by one, at least once each, in commit order.
 *
 * A change counts as safe when the next one is asked for. Leaving the loop saves and acknowledges the newest end that
 * the source gave behind changes that were all passed: sources give one for several small transactions that came
 * together. What lies behind it, the change at which the loop is left among it, comes again. To leave a loop that waits
 * for the next change, abort the signal.
 *
 * @throws {ConfigurationError} There is no place to keep the checkpoint.
 * @example
 * for await (const event of changes(source)) {
 *   if (isRowChange(event)) await index(event.table.name, event.after);
 * }
 */
declare function changes<Row extends object = JsonRow>(source: ChangeSource<Row>, options?: ChangesOptions): AsyncIterableIterator<ChangeEvent<Row>>;

/** What became of an event, when everything that was made of it is final. */
type EventOutcome = 'delivered' | 'skipped' | 'parked';
/** How many events of one table and operation there were. `captured` is the sum of the other three. */
interface EventCounts {
    /** As in collections, `schema.table`; `$messages` and `$gaps` for what belongs to no table. */
    readonly table: string;
    readonly operation: ChangeEvent['operation'];
    /** Handed over by the source. */
    readonly captured: number;
    /** Of which nothing was parked, and something was accepted by the sink. */
    readonly delivered: number;
    /** Left out by a rule: the filter, the mapper, or the sink. */
    readonly skipped: number;
    /** Of which something was parked durably. Sending it later does not change what is counted here. */
    readonly parked: number;
}
/** The least and the greatest of some texts, as texts compare. */
interface TextRange {
    readonly first: string;
    readonly last: string;
}
/** Whose positions these are. */
interface SpanSource {
    readonly name: string;
    readonly kind: string;
    readonly epoch: number;
    readonly identity: SourceIdentity;
}
/**
 * What lies between two checkpoints that were saved one after the other: (from, to].
 *
 * A source that goes on from a checkpoint hands over exactly what lies behind it, so that what comes again after a crash is
 * counted in the one span whose checkpoint is saved in the end.
 */
interface CheckpointSpan {
    readonly pipeline: string;
    readonly source: SpanSource;
    /** The position of the checkpoint that is replaced; null at the source's own beginning. */
    readonly from: Position | null;
    readonly to: Position;
    /** The revision of the checkpoint that is replaced. */
    readonly replaces: string | null;
    /** The revision under which the checkpoint of `to` is going to be saved. */
    readonly revision: string;
    /** Sorted by table and operation. */
    readonly counts: readonly EventCounts[];
    /** Of the events' versions; null where there are none. */
    readonly versions: TextRange | null;
    /** Of the events' commit times, as far as they are known. */
    readonly committed: TextRange | null;
}
/** Where a pipeline begins. */
interface BeginWindowsOptions {
    readonly pipeline: string;
    readonly source: {
        readonly name: string;
        readonly kind: string;
    };
    /** The checkpoint that it goes on from. */
    readonly stored: StoredCheckpoint | null;
    readonly signal: AbortSignal;
}
/**
 * Where windows of completeness are kept. One pipeline calls one method at a time.
 *
 * A span is staged before its checkpoint is saved, and counts if, and only if, that checkpoint was: which of the two it is, is
 * seen by the revision of the checkpoint that the next life finds. So nothing is counted twice or left out wherever a
 * process dies, and checkpoints may be kept anywhere.
 */
interface WindowStore {
    /** Called once, before the first event: settles what an earlier life has staged. */
    begin(options: BeginWindowsOptions): Promise<void>;
    /** Resolves when the span is durable. The same one again changes nothing. */
    stage(span: CheckpointSpan, options: {
        readonly signal: AbortSignal;
    }): Promise<void>;
    /** The checkpoint of this revision is saved and acknowledged: a window may be closed. */
    saved(pipeline: string, revision: string, options: {
        readonly signal: AbortSignal;
    }): Promise<void>;
    /** Releases connections. Idempotent. */
    close(): Promise<void>;
}

/** Everything that a pipeline reports to `onEvent`. Carries no row values and no secrets. */
type PipelineEvent = SourceEvent | {
    readonly type: 'pipeline-state-changed';
    readonly from: PipelineState;
    readonly to: PipelineState;
} | {
    readonly type: 'batch-received';
    readonly events: number;
    readonly bytes: number;
} | {
    readonly type: 'batch-delivered';
    readonly items: number;
    readonly bytes: number;
    readonly durationMs: number;
} | {
    readonly type: 'delivery-retried';
    readonly items: number;
    readonly attempt: number;
    readonly delayMs: number;
    readonly inDoubt: boolean;
    readonly error: Error;
} | {
    readonly type: 'batch-split';
    readonly items: number;
    readonly error: Error;
} | {
    readonly type: 'item-rejected';
    readonly eventId: string;
    readonly error: Error;
} | {
    readonly type: 'item-parked';
    readonly eventId: string;
    readonly reason: 'rejected' | 'lane-blocked';
} | {
    readonly type: 'event-skipped';
    readonly eventId: string;
    readonly reason: string;
} | {
    readonly type: 'breaker-changed';
    readonly to: 'closed' | 'open' | 'half-open';
} | {
    readonly type: 'checkpoint-saved';
    readonly position: string;
} | {
    readonly type: 'acknowledged';
    readonly position: string;
} | {
    readonly type: 'unacknowledged-warned';
    readonly events: number;
    readonly bytes: number;
    readonly ageMs: number;
};
/**
 * Where a pipeline is in its life.
 *
 *     idle → starting → running → draining → stopped
 *                          ├──────────────→ failed   an error that somebody has to act on
 *                          └──────────────→ gap      completeness can no longer be proved
 */
declare const PIPELINE_STATES: readonly ["idle", "starting", "running", "draining", "stopped", "failed", "gap"];
type PipelineState = (typeof PIPELINE_STATES)[number];

/** How items are put together into requests. */
interface BatchOptions {
    /**
     * Most items in one request; never more than the sink allows.
     * @default 500
     */
    readonly maxItems?: number | undefined;
    /**
     * Most bytes in one request; never more than the sink allows. A larger single item goes alone.
     * @default 1_000_000
     */
    readonly maxBytes?: number | undefined;
    /**
     * Longest wait of an item for others to join its request, milliseconds; `false` sends at once.
     * @default 20
     */
    readonly lingerMs?: number | false | undefined;
}
/** How many retries are allowed beside what succeeds. */
interface RetryBudgetOption {
    /**
     * Retries per successful request.
     * @default 0.1
     */
    readonly ratio?: number | undefined;
    /**
     * Retries per second that are allowed in any case.
     * @default 2
     */
    readonly perSecond?: number | undefined;
    /**
     * Most retries that can be saved up.
     * @default 20
     */
    readonly capacity?: number | undefined;
}
/** When and how often items are sent again. Delays have full jitter; `Retry-After` is a floor. */
interface RetryOptions {
    /**
     * Longest delay before the second try, milliseconds; doubles from try to try.
     * @default 200
     */
    readonly initialDelayMs?: number | undefined;
    /**
     * Longest delay between two tries, milliseconds; at most 600,000.
     * @default 30_000
     */
    readonly maxDelayMs?: number | undefined;
    /**
     * Tries after which an item counts as rejected; `false` tries for ever.
     * @default false
     */
    readonly maxAttempts?: number | false | undefined;
    /** Shared by all pipelines whose sinks have one scope: the first one's hold. `false` allows any number. */
    readonly budget?: RetryBudgetOption | false | undefined;
}
/** When requests stop because nothing gets through. */
interface CircuitBreakerOptions {
    /**
     * Failed requests in a row after which no more are sent.
     * @default 5
     */
    readonly failures?: number | undefined;
    /**
     * Pause before the first probe, milliseconds; doubles with each probe that fails.
     * @default 1_000
     */
    readonly openMs?: number | undefined;
    /**
     * Longest pause between probes, milliseconds.
     * @default 30_000
     */
    readonly maxOpenMs?: number | undefined;
}
/** How much may be received and not acknowledged. Reading pauses beyond it; nothing is dropped. */
interface UnacknowledgedLimits {
    /**
     * Events. A transaction that alone is larger still passes.
     * @default 1_000_000
     */
    readonly maxEvents?: number | false | undefined;
    /**
     * Age of the oldest, milliseconds.
     * @default 3_600_000
     */
    readonly maxAgeMs?: number | false | undefined;
    /**
     * Events from which `unacknowledged-warned` is emitted, at most once a minute.
     * @default 100_000
     */
    readonly warnEvents?: number | false | undefined;
    /**
     * Age from which `unacknowledged-warned` is emitted, milliseconds.
     * @default 60_000
     */
    readonly warnAgeMs?: number | false | undefined;
}
/** What bounds the pipeline's memory. */
interface PipelineLimits {
    /**
     * Bytes held by batches that are not finished; beyond it the source is not read.
     * @default 16_000_000
     */
    readonly maxInFlightBytes?: number | undefined;
    /**
     * Items that are not finished; beyond it the source is not read.
     * @default 10_000
     */
    readonly maxInFlightItems?: number | undefined;
    readonly unacknowledged?: UnacknowledgedLimits | undefined;
}
/** Options of `createPipeline`. */
interface PipelineOptions<Row extends object = JsonRow> {
    /**
     * Name under which checkpoint and parked records are kept.
     * @default the source's name
     */
    readonly name?: string | undefined;
    /** Where the checkpoint is kept. Stays open when the pipeline stops. @default the source's own store */
    readonly checkpoints?: CheckpointStore | undefined;
    /** Where parked records are kept. Stays open when the pipeline stops. @default the source's own store */
    readonly deadLetters?: DeadLetterStore | undefined;
    /**
     * Where it is kept how many events were captured, delivered, skipped and parked. Nothing is acknowledged before it is. Stays
     * open when the pipeline stops. @default nowhere
     */
    readonly windows?: WindowStore | undefined;
    /** Which events are delivered; the others are skipped. Pure and synchronous. */
    readonly filter?: ((event: ChangeEvent<Row>) => boolean) | undefined;
    readonly batch?: BatchOptions | undefined;
    /**
     * Requests at one time.
     * @default 4
     */
    readonly concurrency?: number | undefined;
    readonly retry?: RetryOptions | undefined;
    /** Shared by all pipelines whose sinks have one scope: the first one's hold. `false` has none. */
    readonly breaker?: CircuitBreakerOptions | false | undefined;
    /**
     * What to do with a record that is rejected: stop with everything kept, or park it durably and go on.
     * @default 'halt'
     */
    readonly onRejected?: 'halt' | 'park' | undefined;
    /**
     * What to do with later items of a record that has a parked one: park them behind it, in order, or send them.
     * @default 'block'
     */
    readonly onParkedLane?: 'block' | 'continue' | undefined;
    readonly limits?: PipelineLimits | undefined;
    /**
     * Least time between two saved checkpoints, milliseconds.
     * @default 1_000
     */
    readonly checkpointIntervalMs?: number | undefined;
    /**
     * Least time between two saved checkpoints while there are no events, milliseconds. Saving is itself a write to a
     * database, perhaps the captured one.
     * @default 30_000
     */
    readonly idleCheckpointIntervalMs?: number | undefined;
    /** Observes the pipeline. What it throws is ignored. */
    readonly onEvent?: ((event: PipelineEvent) => void) | undefined;
    /** Clock and timers. @default those of the process */
    readonly time?: PipelineTime | undefined;
    /** Source of jitter, in [0, 1). @default Math.random */
    readonly random?: (() => number) | undefined;
}

/** A snapshot of a pipeline. Counters start at zero with `start()`. */
interface PipelineStatus {
    readonly name: string;
    readonly state: PipelineState;
    /** The error that stopped it, else null. */
    readonly error: Error | null;
    /** Events that came from the source. */
    readonly received: number;
    /** Items with verdict delivered. */
    readonly delivered: number;
    /** Of these, items that the other side says it had before. Some are normal after a restart or a lost answer. */
    readonly replayed: number;
    /** Events that no item was made of, and items that a rule skipped. */
    readonly skipped: number;
    readonly parked: number;
    /** Calls of `Sink.deliver`. */
    readonly requests: number;
    /** Items that were sent again. */
    readonly retried: number;
    /** Received but not acknowledged. */
    readonly unacknowledged: {
        readonly events: number;
        readonly bytes: number;
        /** Age of the oldest, milliseconds; 0 when there is none. */
        readonly ageMs: number;
    };
    /** Items waiting for their turn or in a request. */
    readonly inFlight: {
        readonly items: number;
        readonly bytes: number;
    };
    /** How many lanes wait behind a parked item; the dead-letter store names them (names of lanes hold keys of rows). */
    readonly blockedLanes: number;
    readonly breaker: 'closed' | 'open' | 'half-open';
    /** The newest saved position, else null. */
    readonly position: string | null;
    /** The replication slot as the source last saw it; null where there is none, or nobody has looked yet. */
    readonly slot: SlotHealth | null;
    /** Tables that the source is copying, and how far it is. */
    readonly copying: readonly CopyProgress[];
}
/**
 * A source joined with a sink.
 *
 * Every change that the source yields is delivered at least once, per record in commit order; the source is told that
 * a change is safe only after every change before it has its final verdict and the checkpoint is saved.
 */
interface Pipeline extends AsyncDisposable {
    readonly name: string;
    /** Loads the checkpoint, opens the source and begins. Rejects with what made that impossible. */
    start(options?: {
        readonly signal?: AbortSignal | undefined;
    }): Promise<void>;
    /** Resolves when everything that was committed before the call has its final verdict and is acknowledged. */
    caughtUp(options?: {
        readonly signal?: AbortSignal | undefined;
    }): Promise<void>;
    /** Takes nothing new, finishes what was taken, acknowledges it and stops. Idempotent. */
    drain(options?: {
        readonly signal?: AbortSignal | undefined;
    }): Promise<void>;
    /** Stops now; what is in flight is abandoned and comes again after the next start. Idempotent. */
    stop(): Promise<void>;
    /** Resolves when the pipeline has stopped: with null, or with the error that stopped it. Never rejects. */
    readonly closed: Promise<Error | null>;
    status(): PipelineStatus;
    lag(): Promise<SourceLag>;
    /** Delivers parked items again, lane by lane in order. Resolves with what became of them. */
    redrive(options?: {
        readonly lane?: string | undefined;
        readonly signal?: AbortSignal | undefined;
    }): Promise<{
        readonly delivered: number;
        readonly stillParked: number;
    }>;
}

/**
 * Joins a source with a sink.
 *
 * Every change that the source yields is delivered at least once, per record in commit order, with at most one item per
 * record in flight. The source is told that a change is safe only after every change before it has its final verdict
 * and the checkpoint is saved. What cannot be proved complete stops the pipeline in state `gap`.
 *
 * A pipeline is started once. `drain()` and `stop()` close the sink and the source's own stores.
 *
 * @throws {ConfigurationError} An option is wrong, or there is no place to keep the checkpoint.
 * @example
 * const pipeline = createPipeline(source, sink, { onEvent: (event) => log(event) });
 * await pipeline.start();
 * await pipeline.caughtUp();
 * await pipeline.drain();
 */
declare function createPipeline<Item, Row extends object = JsonRow>(source: ChangeSource<Row>, sink: Sink<Item, Row>, options?: PipelineOptions<Row>): Pipeline;

/** What becomes of a consumer that lags beyond its limit. */
type LaggardPolicy = 'pause' | 'detach';
/** Options of `shareSource`. */
interface ShareOptions {
    /**
     * Names of all consumers, started or not. What one of them has not acknowledged is kept for it, so that a name that is
     * left out gives up what it has not had yet, and a new one begins where the source has been acknowledged to.
     */
    readonly consumers: readonly string[];
    /**
     * Name under which the position that all consumers have acknowledged is kept. A pipeline that ran under this name on
     * the source itself is gone on from.
     * @default the source's name
     */
    readonly name?: string | undefined;
    /** Where that position is kept. Stays open. @default the source's own store */
    readonly checkpoints?: CheckpointStore | undefined;
    /**
     * Bytes that are kept in memory for consumers that are not as far as others. While more would be needed, reading waits.
     * @default 16_000_000
     */
    readonly maxBufferBytes?: number | undefined;
    /**
     * How long reading waits for a consumer that takes nothing at all, milliseconds, before it goes on without it. When
     * that one takes again, the stream is read again from the slowest position, while the others wait. `false`: for ever.
     * @default 5_000
     */
    readonly stallMs?: number | false | undefined;
    /**
     * What becomes of a consumer that lags beyond one of the limits below while another one is further. `pause`: nothing
     * more is read until it has caught up; one that is not started does not count. `detach`: its stream ends with
     * `GAP_CONSUMER_DETACHED`, and what it has not had is not kept for it any longer, whether it is started or not.
     * @default 'pause'
     */
    readonly onLaggard?: LaggardPolicy | undefined;
    /**
     * Most bytes that may be read and not acknowledged by a consumer.
     * @default 1_000_000_000
     */
    readonly maxLagBytes?: number | false | undefined;
    /**
     * Most events that may be read and not acknowledged by a consumer.
     * @default false
     */
    readonly maxLagEvents?: number | false | undefined;
    /**
     * Longest time that something may be read and not acknowledged by a consumer, milliseconds.
     * @default false
     */
    readonly maxLagMs?: number | false | undefined;
    /** @default the clock and timers of the process */
    readonly time?: PipelineTime | undefined;
}

/** A source that several pipelines read at once. */
interface SharedSource<Row extends object = JsonRow> {
    /**
     * The source of one consumer, for a pipeline of its own. It is named `<source>/<consumer>`, and so is its checkpoint
     * where the pipeline's options name it no other way.
     *
     * @throws ConfigurationError The consumer is not among those that were declared.
     */
    consumer(name: string): ChangeSource<Row>;
}
/**
 * Lets several pipelines read one source, so that a database needs one slot and not one for each.
 *
 * The source is read once. Each consumer has its own checkpoint and goes on from it after a restart, whatever the others
 * do; one that is closed, stops or fails does not stop the others. The source is told that a position is safe only when
 * every declared consumer has acknowledged it, started or not, and that position has been saved under the source's own
 * name. A consumer's events, ids, versions and ends are those of the source; it is not given again what its checkpoint
 * covers. Memory is bounded by `maxBufferBytes` beside what the pipelines hold.
 *
 * All consumers have to run in one process: a slot has one reader. The source has to be able to share its stream
 * (`ChangeStream.sharing`), as `replicationSource` is.
 *
 * @throws ConfigurationError for options that are missing or wrong.
 * @example
 * const shared = shareSource(source, { consumers: ['certyo', 'search'] });
 * const certyo = createPipeline(shared.consumer('certyo'), certyoSink());
 * const search = createPipeline(shared.consumer('search'), searchSink);
 * await Promise.all([certyo.start(), search.start()]);
 */
declare function shareSource<Row extends object = JsonRow>(source: ChangeSource<Row>, options: ShareOptions): SharedSource<Row>;

export { AcceptedGap, type AcceptedGapJson, type BatchOptions, type BeginOptions, type BeginWindowsOptions, CdcError, CdcErrorOptions, CertyoItem, CertyoSinkOptions, ChangeEvent, type ChangeEventJson, ChangeSource, type ChangesOptions, CheckpointError, CheckpointFencedError, type CheckpointSpan, CheckpointStore, type CircuitBreakerOptions, CopyProgress, DeadLetterError, DeadLetterStore, type DeliverOptions, DeliveryConnectionError, DeliveryTimeoutError, type EventCounts, type EventOutcome, GapCode, GapError, HttpStatusError, JsonRow, JsonValue, type LaggardPolicy, LogicalMessage, type LogicalMessageJson, MappingError, NotificationsOverflowError, PIPELINE_STATES, type ParseJsonOptions, type Pipeline, type PipelineEvent, type PipelineLimits, type PipelineOptions, type PipelineState, PipelineStateError, type PipelineStatus, PipelineTime, Position, type Prepared, ReceiptError, RecordRejectedError, ResponseInvalidError, RetriesExhaustedError, type RetryBudgetOption, type RetryOptions, RowChange, type RowChangeJson, SchemaChange, type SchemaChangeJson, type SentBefore, type ShareOptions, type SharedSource, type Sink, SlotHealth, SourceConnectionError, SourceEvent, SourceIdentity, SourceLag, SourceProtocolError, SourceSetupError, SourceSpoolError, type SpanSource, StoredCheckpoint, type TextRange, Truncate, type TruncateJson, type UnacknowledgedLimits, UnavailableValueError, ValueError, type Verdict, WindowError, type WindowStore, WriteBackError, canonicalJson, certyoSink, changeEventSchema, changes, createPipeline, parseJson, shareSource };

// internal.d.ts

import { c as JsonValue, J as JsonRow, H as ChangeBatch, Q as ConfigurationError, k as PipelineTime } from './time.js';
export { s as ByteWriter, U as ConstantBytes, aE as DraftRules, aF as NamedTable, aG as RecordDraft, aH as RowWriter, aI as SYSTEM_TIME, aJ as WRITE_ROW, aK as draftRules, aL as payloadOf, aM as payloadText, aN as recordIdOf, aO as sleep, aP as tableLabel, aQ as toDrafts, aR as writeMinified } from './time.js';
import 'zod/v4/core';
import 'undici';
import 'node:buffer';

/** The method of events that can say the value of their key without making an object of it. */
declare const KEY_VALUE: unique symbol;
/** An event of which the key is mostly one column. */
interface KeyReader {
    /** The value of the only column of `key`; undefined where there are several. */
    [KEY_VALUE](): JsonValue | undefined;
}

/** The iterator of a stream that is closed when the loop over it is left; `next` gives null at its orderly end. */
declare function batchIterator<Row extends object = JsonRow>(next: () => Promise<ChangeBatch<Row> | null>, stream: AsyncDisposable): AsyncIterator<ChangeBatch<Row>>;

/**
 * A whole number from 0 on in decimal, for numbers of which each is written once: what `String` gives is kept, by number, in a
 * cache of the engine of some ten thousand places, and so each text becomes old before it is garbage.
 */
declare function decimal(n: number): string;

/** The known name that is nearest to a wrong one, upper and lower case being equal, or null when none is near. */
declare function nearestName(name: string, known: readonly string[]): string | null;

/**
 * Calls back when the signal aborts; the returned function takes that back.
 *
 * All callbacks of a signal share one listener: Node warns of a leak when more than ten requests each add their own.
 */
declare function onAbort(signal: AbortSignal, callback: () => void): () => void;
/** The promise, or the signal's reason as soon as it is aborted. */
declare function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T>;

/** A timer of more milliseconds fires at once. */
declare const MAX_TIMER_MS: number;
/**
 * The error for an option of a wrong type or out of range. Numbers and the like are shown, texts are not: any of them
 * may hold a secret.
 */
declare function wrongOption(option: string, expected: string, value: unknown): ConfigurationError;
/** The same for options that hold a secret: says the type only. */
declare function wrongSecretOption(option: string, expected: string, value: unknown): ConfigurationError;
/** An object that is no array, or an error. */
declare function requireObject(option: string, value: unknown): Readonly<Record<string, unknown>>;
/**
 * Refuses option names that are not known, naming the nearest one that is.
 *
 * @param path Where the options stand, for example `tls`; empty for those of the factory itself.
 */
declare function refuseUnknownOptions(path: string, options: object, known: readonly string[]): void;
/** A positive number of milliseconds that a timer can hold, `false` to disable, or undefined. */
declare function optionalTimeout(option: string, value: unknown): number | false | undefined;
/** A text that is not empty and has no NUL, or undefined. */
declare function optionalText(option: string, value: unknown): string | undefined;

/**
 * Says of an object or array that nobody ever changes it or anything in it: as long as it is the same object, it is the same
 * JSON, and need not be looked through to see that.
 */
declare function unchangingJson<T extends JsonValue>(value: T): T;
/** True for what `unchangingJson` was called with, and for what is no object. */
declare function isUnchangingJson(value: JsonValue): boolean;

/** A JSON object as parsed from a hostile text: look at own members only. */
type JsonObject = {
    readonly [key: string]: JsonValue;
};
/** The value as an object, or null. */
declare function asObject(value: JsonValue | undefined): JsonObject | null;
/** The value as an array, or null. */
declare function asArray(value: JsonValue | undefined): readonly JsonValue[] | null;
/** An own member, or undefined. */
declare function member(object: JsonObject, name: string): JsonValue | undefined;
/** An own member that is a text with something in it, or null. */
declare function textMember(object: JsonObject, name: string): string | null;

/**
 * Reads one object of options, strictly: a wrong type, a value out of range or an unknown name throws
 * `ConfigurationError` with the option's full path. The value itself of a text is never printed.
 */
declare class OptionReader {
    #private;
    constructor(path: string, value: unknown, known: readonly string[]);
    /** The raw value. */
    value(name: string): unknown;
    nested(name: string, known: readonly string[]): OptionReader;
    positive(name: string, fallback: number, most?: number): number;
    positiveInteger(name: string, fallback: number, most?: number): number;
    positiveIntegerOrFalse(name: string, fallback: number | false, most?: number): number | false;
    /** An object of two times, milliseconds, of which the second is at least the first; its default gives way to the first. */
    bounds<Name extends string>(name: string, [least, most]: readonly [Name, Name], [leastDefault, mostDefault]: readonly [number, number]): Readonly<Record<Name, number>>;
    text(name: string, fallback: string): string;
    flag(name: string): boolean;
    oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T;
    /** Checks that the option is a function when it is given. */
    assertFunction(name: string): void;
    /** Checks that the option, when it is given, is an object with these methods. */
    assertMethods(name: string, methods: readonly string[]): void;
}

/** Requests that go through the gate of a scope, beside those of pipelines (H-10, H-11). */
declare class GatedCalls {
    #private;
    constructor(scope: string, time?: PipelineTime, random?: () => number);
    /** Waits for leave, makes the request, and tells the gate how it went. */
    call<T>(request: (signal: AbortSignal) => Promise<T>, { signal }: {
        readonly signal: AbortSignal;
    }): Promise<T>;
    /** Nobody may be waiting any more. */
    release(): void;
}

/** Resolves when all have settled, or when the time is over. Leaves no timer. */
declare function settleWithin(promises: readonly Promise<unknown>[], ms: number, time: PipelineTime): Promise<void>;

export { GatedCalls, KEY_VALUE, type KeyReader, MAX_TIMER_MS, OptionReader, abortable, asArray, asObject, batchIterator, decimal, isUnchangingJson, member, nearestName, onAbort, optionalText, optionalTimeout, refuseUnknownOptions, requireObject, settleWithin, textMember, unchangingJson, wrongOption, wrongSecretOption };

// time.d.ts

import * as z from 'zod/v4/core';
import { Dispatcher } from 'undici';
import { Buffer as Buffer$1 } from 'node:buffer';

/** What a code means. */
interface ErrorCodeDescription {
    readonly happened: string;
    readonly cause: string;
    readonly remedy: string;
}
/** Every code that an error of this library can carry. */
type ErrorCode = 'CONFIG_INVALID' | 'PIPELINE_STATE' | 'SOURCE_UNREACHABLE' | 'SOURCE_LOGIN_REFUSED' | 'SOURCE_TLS' | 'SOURCE_SETUP' | 'SOURCE_BUSY' | 'SOURCE_PROTOCOL' | 'SOURCE_SPOOL' | 'NOTIFICATIONS_OVERFLOW' | 'VALUE_UNREPRESENTABLE' | 'VALUE_UNAVAILABLE' | 'MAPPING_FAILED' | 'GAP_SLOT_MISSING' | 'GAP_SLOT_LOST' | 'GAP_SLOT_AHEAD' | 'GAP_POSITION_AHEAD' | 'GAP_TIMELINE' | 'GAP_CHECKPOINT_FOREIGN' | 'GAP_TYPE_UNKNOWN' | 'GAP_PUBLICATION' | 'GAP_LOG' | 'GAP_TRIGGER' | 'GAP_TABLE' | 'GAP_SWITCH' | 'GAP_IDENTITY' | 'GAP_IN_STREAM' | 'GAP_CONSUMER_DETACHED' | 'DELIVERY_CONNECTION' | 'DELIVERY_TIMEOUT' | 'HTTP_STATUS' | 'API_KEY_REFUSED' | 'REDIRECT_REFUSED' | 'RESPONSE_INVALID' | 'RECORD_REJECTED' | 'RETRIES_EXHAUSTED' | 'CHECKPOINT_STORE' | 'CHECKPOINT_FENCED' | 'DEAD_LETTER_STORE' | 'RECEIPT_STORE' | 'WINDOW_STORE' | 'WRITE_BACK' | 'WRITE_BACK_LOOP';
/** Every code that an error of this library can carry. A code never changes its meaning. */
declare const ERROR_CODES: Readonly<Record<ErrorCode, ErrorCodeDescription>>;
/** The codes of states in which completeness can no longer be proved. */
type GapCode = Extract<ErrorCode, `GAP_${string}`>;

/** How an error is made. */
interface CdcErrorOptions {
    /** The error that led to this one. */
    readonly cause?: unknown;
    /** What to do about it, where it is more exact than the remedy of the code: the SQL to run, the option to set. */
    readonly remedy?: string | undefined;
}
/**
 * Base of every error that this library makes. `message` ends with the remedy where there is one.
 *
 * Test with `CdcError.is(error)`: it also recognises errors of another copy of the library (ESM beside CJS).
 */
declare abstract class CdcError extends Error {
    abstract readonly name: string;
    /** A literal of `ERROR_CODES`: what happened, usual cause, remedy. */
    abstract readonly code: ErrorCode;
    /** True when the same call may work later without anybody acting. */
    abstract readonly retryable: boolean;
    /** What to do about it, or null where the code's own remedy in `ERROR_CODES` says it all. */
    readonly remedy: string | null;
    constructor(message: string, options?: CdcErrorOptions);
    static is(error: unknown): error is CdcError;
}

/** Any JSON value; every PostgreSQL value is handed over as one (see the table in `docs/values.md`). */
type JsonValue = null | boolean | number | string | JsonNumber | readonly JsonValue[] | {
    readonly [key: string]: JsonValue;
};
/** A row as plain JSON values, by column name. Rows have no prototype. */
type JsonRow = Readonly<Record<string, JsonValue>>;
/**
 * A number inside `json` or `jsonb` that a JavaScript number cannot hold exactly.
 *
 * `text` is the number as PostgreSQL wrote it. `canonicalJson` writes it verbatim; `JSON.stringify` writes it as a
 * string, because it cannot write a number it cannot hold.
 */
declare class JsonNumber {
    readonly text: string;
    constructor(text: string);
    /** True for a `JsonNumber`, also for one of another copy of the library. */
    static is(value: unknown): value is JsonNumber;
    toJSON(): string;
    toString(): string;
}

/** A text that no log line, error or inspector prints. `reveal()` is the only way to it. */
interface Secret {
    /** The text itself. Call it where it is used, and keep no copy. */
    reveal(): string;
    /** `[redacted]`. */
    toString(): string;
    /** `[redacted]`. */
    toJSON(): string;
}
/** Wraps a text so that printing, inspecting or serialising it gives `[redacted]`. */
declare function secret(text: string): Secret;
/** True for what `secret()` made, also in another copy of the library. */
declare function isSecret(value: unknown): value is Secret;

/** What is needed of a record to find it in an answer. */
interface BulkItem {
    readonly database: string;
    readonly collection: string;
    readonly recordId: string;
    readonly recordVersion: string;
    readonly idempotencyKey: string;
}
/** What a bulk answer says about one record. */
type BulkVerdict = {
    readonly type: 'accepted';
    readonly recordHash: string;
    readonly acceptedAt: string | null;
    readonly replayed: boolean;
}
/** `status`: as for a request of its own, or null where the answer gives none. */
 | {
    readonly type: 'rejected';
    readonly status: number | null;
}
/** The answer does not say, or contradicts itself. Never treated as accepted. */
 | {
    readonly type: 'unconfirmed';
};

/** What `GET /records` says about one version of a record. */
type FoundRecord = {
    readonly type: 'found';
    readonly recordHash: string | null;
    readonly acceptedAt: string | null;
}
/** The API holds no such version. */
 | {
    readonly type: 'absent';
}
/** Not on this page; the next one is had with the parameter `cursor`. */
 | {
    readonly type: 'more';
    readonly cursor: string;
}
/** The answer does not say: its entries name no version, or it has more pages and no cursor. */
 | {
    readonly type: 'unknown';
};

/** What `verifyRecord` is asked. */
interface VerifyRecordRequest {
    readonly database: string;
    readonly collection: string;
    readonly recordId: string;
    readonly recordVersion?: string | undefined;
    /** The row as it is now. Without it the answer says that something was anchored, not that this is it. */
    readonly payload?: JsonValue | undefined;
    /**
     * The payload as the JSON text that was anchored, sent to the letter, instead of `payload`: a value would be written anew, with
     * the keys of nested objects in another order than a column of type json has them.
     */
    readonly payloadText?: string | undefined;
}

/** The parts that the API's public documentation leaves open. Each can be replaced on its own. */
interface CertyoCodecs {
    /**
     * Writes the body of `POST /records/bulk`.
     *
     * @param records The bodies of the records, as JSON text in UTF-8.
     */
    readonly encodeBulk: (records: readonly Uint8Array[], tenantId: string) => Uint8Array;
    /** Reads the answer of `POST /records/bulk`: one verdict per item, in the order of the items. */
    readonly decodeBulk: (answer: JsonValue, items: readonly BulkItem[]) => readonly BulkVerdict[];
    /** Makes the body of `POST /verify/record`. */
    readonly encodeVerify: (request: VerifyRecordRequest, tenantId: string) => JsonValue;
    /** Looks for one version of a record in the answer of `GET /records`. */
    readonly findRecord: (answer: JsonValue, item: BulkItem) => FoundRecord;
}
/** What this library assumes until the API says otherwise. */
declare const defaultCodecs: CertyoCodecs;

/** An API key, or a function that is asked for it before every request, for rotation. */
type ApiKey = string | Secret | ((options: {
    readonly signal: AbortSignal;
}) => string | Secret | Promise<string | Secret>);
/** Options of `createCertyoClient`. */
interface CertyoClientOptions {
    /**
     * The API key. It is sent in the header `X-API-Key` only, and never printed.
     *
     * @default the environment variable `CERTYO_API_KEY`
     */
    readonly apiKey?: ApiKey | undefined;
    /**
     * The tenant that the key belongs to.
     *
     * @default the environment variable `CERTYO_TENANT_ID`
     */
    readonly tenantId?: string | undefined;
    /**
     * Where the API is: https, or http on this machine.
     *
     * @default the environment variable `CERTYO_BASE_URL`, else `https://www.certyos.com`
     */
    readonly baseUrl?: string | undefined;
    /**
     * Allows http to another machine; the key can then be read on the way.
     *
     * @default false
     */
    readonly allowInsecureHttp?: boolean | undefined;
    /**
     * Longest time for a whole request with its answer, milliseconds.
     *
     * @default 30000
     */
    readonly timeoutMs?: number | undefined;
    /**
     * Longest time for a connection to be made, milliseconds.
     *
     * @default 10000
     */
    readonly connectTimeoutMs?: number | undefined;
    /**
     * Longest time from the request to the headers of its answer, milliseconds.
     *
     * @default timeoutMs
     */
    readonly headersTimeoutMs?: number | undefined;
    /**
     * Longest pause between two parts of an answer, milliseconds.
     *
     * @default timeoutMs
     */
    readonly bodyTimeoutMs?: number | undefined;
    /**
     * Largest answer that is read, bytes.
     *
     * @default 16777216
     */
    readonly maxResponseBytes?: number | undefined;
    /**
     * Most connections at once. Without effect when `dispatcher` is given.
     *
     * @default 16
     */
    readonly maxConnections?: number | undefined;
    /**
     * An undici dispatcher to use, for example a proxy agent. It is not closed with the client, and must not follow
     * redirects.
     *
     * @default an Agent of the client's own, with keep-alive
     */
    readonly dispatcher?: Dispatcher | undefined;
    /** Replaces what the API's public documentation leaves open, part by part. */
    readonly codecs?: Partial<CertyoCodecs> | undefined;
    /**
     * Where the environment variables are read.
     *
     * @default process.env
     */
    readonly env?: Readonly<Record<string, string | undefined>> | undefined;
    /**
     * The clock, milliseconds since 1970.
     *
     * @default Date.now
     */
    readonly now?: (() => number) | undefined;
}

/** A request to the API. */
interface CertyoRequest {
    readonly method: 'GET' | 'POST';
    /** From `/api/v1` on, with its query. */
    readonly path: string;
    /** JSON text or its UTF-8 bytes. */
    readonly body?: string | Uint8Array | undefined;
}

/** An answer with a status of success and a JSON body. */
interface CertyoAnswer {
    readonly status: number;
    readonly body: JsonValue;
    /** `X-Correlation-Id`, for the API's support, or null. */
    readonly correlationId: string | null;
}

/** Values of `operationType`. */
declare const OPERATION_TYPES: readonly ["insert", "update", "delete", "upsert"];

/** What a record says happened to its row. */
type OperationType = (typeof OPERATION_TYPES)[number];
/** Options of every call. */
interface CallOptions {
    /** Aborts the call; it then rejects with the signal's reason. */
    readonly signal?: AbortSignal | undefined;
}
/** A record to be anchored. The client adds the tenant. */
interface CertyoRecord {
    /** Name of the source database or system. */
    readonly database: string;
    /** Name of the table, for PostgreSQL `schema.table`. */
    readonly collection: string;
    /** Identity of the row within its collection. */
    readonly recordId: string;
    /** The row. Written as canonical JSON. */
    readonly recordPayload: {
        readonly [name: string]: JsonValue;
    };
    /** Sub-organisation; the API partitions by it, so keep one for all versions of a record. */
    readonly clientId?: string | undefined;
    /** @default the API's, `1` */
    readonly recordVersion?: string | undefined;
    /** @default the API's, `upsert` */
    readonly operationType?: OperationType | undefined;
    /** ISO 8601. @default the API's, the time of ingestion */
    readonly sourceTimestamp?: string | undefined;
    /** At most 128 characters. The same key within 24 hours is answered with the first answer, whatever the payload. */
    readonly idempotencyKey?: string | undefined;
}
/** The API has the record: hashed and queued, not yet anchored. */
interface AcceptedRecord {
    readonly recordId: string;
    readonly recordHash: string;
    readonly acceptedAt: string;
    readonly idempotencyReplayed: boolean;
    /** The whole answer. */
    readonly raw: JsonValue;
}
/** The answer to a bulk request. */
interface BulkResult {
    /** One per record, in the order of the records. */
    readonly verdicts: readonly BulkVerdict[];
    readonly raw: JsonValue;
}
/** A list that the API gave, as far as it is understood. */
interface CertyoPage<Item = JsonValue> {
    readonly items: readonly Item[];
    readonly raw: JsonValue;
}
/** Anything whose shape is not public. */
interface CertyoDocument {
    readonly raw: JsonValue;
}
/** The anchoring state of one version of a record. */
interface Snapshot {
    readonly snapshotId: string;
    readonly recordId: string | null;
    /** `Ingested`, `PendingAnchor`, `Batched`, `Anchored` or `Failed`; others may come. */
    readonly status: string;
    readonly onChainConfirmed: boolean;
    readonly onChainMerkleRoot: string | null;
    readonly ingestedAt: string | null;
    readonly updatedAt: string | null;
    readonly raw: JsonValue;
}
/** What a verification found. */
interface Verification {
    readonly verified: boolean;
    /**
     * True when the record is verified and on the chain by either of the API's two ways of saying so. Anything else,
     * also what this version does not know, is false.
     */
    readonly anchored: boolean;
    readonly verificationStatus: string | null;
    readonly reasonCategory: string | null;
    readonly recordHash: string | null;
    readonly raw: JsonValue;
}
/** Parameters of a query by name. Beyond those that a method names, they are sent as they are. */
type QueryParameters = Readonly<Record<string, string | number | undefined>>;

/**
 * A client for the public endpoints of the Certyo API, for one key and tenant.
 *
 * Every call rejects with `HttpStatusError` for an answer that means failure, `ResponseInvalidError` for one that is
 * not the API's, `DeliveryConnectionError` or `DeliveryTimeoutError` when none came, `ConfigurationError` for a
 * request that is wrong, and with the signal's reason on abort. Nothing is retried; redirects are never followed.
 */
interface CertyoClient extends AsyncDisposable {
    readonly tenantId: string;
    /** Where requests go, without any secret. */
    readonly baseUrl: string;
    /** The same for two clients with the same URL and key, whose rate limit they share. Reveals no secret. */
    readonly scope: string;
    readonly codecs: CertyoCodecs;
    /** `POST /records`: hands in one record. */
    ingestRecord(record: CertyoRecord, options?: CallOptions): Promise<AcceptedRecord>;
    /** `POST /records/bulk`: hands in 1 to 1000 records, each accepted or rejected for itself. */
    ingestRecords(records: readonly CertyoRecord[], options?: CallOptions): Promise<BulkResult>;
    /** `GET /records`: summaries, filtered by `database`, `collection`, `recordId`, `from`, `to`. */
    queryRecords(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage>;
    /** `POST /verify/record`: with its payload, or only whether it is anchored. */
    verifyRecord(request: VerifyRecordRequest, options?: CallOptions): Promise<Verification>;
    /** `POST /verify/payload`: by a hash, without the payload. */
    verifyPayload(request: {
        readonly payloadHash: string;
    } & Partial<Omit<VerifyRecordRequest, 'payload'>>, options?: CallOptions): Promise<Verification>;
    /** `GET /verify/snapshot/{snapshotId}`. */
    verifySnapshot(snapshotId: string, options?: CallOptions): Promise<Verification>;
    /** `GET /verify/history`. */
    verificationHistory(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage>;
    /** `GET /snapshots`: the anchoring states of a record's versions. */
    listSnapshots(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage<Snapshot>>;
    /** `GET /snapshots/{snapshotId}`. */
    getSnapshot(snapshotId: string, options?: CallOptions): Promise<Snapshot>;
    /** `GET /snapshots/{snapshotId}/lifecycle`. */
    getSnapshotLifecycle(snapshotId: string, options?: CallOptions): Promise<CertyoDocument>;
    /** `POST /snapshots/{snapshotId}/retry`: asks for a failed anchoring to be tried again. */
    retrySnapshot(snapshotId: string, options?: CallOptions): Promise<CertyoDocument>;
    /** `GET /batches/{batchId}`. */
    getBatch(batchId: string, options?: CallOptions): Promise<CertyoDocument>;
    /** `GET /timeline/record`: all versions of one record. */
    getRecordTimeline(query: QueryParameters, options?: CallOptions): Promise<CertyoPage>;
    /** `GET /audit/history`. */
    getAuditHistory(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage>;
    /** `GET /evidence/retrieval-controls`. */
    getRetrievalControls(query?: QueryParameters, options?: CallOptions): Promise<CertyoDocument>;
    /** Sends a request whose body is written already. Resolves for an answer of success that is JSON. */
    send(request: CertyoRequest, options?: CallOptions): Promise<CertyoAnswer>;
    /** Closes the connections, unless the dispatcher is the caller's. Idempotent. */
    close(): Promise<void>;
}
/**
 * Makes a client for the Certyo API.
 *
 * @example
 * const client = createCertyoClient({ tenantId: 'acme' }); // the key comes from CERTYO_API_KEY
 * const page = await client.listSnapshots({ recordId: '1001' });
 * @throws ConfigurationError when the key or tenant is missing or an option is wrong.
 */
declare function createCertyoClient(options?: CertyoClientOptions): CertyoClient;

/** What an event says happened to a row. `snapshot`: the row as a copy or a poll found it. */
type RowOperation = 'insert' | 'update' | 'delete' | 'snapshot';
/** One column as it was when the change was made. */
interface ColumnInfo {
    readonly name: string;
    /** The type's oid in the captured database. */
    readonly typeOid: number;
    /** The type's name as `format_type` prints it, for example `character varying(20)` or `app.mood[]`. */
    readonly typeName: string;
    /** True for a column of the record key (the primary key unless the source's `key` option says otherwise). */
    readonly isKey: boolean;
    /** Whether the column accepts null, or null where the source could not learn it. */
    readonly nullable: boolean | null;
}
/** The table of an event, with its columns as they were when the change was made. */
interface TableInfo {
    readonly database: string;
    readonly schema: string;
    readonly name: string;
    /** The table's oid, or 0 where the source cannot see it. */
    readonly oid: number;
    readonly columns: readonly ColumnInfo[];
}
/** The transaction that made a change. */
interface TransactionInfo {
    /** The transaction id in decimal, or null where the source cannot see it. */
    readonly xid: string | null;
    /**
     * Commit time, ISO 8601 in UTC with microseconds (`2026-01-31T12:00:00.123456Z`), or null. A source that cannot see
     * it gives what comes nearest and stays the same: the change log the time at which the change was written down,
     * polling the row's stamp.
     */
    readonly committedAt: string | null;
    readonly beginLsn?: string | undefined;
    readonly commitLsn?: string | undefined;
}
/** Where an event comes from. */
interface EventSource {
    /** The kind of source: `replication`, `listen-notify`, `polling`, `outbox`, `debezium`, `memory`. */
    readonly kind: string;
    readonly name: string;
    /** `pg_control_system().system_identifier` in decimal, or null where the source cannot see it. */
    readonly systemIdentifier: string | null;
}
interface EventBase {
    /**
     * Identity of this change: the same after redelivery, restart and re-read, and never shared by two changes.
     */
    readonly id: string;
    /** Grows from change to change of a record and sorts as text; becomes Certyo's `recordVersion`. */
    readonly version: string;
    /**
     * Where the change was written in the server's log (`16/B374D848`); missing where the source cannot see it. Changes of
     * one statement may share it, and it does not grow from transaction to transaction: it is no position to go on from.
     */
    readonly lsn?: string | undefined;
    readonly transaction: TransactionInfo | null;
    readonly source: EventSource;
    /** A plain object with every field, for `JSON.stringify`; `changeEventSchema` reads it. */
    toJSON(): JsonValue;
}
/**
 * One committed change of one row. Immutable.
 *
 * Rows are decoded when they are first read; reading one twice gives the same object. Of an event of a source nothing can be
 * changed, and its fields are getters of its class: JSON.stringify writes them all, a spread copies none of them. The event
 * that the functions of a `recordMapper` get can be spread.
 */
interface RowChange<Row extends object = JsonRow> extends EventBase {
    readonly operation: RowOperation;
    readonly table: TableInfo;
    /** The record key: names and values of the key columns of the row (for a delete: of the old row). */
    readonly key: JsonRow;
    /** The key before an update that changed it, else null. */
    readonly previousKey: JsonRow | null;
    /** The old row as far as the source can see it, else null. */
    readonly before: Row | null;
    /** The new row; null for a delete. */
    readonly after: Row | null;
    /** Columns whose value the source could not see (unchanged TOAST). They are missing from the rows, never null. */
    readonly unavailable: readonly string[];
    /**
     * The row as canonical JSON text, written from PostgreSQL's text without passing through JavaScript numbers.
     *
     * `after` for everything but deletes, which write `before` (the key where nothing else is known). Keys are sorted
     * by their UTF-8 bytes; `unavailable` columns are left out and named under `_unavailable`.
     *
     * @param includes Which columns to write; all when omitted.
     * @param image `before` writes `before` (the previous key, or the key, where nothing else is known) for every
     * operation. @default 'after'
     */
    canonicalRow(includes?: (column: string) => boolean, image?: 'before' | 'after'): string;
}
/** A table was emptied by TRUNCATE. One event per table. A barrier for the lanes of its table. */
interface Truncate extends EventBase {
    readonly operation: 'truncate';
    readonly table: TableInfo;
    /** Whether CASCADE was said; null where the source cannot see it (a trigger cannot). */
    readonly cascade: boolean | null;
    /** Whether RESTART IDENTITY was said; null where the source cannot see it. */
    readonly restartIdentity: boolean | null;
}
/** The columns of a table changed. A barrier for the lanes of its table. */
interface SchemaChange extends EventBase {
    readonly operation: 'schema';
    readonly table: TableInfo;
    /** The columns as they were before, or null when the table is seen for the first time. */
    readonly previousColumns: readonly ColumnInfo[] | null;
    /**
     * The text of the statements that changed the table, as they were sent to the server, where the source was told
     * (`ddl: true` of `replicationSource`). It holds whatever literals stand in them.
     */
    readonly statement?: string | undefined;
}
/** A message written with `pg_logical_emit_message`. */
interface LogicalMessage extends EventBase {
    readonly operation: 'message';
    readonly prefix: string;
    readonly content: Uint8Array;
    readonly transactional: boolean;
}
/**
 * Changes that are not in the stream, where somebody has decided to go on without them (the option `recover` of a source).
 * A barrier for all lanes: everything before it is delivered before, everything after it after.
 */
interface AcceptedGap extends EventBase {
    readonly operation: 'gap';
    readonly database: string;
    /** What happened, as the `GapError` said. */
    readonly code: GapCode;
    /** The position up to which everything was delivered. */
    readonly from: string;
    /** The position from which on changes are delivered again; of another history where the server was restored. */
    readonly to: string;
    /** `copy`: the rows of the tables follow as they are now; `accept`: they do not. */
    readonly resolvedBy: 'accept' | 'copy';
    /** The captured tables, as `schema.table`. */
    readonly tables: readonly string[];
}
/** Everything a source can emit. */
type ChangeEvent<Row extends object = JsonRow> = RowChange<Row> | Truncate | SchemaChange | LogicalMessage | AcceptedGap;
/** True for an event about one row. */
declare function isRowChange<Row extends object>(event: ChangeEvent<Row>): event is RowChange<Row>;

/** A column as far as it decides what a payload looks like. */
interface TableVersionColumn {
    readonly name: string;
    /** As `format_type` prints it. */
    readonly type: string;
    readonly isKey: boolean;
}
/**
 * The columns of a table that rows showed at the time of a change: without generated ones, and those that belong to this library.
 * Their order has no meaning: payloads are sorted by name.
 */
interface TableVersion {
    readonly schema: string;
    readonly name: string;
    /** Sorted by name. */
    readonly columns: readonly TableVersionColumn[];
    /** SHA-256 over names, types and keys of the columns: 64 hexadecimal digits. The same wherever the table is the same. */
    readonly fingerprint: string;
}

/** Where an item comes from, as far as its receipt says it. */
interface ItemOrigin {
    readonly eventId: string;
    readonly operationType: OperationType;
    /** As in `TransactionInfo`. */
    readonly committedAt: string | null;
    /** True for a row as a copy or a poll found it. */
    readonly isFound: boolean;
    readonly table: TableVersion | null;
}

/** How a table is named in ids, collections, checkpoints and messages. */
interface NamedTable {
    readonly schema: string;
    readonly name: string;
}
/**
 * The name of a table as one text that no other table has: `public.orders`. A part that is not a plain lower-case
 * identifier is quoted as in SQL, because a dot or quote in a name would make two tables look like one: `"a.b".c` is not
 * `a."b.c"`.
 */
declare function tableLabel({ name, schema }: NamedTable): string;

declare const ACTIONS: readonly ["omit", "park", "halt"];
/** What becomes of a row of which a value cannot be seen. */
type UnavailableAction = (typeof ACTIONS)[number];
/** One action for all tables, or actions by `schema.table` with `*` for every other one. */
type UnavailablePolicy = UnavailableAction | Readonly<Record<string, UnavailableAction>>;
/** The columns that a record does not show although its row has them. */
interface UnavailableColumns extends NamedTable {
    readonly columns: readonly string[];
}

/** One record, written and ready to be sent. */
interface CertyoItem {
    readonly database: string;
    readonly collection: string;
    readonly recordId: string;
    readonly recordVersion: string;
    readonly idempotencyKey: string;
    /**
     * The body of `POST /records` as JSON text in UTF-8. Bytes, because a string that was put together keeps its pieces
     * alive until it is sent, which is several times its size.
     */
    readonly body: Buffer;
    /** The columns that the row has and the record does not show; missing where there are none. */
    readonly unavailable?: UnavailableColumns | undefined;
    /** What the receipt says beyond the record; missing where no receipts are kept. */
    readonly origin?: ItemOrigin | undefined;
}

/**
 * Which columns of a table are seen, and how. Applied before anything else sees the row: mapper, payload, recordId,
 * lane, idempotency key.
 */
interface ColumnPolicy {
    /** Only these columns; one that is added to the table later is left out. */
    readonly only?: readonly string[] | undefined;
    /** Not these columns. */
    readonly exclude?: readonly string[] | undefined;
    /** Replaces the value of a column, null included, with a fixed text. Not for key columns. */
    readonly mask?: Readonly<Record<string, string>> | undefined;
    /** Cuts the text of a column to so many characters (code points). Not for key columns. */
    readonly truncate?: Readonly<Record<string, number>> | undefined;
    /**
     * Replaces values with `hmac-sha256:` and their HMAC-SHA-256 under a secret key; null stays null. Equal values stay
     * equal. For a key column the recordId is made of the HMAC.
     */
    readonly hmac?: {
        readonly columns: readonly string[];
        readonly key: string | Secret;
    } | undefined;
}
/** Policies by `schema.table`; `*` applies to every table, besides the table's own. */
type ColumnPolicies = Readonly<Record<string, ColumnPolicy>>;
/** What is done to the value of a column. */
type ColumnTransform = {
    readonly type: 'mask';
    readonly text: string;
} | {
    readonly type: 'truncate';
    readonly characters: number;
} | {
    readonly type: 'hmac';
    readonly key: Secret;
};
/** A policy as it is applied. */
interface NormalizedColumnPolicy {
    /** Where it was given, for messages. */
    readonly option: string;
    readonly only: ReadonlySet<string> | null;
    readonly exclude: ReadonlySet<string>;
    readonly transforms: ReadonlyMap<string, ColumnTransform>;
    /** True when every column that it names must be in the table. */
    readonly isExact: boolean;
}

/** Values of `operationType`. */
type MappedOperation = 'insert' | 'update' | 'delete' | 'upsert';
/** The row of a mapping: what its schema makes of it, or plain JSON values where it has none. */
type MappedRow<Row> = unknown extends Row ? JsonRow : Row;
/** What a mapping's function is given besides the row. */
type MappedEvent = RowChange;
/**
 * What the records of one table are made of. What is left out is done as without a mapper.
 *
 * The functions must be pure: the same event must give the same record after a restart. They get the new row; for a
 * delete the old one. When the source does not see a whole row (a delete under a replica identity other than FULL, an
 * unchanged TOAST value), reading a missing column throws an error that names it and the remedy.
 */
interface TableMapping<Row = unknown> {
    /** Checks and types the row. Its output is what the functions get. */
    readonly row?: z.$ZodType<Row> | undefined;
    /** True skips the event. */
    readonly skip?: ((row: MappedRow<Row>, event: MappedEvent) => boolean) | undefined;
    /** The record's identity. Null skips the event. @default the key as text */
    readonly recordId?: ((row: MappedRow<Row>, event: MappedEvent) => string | null) | undefined;
    /**
     * The payload; null skips the event. Not called for a delete that shows only the key: its payload is the key.
     *
     * @default the row
     */
    readonly payload?: ((row: MappedRow<Row>, event: MappedEvent) => {
        readonly [name: string]: JsonValue;
    } | null) | undefined;
    /** `recordVersion`. Must grow from change to change of a record. @default the event's version */
    readonly version?: ((row: MappedRow<Row>, event: MappedEvent) => string) | undefined;
    /** @default `schema.table` */
    readonly collection?: string | undefined;
    /** @default the sink's `database` */
    readonly database?: string | undefined;
    /** @default by the event's operation; `upsert` for a snapshot */
    readonly operationType?: MappedOperation | ((row: MappedRow<Row>, event: MappedEvent) => MappedOperation) | undefined;
    /** ISO 8601 with a zone. @default the time of the commit */
    readonly sourceTimestamp?: ((row: MappedRow<Row>, event: MappedEvent) => string | null) | undefined;
    /** Which columns the functions and the payload see. */
    readonly columns?: ColumnPolicy | undefined;
}

/** What a mapper says about a record; what it leaves out is done as without one. */
interface MappedRecord {
    readonly recordId?: string | undefined;
    readonly database?: string | undefined;
    readonly collection?: string | undefined;
    readonly recordVersion?: string | undefined;
    readonly operationType?: MappedOperation | undefined;
    readonly sourceTimestamp?: string | undefined;
    /** A JSON object as text. */
    readonly payload?: string | undefined;
}
/** Says what the records of some tables are made of. Made by `recordMapper`. */
interface RecordMapper {
    /** The record of an event; null skips it, undefined leaves it to the defaults. */
    map(event: RowChange): MappedRecord | null | undefined;
    /** The record that an update leaves when its identity changes; null when that is not known to happen. */
    mapPrevious(event: RowChange): MappedRecord | null | undefined;
    /** Where records of a table go, for events about the table itself. */
    placeOf(table: TableInfo): Pick<MappedRecord, 'database' | 'collection'>;
    /** The columns that a table's mapping sees. */
    policyOf(table: TableInfo): NormalizedColumnPolicy | null;
}
/** Options of `recordMapper` besides the tables. */
interface RecordMapperOptions {
    /**
     * What becomes of tables that have no mapping: mapped by default, skipped, or refused.
     *
     * @default 'default'
     */
    readonly others?: 'default' | 'skip' | 'refuse' | undefined;
}
/**
 * Makes a mapper: per table, what its records are made of, with the row typed by a zod schema.
 *
 * @example
 * const mapper = recordMapper({
 *   'public.orders': {
 *     row: z.object({ id: z.string(), region: z.string(), total: z.string() }),
 *     recordId: (row) => `${row.region}/${row.id}`,
 *     payload: (row) => ({ id: row.id, total: row.total }),
 *   },
 * });
 * @param tables Mappings by `schema.table`.
 * @throws ConfigurationError when a mapping is wrong.
 */
declare function recordMapper<Rows extends Readonly<Record<string, unknown>>>(tables: {
    readonly [Table in keyof Rows]: TableMapping<Rows[Table]>;
}, options?: RecordMapperOptions): RecordMapper;

/** A row that is the payload itself: no text is made of it on the way. */
interface RowPayload {
    readonly event: RowChange;
    /** All columns where it is undefined. */
    readonly includes: ((column: string) => boolean) | undefined;
    readonly image: 'before' | 'after';
}
/** A record before it is written: what was mapped from an event. */
interface RecordDraft {
    readonly database: string;
    readonly collection: string;
    readonly recordId: string;
    readonly recordVersion: string;
    readonly operationType: OperationType;
    /** ISO 8601, or null where the source does not know it. */
    readonly sourceTimestamp: string | null;
    /** A JSON object as text, or the row that is written as one; goes into the body as it is. */
    readonly payload: string | RowPayload;
    /** What the payload names under `_unavailable`; null where it shows all. */
    readonly unavailable: UnavailableColumns | null;
}
/** The payload as text. */
declare function payloadText({ payload }: RecordDraft): string;

/** Text that is the same in many rows, in UTF-8, cut into words: a `ByteWriter` writes it four bytes at a time. */
declare class ConstantBytes {
    readonly length: number;
    /** Little-endian; zeros behind the last byte. No typed array: there are as many as columns, and one takes three times as much memory. */
    readonly words: readonly number[];
    constructor(text: string);
}

/** Names a record. */
interface RecordName {
    readonly database: string;
    readonly collection: string;
    readonly recordId: string;
}
/** Names one version of a record. */
interface RecordVersionName extends RecordName {
    readonly recordVersion: string;
}
/** What is kept of one record version that the API has accepted. */
interface Receipt extends RecordVersionName {
    /** The change that the record was made of; null for an item that was parked before receipts were kept. */
    readonly eventId: string | null;
    readonly operationType: OperationType;
    /**
     * SHA-256 over the canonical payload, the very bytes that were sent: 64 hexadecimal digits. Ours; how the API hashes is not
     * public.
     */
    readonly payloadFingerprint: string;
    /** The API's hash of the record as it came, or null where its answer gave none. */
    readonly recordHash: string | null;
    /** When the API accepted it, ISO 8601 as it came, or null. */
    readonly acceptedAt: string | null;
    /** Whether the API says that it had it before. */
    readonly replayed: boolean;
    /** The columns that the record was made with; null for a record that is not a row. */
    readonly table: TableVersion | null;
}
/** What the newest receipt of a record says. */
interface LatestReceipt {
    readonly recordVersion: string;
    readonly operationType: OperationType;
    readonly payloadFingerprint: string;
    /** True when it could not be anchored. */
    readonly hasFailed: boolean;
}
/** What the API answered about a record version. */
interface StoredReceipt {
    readonly payloadFingerprint: string;
    readonly recordHash: string | null;
    /** ISO 8601. */
    readonly acceptedAt: string;
}

/** Says that what was committed up to a time may have been sent, and since when. */
interface SendMark {
    /** ISO 8601 in UTC with microseconds, as in `TransactionInfo.committedAt`: sorts as text. */
    readonly upTo: string;
    /**
     * Milliseconds since 1970 by this process's clock; the age is taken by the store's clock. -Infinity: nobody knows, at the
     * earliest when it was committed.
     */
    readonly sinceMs: number;
}
/** How calls of a store are aborted. */
interface ReceiptCallOptions {
    readonly signal: AbortSignal;
}
/**
 * Where receipts are kept.
 *
 * What fails rejects with `ReceiptError`, whose `retryable` says whether waiting may help.
 */
interface ReceiptStore {
    /** Resolves when all are durable. The same receipt again changes nothing. */
    store(receipts: readonly Receipt[], options: ReceiptCallOptions): Promise<void>;
    /** The receipt with the greatest version of each record, in the order of the records; null where there is none. */
    latest(records: readonly RecordName[], options: ReceiptCallOptions): Promise<readonly (LatestReceipt | null)[]>;
    /** The receipts of exactly these versions, in their order; null where there is none. */
    find(versions: readonly RecordVersionName[], options: ReceiptCallOptions): Promise<readonly (StoredReceipt | null)[]>;
    /** All marks of a pipeline. */
    sendMarks(pipeline: string, options: ReceiptCallOptions): Promise<readonly SendMark[]>;
    /** Resolves when the mark is durable. The store may merge marks, as long as none of what they cover looks younger. */
    addSendMark(pipeline: string, upTo: string, options: ReceiptCallOptions & {
        /** Of what was sent before receipts were kept. @default false */
        readonly isOfUnknownAge?: boolean | undefined;
    }): Promise<SendMark>;
    /** Releases connections. Idempotent. */
    close(): Promise<void>;
}

/** What may be skipped because the newest receipt of its record shows the same payload. */
type SkipUnchanged = 'copies' | 'all' | false;
/** The payload as it stands in the body. */
declare function payloadOf(item: CertyoItem): Buffer;

/** How events become records. */
interface DraftRules {
    /** Instead of the event's database name. */
    readonly database: string | undefined;
    readonly mapper: RecordMapper | null;
    /** Gives the event as the rest may see it. */
    readonly restrict: (event: RowChange) => RowChange;
    readonly statusColumns: ReadonlySet<string>;
    readonly messages: 'deliver' | 'skip';
}
/** The records that an event makes: one; two for a change of key; none when it is skipped. */
declare function toDrafts(event: ChangeEvent, rules: DraftRules): readonly RecordDraft[];
/**
 * The default recordId: the key's value as text; for several key columns a JSON array of the texts, in the order of the
 * key.
 */
declare function recordIdOf(event: RowChange, key: JsonRow): string;

/** Options of `certyoSink`: those of the client, or a client, and how events become records. */
interface CertyoSinkOptions extends CertyoClientOptions {
    /** A client to share, instead of the options of one. It is not closed with the sink. */
    readonly client?: CertyoClient | undefined;
    /**
     * Name of the sink.
     *
     * @default 'certyo'
     */
    readonly name?: string | undefined;
    /** Sub-organisation; one for all records, because the API orders within it. */
    readonly clientId?: string | undefined;
    /**
     * `database` of every record.
     *
     * @default the name of the captured database; for logical messages the name of the source
     */
    readonly database?: string | undefined;
    /**
     * What the records of some tables are made of.
     *
     * @default the mapping of `docs/certyo-mapping.md` for every table
     */
    readonly mapper?: RecordMapper | undefined;
    /** Which columns are seen at all, by `schema.table` and `*` for every table; applied before everything else. */
    readonly columns?: ColumnPolicies | undefined;
    /**
     * Columns that Certyo's write-back writes: never part of a payload.
     *
     * @default ['certyo_record_hash', 'certyo_anchor_status', 'certyo_verified_at']
     */
    readonly statusColumns?: readonly string[] | undefined;
    /**
     * What becomes of a row of which a value cannot be seen, because the change left it alone and PostgreSQL does not send it
     * (unchanged TOAST). `omit` delivers it without the value and names the column under `_unavailable`; `park` rejects it,
     * so that the pipeline's `onRejected` decides; `halt` stops the pipeline with everything kept. The value is never read
     * from the table, which may hold a later one. Per table by `schema.table`, with `*` for every other one. Columns that
     * `columns` leaves out do not count.
     *
     * @default 'omit'
     */
    readonly unavailable?: UnavailablePolicy | undefined;
    /**
     * Whether logical messages become records.
     *
     * @default 'deliver'
     */
    readonly messages?: 'deliver' | 'skip' | undefined;
    /**
     * Where the receipt of each accepted record is stored before the record counts as delivered. Stays open when the sink is
     * closed.
     *
     * @default none are kept
     */
    readonly receipts?: ReceiptStore | undefined;
    /**
     * Which rows are skipped when the newest receipt of their record shows the same payload: `copies` those that a copy or a poll
     * found, so that a new copy or a change of source anchors nothing twice; `all` also inserts and updates. Deletes are never
     * skipped. Needs `receipts`.
     *
     * @default 'copies'
     */
    readonly skipUnchanged?: SkipUnchanged | undefined;
    /**
     * Most records in one request, 1 to 1000. With 1 the bulk endpoint is not used.
     *
     * @default 1000
     */
    readonly maxBatchItems?: number | undefined;
    /**
     * Most bytes in one request.
     *
     * @default 5000000
     */
    readonly maxBatchBytes?: number | undefined;
    /**
     * Largest record, bytes of its body; a larger one is rejected without being sent.
     *
     * @default maxBatchBytes
     */
    readonly maxRecordBytes?: number | undefined;
}
/** Checks the options that say how events become records, and fills in defaults. */
declare function draftRules(options: Pick<CertyoSinkOptions, 'columns' | 'database' | 'mapper' | 'messages' | 'statusColumns'>): DraftRules;

/** An option is missing or wrong. Thrown synchronously by factories. */
declare class ConfigurationError extends CdcError {
    readonly name: "ConfigurationError";
    readonly code: "CONFIG_INVALID";
    readonly retryable: false;
    /** The option or environment variable that is wrong. */
    readonly option: string;
    constructor(option: string, message: string, options?: CdcErrorOptions);
}

/**
 * Grows with what is written into it: JSON in UTF-8, put together without strings in between.
 *
 * One writer serves many rows: `clear` begins anew, and whoever keeps what was written copies it out.
 */
declare class ByteWriter {
    #private;
    bytes: Buffer$1;
    length: number;
    constructor(capacity?: number);
    /** Begins anew, behind what is kept. What a rare large row needed is given back. */
    clear(kept?: number): void;
    /** Makes room for `more` bytes and gives the bytes to write to, from `length` on. */
    room(more: number): Buffer$1;
    byte(code: number): void;
    /** Text of which every character is ASCII, or its first characters. */
    ascii(text: string, length?: number): void;
    text(text: string): void;
    /** A JSON string of text, as JSON.stringify writes it. */
    quotedText(text: string): void;
    /** Text that is the same in many rows. */
    constant({ length, words }: ConstantBytes): void;
    /** Bytes as they are. */
    copy(from: Uint8Array, start: number, end: number): void;
    /**
     * A JSON string of text in UTF-8, escaped as JSON.stringify escapes it.
     *
     * @returns Whether all of it is ASCII. If not, nobody has looked whether it is valid UTF-8.
     */
    quoted(from: Uint8Array, start: number, end: number): boolean;
    /**
     * Copies bytes up to the first that stands for something else in a JSON string: a quote, a backslash or what is below 0x20.
     *
     * @returns Its place, or the end.
     */
    plain(from: Uint8Array, start: number, end: number): number;
    /**
     * What was written from `start` on, until something else is.
     *
     * Rows of one table have much the same length, and looking a view up costs less than making one; so they are kept, for
     * the `start` that was asked for last.
     */
    view(start?: number): Buffer$1;
    /** Copies what was written to a place that has room for it. */
    copyTo(target: Uint8Array, at: number): void;
    /** Bytes that are read four at a time: what is made for it is kept for as long as the same ones are read. */
    wordsOf(from: Uint8Array): DataView;
    /** A copy of what was written. */
    slice(): Buffer$1;
    toString(): string;
}

/** The method of events that can write their rows without making a string of them. */
declare const WRITE_ROW: unique symbol;
/** An event that writes `canonicalRow` in UTF-8 where it is to go. */
interface RowWriter {
    [WRITE_ROW](out: ByteWriter, includes?: (column: string) => boolean, image?: 'before' | 'after'): void;
}
/**
 * Writes `event.canonicalRow(includes, image)` into `out`, in UTF-8: for sinks that send bytes. Events of this library's
 * sources make no string for it.
 */
declare function writeRow(event: RowChange & Partial<RowWriter>, out: ByteWriter, includes?: (column: string) => boolean, image?: 'before' | 'after'): void;

/**
 * Removes the whitespace between the tokens of a JSON text and keeps everything else to the letter: digits, key order,
 * duplicate keys, escapes.
 *
 * Works for any depth without recursion.
 *
 * @throws ValueError when the text is not one JSON value by RFC 8259 (with the offset in bytes of UTF-8), or holds half of a
 * surrogate pair.
 */
declare function minifyJson(text: string): string;
/**
 * `minifyJson` from bytes in UTF-8 to bytes. That they are valid UTF-8 is for the caller to know.
 *
 * Every byte is looked at once and written where it belongs in the same step: all that JSON's grammar is about is ASCII, and one
 * loop over local variables costs a fraction of what a function for each token does.
 */
declare function writeMinified(bytes: Buffer$1, start: number, end: number, out: ByteWriter): void;

/** A point in a source's stream at a transaction end. Opaque outside the source that made it. */
type Position = string & {
    readonly __position: unique symbol;
};
/**
 * What a position is bound to. A source refuses a checkpoint whose identity differs from its own in any member.
 *
 * Replication: system identifier, timeline, database, slot, publications, tables.
 */
type SourceIdentity = Readonly<Record<string, JsonValue>>;
/** A position bound to the identity of its source. */
interface Checkpoint {
    readonly kind: string;
    readonly identity: SourceIdentity;
    readonly position: Position;
    /** Leads every `version` of the source's events; grows with every change of source, restore and timeline. */
    readonly epoch: number;
    /** What the source needs to go on from here, for example type descriptors. */
    readonly state: JsonValue;
}
/** A checkpoint as a store holds it. */
interface StoredCheckpoint {
    readonly checkpoint: Checkpoint;
    /** Names this write; chosen by the writer. */
    readonly revision: string;
    /** When it was saved, milliseconds since 1970 by the store's clock. */
    readonly savedAtMs: number;
}
/**
 * Where a pipeline keeps its checkpoint.
 *
 * One writer at a time: a save names the revision it replaces. A save whose own revision is already stored is a
 * repeat after a lost answer and succeeds; any other mismatch rejects with `CheckpointFencedError`, because another
 * process has taken over.
 */
interface CheckpointStore {
    load(name: string, options: {
        readonly signal: AbortSignal;
    }): Promise<StoredCheckpoint | null>;
    save(name: string, checkpoint: Checkpoint, options: {
        /** The revision that this write replaces; null when nothing may be stored yet. */
        readonly replaces: string | null;
        readonly revision: string;
        readonly signal: AbortSignal;
    }): Promise<void>;
    /** Releases connections. Idempotent. */
    close(): Promise<void>;
}

/** A parked item: it was rejected, or it belongs to a lane in which an earlier item is parked. */
interface DeadLetter {
    /** Grows with every letter of a pipeline; order of redrive. */
    readonly sequence: string;
    readonly lane: string;
    readonly eventId: string;
    /** Number of the item within its event (a key change has two). */
    readonly itemIndex: number;
    /** The item as `Sink.serialize` wrote it. */
    readonly item: string;
    /** Code and message of the error; no row values. */
    readonly errorCode: string;
    readonly errorMessage: string;
    /**
     * Since when it may have been sent, milliseconds since 1970; where it never was, when it was parked. Null where the store does
     * not know: then the other side is asked before it is sent.
     */
    readonly sentSinceMs: number | null;
    readonly parkedAtMs: number;
}
type NewDeadLetter = Omit<DeadLetter, 'sequence' | 'parkedAtMs'>;
/**
 * Where parked records are kept. `park` resolves when the letters are durable; parking the same
 * `(eventId, itemIndex)` again changes nothing.
 */
interface DeadLetterStore {
    park(pipeline: string, letters: readonly NewDeadLetter[], options: {
        readonly signal: AbortSignal;
    }): Promise<void>;
    /** Lanes that have parked letters. */
    lanes(pipeline: string, options: {
        readonly signal: AbortSignal;
    }): Promise<readonly string[]>;
    /** The oldest letters, of one lane or of all, in sequence order. */
    list(pipeline: string, options: {
        readonly lane?: string | undefined;
        readonly after?: string | undefined;
        readonly limit: number;
        readonly signal: AbortSignal;
    }): Promise<readonly DeadLetter[]>;
    remove(pipeline: string, sequences: readonly string[], options: {
        readonly signal: AbortSignal;
    }): Promise<void>;
    /** Releases connections. Idempotent. */
    close(): Promise<void>;
}

/** How far the copy of one table is. */
interface CopyProgress {
    /** Names the copy: `first`, or the id of a backfill. */
    readonly copy: string;
    /** `schema.table`. */
    readonly table: string;
    /** Rows that were handed over. */
    readonly rows: number;
    /** Rows that the server believes the table to have, or null where it has no idea; in the end those that were copied. */
    readonly estimate: number | null;
    /** Rows per second since the copy began or was resumed; null at the beginning. */
    readonly ratePerSecond: number | null;
    /** Seconds until the table is copied at this rate; null where it is not known. */
    readonly secondsLeft: number | null;
}

/** How a server keeps what a source has still to read: a replication slot as it was last seen. */
interface SlotHealth {
    readonly slot: string;
    /** When it was looked at, milliseconds since 1970. */
    readonly readAtMs: number;
    readonly isActive: boolean;
    /** `reserved`, `extended`, `unreserved` or `lost`; null where the server does not say. */
    readonly walStatus: string | null;
    /** Why the server has given the slot up, else null. */
    readonly invalidation: string | null;
    /** Bytes of log that the server keeps for the slot. */
    readonly retainedBytes: number;
    /** Bytes that may yet be written before the slot is in danger (`safe_wal_size`); null where nothing limits it. */
    readonly safeBytes: number | null;
    /** `max_slot_wal_keep_size`; null where nothing limits it. */
    readonly maxRetainedBytes: number | null;
    /** Bytes of log that the server writes in a second, over the last minutes; null until there are two looks. */
    readonly walBytesPerSecond: number | null;
    /**
     * Milliseconds until `max_slot_wal_keep_size` is used up if what is kept goes on growing as it did over the last minutes;
     * null when it does not grow or nothing limits it.
     */
    readonly exhaustedInMs: number | null;
    /** Milliseconds since the oldest change that is not acknowledged was committed, or null when there is none. */
    readonly unacknowledgedMs: number | null;
}

/** What a source reports about itself. Carries no row values and no secrets. */
type SourceEvent = {
    readonly type: 'source-connected';
    readonly position: string | null;
} | {
    readonly type: 'source-disconnected';
    readonly error: Error;
    readonly retryInMs: number;
} | {
    readonly type: 'source-reconnected';
    readonly attempts: number;
} | {
    readonly type: 'source-waiting';
    readonly reason: string;
} | {
    readonly type: 'source-warned';
    readonly code: string;
    readonly message: string;
} | ({
    readonly type: 'copy-started' | 'copy-progressed' | 'copy-finished';
} & CopyProgress);

/**
 * What `shareSource` has to know of a stream: where it began, and how its positions lie to each other and to its events.
 *
 * A stream that offers it gives the same events in the same order whenever it is opened at the same checkpoint; where
 * its batches and their ends are may differ, but a batch without an end holds no end of a transaction. `checkpoint` of an
 * end that it gave works also after it was closed.
 */
interface StreamSharing<Row extends object = JsonRow> {
    /** Where the stream began; its `checkpoint(begin)` can be asked for from the start. */
    readonly begin: Position;
    /** Negative when `a` lies before `b`, 0 when they are the same place, else positive. */
    compare(a: Position, b: Position): number;
    /** Whether an event that this stream gave lies at or below a position. False where that cannot be told. */
    isCovered(event: ChangeEvent<Row>, end: Position): boolean;
    /**
     * Judges another checkpoint as `open` would, without going there: rejects with the `GapError` that `open` would give
     * for another server, another timeline, or a position that the server does not hold.
     */
    admit(checkpoint: Checkpoint, options: {
        readonly signal: AbortSignal;
    }): Promise<void>;
    /**
     * Where a consumer goes on whose checkpoint stands before a gap that the stream goes on behind: where the stream begins,
     * or at its own position where that lies further on. Either way it is given the record of the gap. Null for one that
     * does not stand before such a gap. @default null
     */
    placeBehindGap?(checkpoint: Checkpoint): Position | null;
    /** Ends before this one will not be asked for again, though nothing was acknowledged. */
    forget(end: Position): void;
}

/** What one socket read or one page gave. */
interface ChangeBatch<Row extends object = JsonRow> {
    readonly events: readonly ChangeEvent<Row>[];
    /** Bytes that this batch keeps in memory while it is held: whole socket chunks, not only the rows. */
    readonly bytes: number;
    /**
     * The newest position at which everything before it has been handed over, by this or earlier batches: set when a
     * transaction ended inside the batch or when idle progress was learnt. Only an `end` is ever acknowledged.
     */
    readonly end: Position | null;
}
/** How far behind its server a source is. */
interface SourceLag {
    /** Bytes of log between the acknowledged position and the server's end, or null where that has no meaning. */
    readonly bytes: number | null;
    /** Milliseconds since the oldest change that is not acknowledged was committed, or null when there is none. */
    readonly ms: number | null;
}
/**
 * An open stream of changes, in commit order. Reconnects on its own; rejects the iteration only with an error that
 * nobody can wait out (a gap, a refused login, a protocol error).
 */
interface ChangeStream<Row extends object = JsonRow> extends AsyncIterable<ChangeBatch<Row>>, AsyncDisposable {
    /** The checkpoint to save for an `end` that this stream has yielded. */
    checkpoint(end: Position): Checkpoint;
    /** Tells the server that everything up to `end` is safe. Call it only after the checkpoint is saved. */
    acknowledge(end: Position): Promise<void>;
    lag(): Promise<SourceLag>;
    /** The replication slot as it was last looked at; null before the first look, absent where there is none. */
    slotHealth?(): SlotHealth | null;
    /** The tables that are being copied; absent where a source copies none. */
    progress?(): readonly CopyProgress[];
    /** Resolves when everything that was committed before the call has been handed over by the iterator. */
    caughtUp(options: {
        readonly signal: AbortSignal;
    }): Promise<void>;
    /** What `shareSource` needs; absent where a stream cannot be shared. */
    readonly sharing?: StreamSharing<Row> | undefined;
}
/** What `open` gets from the pipeline. */
interface OpenOptions {
    /** Where to go on; null starts at the source's own beginning. */
    readonly after: Checkpoint | null;
    /** When `after` was saved, milliseconds since 1970 by its store's clock; where it is not known, undefined. */
    readonly savedAtMs?: number | undefined;
    readonly signal: AbortSignal;
    /** Observes the source (reconnects, warnings). Must not throw. */
    readonly onEvent?: ((event: SourceEvent) => void) | undefined;
}
/** Something that yields change events and can be told how far they are safe. */
interface ChangeSource<Row extends object = JsonRow> {
    readonly name: string;
    readonly kind: string;
    /** Where the checkpoint is kept when the pipeline's options name no store. */
    readonly checkpoints?: CheckpointStore | undefined;
    /** Where parked records are kept when the pipeline's options name no store. */
    readonly deadLetters?: DeadLetterStore | undefined;
    open(options: OpenOptions): Promise<ChangeStream<Row>>;
}

/** The clock and timers of a pipeline. */
interface PipelineTime {
    /** Milliseconds since 1970. */
    now(): number;
    /** Calls back once after `ms` milliseconds; the result cancels it. */
    setTimeout(callback: () => void, ms: number): () => void;
}
/** The clock and timers of the process. */
declare const SYSTEM_TIME: PipelineTime;
/** Resolves after `ms`; rejects with `signal.reason` when aborted, leaving no timer and no listener. */
declare function sleep(time: PipelineTime, ms: number, signal: AbortSignal): Promise<void>;

export { type ItemOrigin as $, type AcceptedGap as A, type BulkItem as B, CdcError as C, type DeadLetterStore as D, type CertyoRecord as E, type CertyoRequest as F, type GapCode as G, type ChangeBatch as H, type ChangeStream as I, type JsonRow as J, type Checkpoint as K, type LogicalMessage as L, type ColumnInfo as M, type ColumnPolicies as N, type ColumnPolicy as O, type Position as P, ConfigurationError as Q, type RowChange as R, type SchemaChange as S, type Truncate as T, ConstantBytes as U, type DeadLetter as V, ERROR_CODES as W, type ErrorCode as X, type ErrorCodeDescription as Y, type EventSource as Z, type FoundRecord as _, type CdcErrorOptions as a, JsonNumber as a0, type LatestReceipt as a1, type MappedOperation as a2, type MappedRow as a3, type NewDeadLetter as a4, type OpenOptions as a5, type OperationType as a6, type QueryParameters as a7, type Receipt as a8, type ReceiptCallOptions as a9, minifyJson as aA, recordMapper as aB, secret as aC, writeRow as aD, type DraftRules as aE, type NamedTable as aF, type RecordDraft as aG, type RowWriter as aH, SYSTEM_TIME as aI, WRITE_ROW as aJ, draftRules as aK, payloadOf as aL, payloadText as aM, recordIdOf as aN, sleep as aO, tableLabel as aP, toDrafts as aQ, writeMinified as aR, type ReceiptStore as aa, type RecordMapper as ab, type RecordMapperOptions as ac, type RecordName as ad, type RecordVersionName as ae, type RowOperation as af, type Secret as ag, type SendMark as ah, type SkipUnchanged as ai, type Snapshot as aj, type StoredReceipt as ak, type StreamSharing as al, type TableInfo as am, type TableMapping as an, type TableVersion as ao, type TableVersionColumn as ap, type TransactionInfo as aq, type UnavailableAction as ar, type UnavailableColumns as as, type UnavailablePolicy as at, type Verification as au, type VerifyRecordRequest as av, createCertyoClient as aw, defaultCodecs as ax, isRowChange as ay, isSecret as az, type ChangeEvent as b, type JsonValue as c, type CertyoSinkOptions as d, type CertyoItem as e, type CheckpointStore as f, type ChangeSource as g, type StoredCheckpoint as h, type SourceIdentity as i, type SourceEvent as j, type PipelineTime as k, type SlotHealth as l, type CopyProgress as m, type SourceLag as n, type AcceptedRecord as o, type ApiKey as p, type BulkResult as q, type BulkVerdict as r, ByteWriter as s, type CallOptions as t, type CertyoAnswer as u, type CertyoClient as v, type CertyoClientOptions as w, type CertyoCodecs as x, type CertyoDocument as y, type CertyoPage as z };
