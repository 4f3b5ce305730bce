// cli.d.ts

#!/usr/bin/env node

// index.d.ts

import { ChangeEvent, PipelineTime, CheckpointStore, StoredCheckpoint, Checkpoint, DeadLetterStore, DeadLetter, NewDeadLetter, ReceiptStore, Receipt, SendMark, Verdict, Sink, Prepared, RowOperation, JsonRow, GapCode, ChangeSource, Position, OpenOptions, SourceEvent, ChangeStream, ChangeBatch, RowChange } from '@certyo-cdc/core';
import { ClientConfig, Client, QueryResultRow } from 'pg';
import { P as PostgresAddress, T as TestDatabase } from './test-database.js';

/**
 * The Merkle tree over the record hashes of a batch. An assumption of the emulator: Certyo's own rule is not public.
 *
 * As RFC 6962, section 2.1: leaf = SHA-256(0x00 ‖ record hash), node = SHA-256(0x01 ‖ left ‖ right), so that a leaf
 * can never be shown as a node; on every level the odd last node rises unchanged, nothing is paired with itself.
 */
interface MerkleStep {
    /** On which side the sibling stands. */
    readonly side: 'left' | 'right';
    /** The sibling, 64 hexadecimal digits. */
    readonly hash: string;
}
/** True when `proof` leads from `recordHash` to `root`. */
declare function verifyMerkleProof(recordHash: string, proof: readonly MerkleStep[], root: string): boolean;

/**
 * A JSON value kept as the text it was sent as, so that no digit, escape, key order or duplicate key is lost.
 *
 * Node 20 has no source access in `JSON.parse`, hence a scanner of our own.
 */
declare class RawJson {
    #private;
    /** The value as it was sent, without the whitespace around it. */
    readonly text: string;
    constructor(text: string, hasWhitespace: boolean);
    get isObject(): boolean;
    /** `text` with the whitespace between its tokens removed and every token kept verbatim. */
    get canonical(): string;
}

/** What Certyo knows as `operationType`. */
declare const OPERATION_TYPES: readonly ["insert", "update", "delete", "upsert"];
/** What Certyo knows as `operationType`. */
type OperationType = (typeof OPERATION_TYPES)[number];
/** A record of a request that has passed validation. */
interface IncomingRecord {
    readonly tenantId: string;
    readonly clientId: string | null;
    readonly database: string;
    readonly collection: string;
    readonly recordId: string;
    readonly recordVersion: string;
    readonly operationType: OperationType;
    readonly payload: RawJson;
    readonly sourceTimestamp: string | null;
    readonly idempotencyKey: string | null;
}

/** Where a record stands on its way to the chain. */
type AnchoringStatus = 'Ingested' | 'PendingAnchor' | 'Batched' | 'Anchored' | 'Failed';
/** A block of the simulated chain: one batch, one root. */
interface ChainBlock {
    readonly blockNumber: number;
    /** `0x` and 64 hexadecimal digits. */
    readonly transactionHash: string;
    /** `0x` and 64 hexadecimal digits. */
    readonly merkleRoot: string;
    readonly batchId: string;
    /** ISO 8601, UTC. */
    readonly anchoredAt: string;
}

/** The emulator's clock: the real one, which a test can put forward. */
interface EmulatorClock {
    /** Milliseconds since 1970. */
    now(): number;
    /** Puts the clock forward and does at once what has become due (batches, anchoring, forgotten keys). */
    advance(ms: number): void;
}

/** What a fault looks at to decide whether it strikes. */
interface FaultTarget {
    readonly method: string;
    /** Without the query. */
    readonly path: string;
    /** Null when the key is unknown. */
    readonly tenantId: string | null;
    /** A record of the request; null for a request that carries none. */
    readonly record: IncomingRecord | null;
}
/** Strikes where every given field is equal. `path` matches as a prefix. */
interface FaultMatch {
    readonly method?: string | undefined;
    readonly path?: string | undefined;
    readonly tenantId?: string | undefined;
    readonly database?: string | undefined;
    readonly collection?: string | undefined;
    readonly recordId?: string | undefined;
    readonly recordVersion?: string | undefined;
    readonly operationType?: string | undefined;
    readonly idempotencyKey?: string | undefined;
}
/** What all faults have in common. */
interface FaultBase {
    /**
     * Where it strikes; everywhere when omitted. A request with records is struck when one of its records matches.
     */
    readonly match?: FaultMatch | ((target: FaultTarget) => boolean) | undefined;
    /** How often it strikes; `false`: until it is removed. @default 1 */
    readonly count?: number | false | undefined;
}
/**
 * Refuses records for good. `scope: 'record'` (default): each matching record gets its own verdict, and `count`
 * counts records; `scope: 'request'`: a request with a matching record is answered with 400 as a whole.
 */
interface RejectFault extends FaultBase {
    readonly kind: 'reject';
    readonly scope?: 'record' | 'request' | undefined;
    /** @default 'rejected_on_demand' */
    readonly code?: string | undefined;
}
/** Does what was asked and then destroys the socket without an answer. */
interface FailAfterAcceptFault extends FaultBase {
    readonly kind: 'fail-after-accept';
}
/** Does what was asked (unless `applies` is false) and does not answer until it is removed. */
interface HoldFault extends FaultBase {
    readonly kind: 'hold';
    /** @default true */
    readonly applies?: boolean | undefined;
}
/** Answers after `delayMs`. The effect comes before the delay unless `applies` is `'late'`. */
interface SlowFault extends FaultBase {
    readonly kind: 'slow';
    readonly delayMs: number;
    /** @default 'early' */
    readonly applies?: 'early' | 'late' | undefined;
}
/**
 * Spoils a bulk answer. `omit`: records are applied and left out of the answer; `reject`: they are not applied and
 * get a rejected verdict; `reverse`: the results come in reverse order.
 */
interface PartialFault extends FaultBase {
    readonly kind: 'partial';
    /** @default 'omit' */
    readonly mode?: 'omit' | 'reject' | 'reverse' | undefined;
    /** Strikes every n-th of the matching records of the request. @default 2 */
    readonly every?: number | undefined;
}
/** Answers 200 with something that is not the API's answer. */
interface GarbageFault extends FaultBase {
    readonly kind: 'garbage';
    /** @default 'html' */
    readonly body?: 'html' | 'truncated' | 'empty' | 'unrelated' | undefined;
    /** Whether what was asked is done. @default true for `truncated` and `empty`, else false */
    readonly applies?: boolean | undefined;
}
/** Redirects. Nothing is applied. */
interface RedirectFault extends FaultBase {
    readonly kind: 'redirect';
    readonly status: 301 | 302 | 303 | 307 | 308;
    readonly location: string;
}
/** Answers 429. Nothing is applied. */
interface RateLimitFault extends FaultBase {
    readonly kind: 'rate-limit';
    /** The form of Retry-After. `text` is not valid, `absurd` is years. @default 'seconds' */
    readonly retryAfter?: 'seconds' | 'http-date' | 'text' | 'absent' | 'absurd' | undefined;
    /** @default 1 */
    readonly seconds?: number | undefined;
}
/** Answers any status with a problem body. */
interface StatusFault extends FaultBase {
    readonly kind: 'status';
    readonly status: number;
    /** @default false */
    readonly applies?: boolean | undefined;
}
/**
 * Nobody listens. With a `count`, that many connections are reset as soon as they are made; with `false` (default
 * here) the port is closed until the fault is removed. Connections that are open are cut.
 */
interface DownFault {
    readonly kind: 'down';
    readonly count?: number | false | undefined;
}
/** Makes the anchoring of batches fail; `count` counts batches. A batch is struck when one of its records matches. */
interface AnchorFailureFault extends FaultBase {
    readonly kind: 'anchor-failure';
}
/** What can go wrong on demand. */
type CertyoFault = RejectFault | FailAfterAcceptFault | HoldFault | SlowFault | PartialFault | GarbageFault | RedirectFault | RateLimitFault | StatusFault | DownFault | AnchorFailureFault;
/** A fault that was added. */
interface FaultHandle {
    readonly id: string;
    /** How often it has struck. */
    readonly hits: number;
    /** How often it still will; null: until it is removed. */
    readonly remaining: number | null;
    /** Ends it; answers that it holds back are given now. Resolves when its end has taken effect. Idempotent. */
    remove(): Promise<void>;
}
/** Faults on demand. Several may be active; the first added that matches strikes. */
interface CertyoFaults {
    /** @throws ConfigurationError when the fault is not a possible one. */
    add(fault: CertyoFault): FaultHandle;
    /** Removes all. */
    clear(): Promise<void>;
}

/** One effect: a record version that the emulator accepted. */
interface CertyoEffect {
    /** Counts effects from 1 in order of acceptance. */
    readonly sequence: number;
    readonly tenantId: string;
    readonly clientId: string | null;
    readonly database: string;
    readonly collection: string;
    readonly recordId: string;
    readonly recordVersion: string;
    readonly operationType: OperationType;
    /** The text of recordPayload exactly as it was sent. */
    readonly payload: string;
    /** 64 hexadecimal digits. */
    readonly recordHash: string;
    readonly idempotencyKey: string | null;
    readonly sourceTimestamp: string | null;
    /** ISO 8601, UTC, by the emulator's clock. */
    readonly receivedAt: string;
    /** How often it was sent, replays included. */
    readonly attempts: number;
    readonly snapshotId: string;
    readonly status: AnchoringStatus;
}
/** One request, without values: names of headers only. */
interface RequestLogEntry {
    /** Counts requests from 1. */
    readonly requestNumber: number;
    readonly method: string;
    readonly path: string;
    readonly headerNames: readonly string[];
    readonly bytes: number;
    readonly recordCount: number;
    /** Null while there is no answer, and where there never was one. */
    readonly status: number | null;
    readonly correlationId: string;
    /** The fault that struck, or null. */
    readonly fault: string | null;
    /** ISO 8601, UTC, by the emulator's clock. */
    readonly receivedAt: string;
}
/** Totals since the start. */
interface EmulatorCounters {
    /** Requests whose head arrived. */
    readonly requests: number;
    /** Connections made. */
    readonly connections: number;
    /** Records that passed validation, replays included. */
    readonly attempts: number;
    /** Distinct effects. */
    readonly effects: number;
    /** Records answered with `idempotencyReplayed: true`. */
    readonly replays: number;
    /** Replays whose record id or payload differs from the original: changes that were swallowed. */
    readonly collisions: number;
    /** Effects whose recordVersion sorts before the last one of their record (not counted with `retention: 'counts'`). */
    readonly regressions: number;
    /** Records refused on validation or on demand. */
    readonly rejections: number;
    /** Effects not yet anchored or failed. */
    readonly pending: number;
    readonly anchored: number;
    readonly failed: number;
}
/** Which effects to return; all when a field is omitted. */
interface EffectFilter {
    readonly tenantId?: string | undefined;
    readonly database?: string | undefined;
    readonly collection?: string | undefined;
    readonly recordId?: string | undefined;
}

/** An API key and what it is bound to. */
interface CertyoApiKey {
    readonly key: string;
    readonly tenantId: string;
    /** The client (application) that the key is bound to; any `clientId` is accepted when it is undefined. */
    readonly clientId?: string | undefined;
}
/** The keys that the emulator knows. */
interface KeyRing {
    /** Makes a key valid; a key that is already there is bound anew. */
    add(key: CertyoApiKey): void;
    /** Deactivates a key: from now on it is answered with 401. */
    remove(key: string): void;
}

/**
 * What the emulator remembers of accepted records. `full`: everything. `digest`: per record the number of effects and
 * the last version. `counts`: only totals.
 */
type Retention = 'full' | 'digest' | 'counts';
/** A record's history in few bytes (`retention: 'digest'`). */
interface RecordDigest {
    readonly effects: number;
    readonly lastVersion: string;
    /** SHA-256 over the chain of its effects: previous digest, version, operation, record hash. */
    readonly digest: string;
}

/** The environment that a client of the emulator needs. */
interface CertyoEnvironment {
    readonly CERTYO_BASE_URL: string;
    readonly CERTYO_API_KEY: string;
    readonly CERTYO_TENANT_ID: string;
}
/** A running emulator of the Certyo API. */
interface CertyoEmulator extends AsyncDisposable {
    /** Base URL, without a slash at the end: `http://127.0.0.1:12345`. */
    readonly url: string;
    readonly port: number;
    /** The first key and its tenant. */
    readonly apiKey: string;
    readonly tenantId: string;
    readonly environment: CertyoEnvironment;
    /** Base URL of the control endpoint, or null. */
    readonly controlUrl: string | null;
    readonly clock: EmulatorClock;
    readonly keys: KeyRing;
    readonly faults: CertyoFaults;
    /** The newest requests (10,000 at least; 1,000 unless everything is retained), oldest first. */
    readonly requests: readonly RequestLogEntry[];
    readonly counters: EmulatorCounters;
    /** The blocks of the simulated chain, oldest first (`retention: 'full'`). */
    readonly chain: readonly ChainBlock[];
    /** The effects in order of acceptance (`retention: 'full'`). */
    records(filter?: EffectFilter): CertyoEffect[];
    /** Effects whose sequence is greater than `sequence`, `limit` at most, in order of acceptance. */
    effectsAfter(sequence: number, limit: number): CertyoEffect[];
    /** What is known of each record, by `JSON.stringify([tenantId, database, collection, recordId])` (`retention: 'digest'`). */
    digests(): ReadonlyMap<string, RecordDigest>;
    /** Closes every open batch now, however young. */
    closeBatches(): void;
    /**
     * Resolves when nothing is on its way any more: every effect is anchored or failed. Never resolves while batches
     * wait for age or delay that the clock does not reach.
     */
    waitUntilAnchored(options?: {
        readonly signal?: AbortSignal | undefined;
    }): Promise<void>;
    /** Cuts every connection and stops. Idempotent. */
    close(): Promise<void>;
}

/** A moment in the life of a request, for tests that kill a client exactly there. */
type EmulatorPhase = 'request-received' | 'applied' | 'responded';
/** The request that a phase belongs to. */
interface EmulatorPhaseInfo {
    /** Counts requests from 1. */
    readonly requestNumber: number;
    readonly method: string;
    readonly path: string;
    /** How many records the request carries. */
    readonly recordCount: number;
    /** How many new effects it had; 0 in phase `request-received`. */
    readonly effectCount: number;
    /** The status of the answer, or null before there is one (and where there is none). */
    readonly status: number | null;
}
/** How many requests a client may make. */
interface EmulatorRateLimit {
    readonly requests: number;
    readonly perMs: number;
    /** The form of Retry-After. @default 'seconds' */
    readonly retryAfter?: 'seconds' | 'http-date' | undefined;
}
/** How the Certyo emulator behaves. */
interface CertyoEmulatorOptions {
    /** Address to listen on. @default '127.0.0.1' */
    readonly host?: string | undefined;
    /** Port to listen on; 0 takes a free one. @default 0 */
    readonly port?: number | undefined;
    /** Keys and what they are bound to. @default one key `certyo_sk_test_emulator` of tenant `test-tenant` */
    readonly keys?: readonly CertyoApiKey[] | undefined;
    /** Records that close a batch. @default 1000 */
    readonly batchCount?: number | undefined;
    /** Age that closes a batch, milliseconds. @default 60000 */
    readonly batchAgeMs?: number | undefined;
    /** From a closed batch to its block, milliseconds. @default 15000 */
    readonly anchorDelayMs?: number | undefined;
    /** From a failed anchoring to the next attempt, milliseconds; `false`: only on request. @default false */
    readonly autoRetryMs?: number | false | undefined;
    /** Requests allowed per client; `false`: any number. @default false */
    readonly rateLimit?: EmulatorRateLimit | false | undefined;
    /** Largest request body, bytes. @default 10485760 */
    readonly maxRequestBytes?: number | undefined;
    /** Largest recordPayload, bytes. @default 1048576 */
    readonly maxRecordBytes?: number | undefined;
    /** What stands before a record hash in answers; the public pages show both. @default '' */
    readonly hashPrefix?: '' | 'sha256:' | undefined;
    /**
     * What is remembered. `full`: every effect. `digest`: effects and last version per record, without payloads,
     * snapshots and batches. `counts`: only totals. Both of the latter remember the last 50,000 idempotency keys.
     * @default 'full'
     */
    readonly retention?: Retention | undefined;
    /** Port of the control endpoint for other processes; 0 takes a free one, `false`: none. @default false */
    readonly controlPort?: number | false | undefined;
    /** Called, and waited for, at moments of each request. */
    readonly onPhase?: ((phase: EmulatorPhase, info: EmulatorPhaseInfo) => void | Promise<void>) | undefined;
}

/**
 * Starts an HTTP server that behaves as the Certyo API is documented, and where it is not, as the README lists.
 *
 * Nothing leaves the machine and nothing is stored: everything is gone when it closes.
 *
 * @throws ConfigurationError (as a rejection) when an option is wrong
 * @example
 * await using emulator = await startCertyoEmulator({ batchAgeMs: 50, anchorDelayMs: 50 });
 * // … point a client at emulator.url with emulator.apiKey …
 * await emulator.waitUntilAnchored({ signal: AbortSignal.timeout(5_000) });
 * emulator.records({ recordId: '1001' });
 */
declare function startCertyoEmulator(options?: CertyoEmulatorOptions): Promise<CertyoEmulator>;

/**
 * Throws where `changeEventSchema` refuses the JSON form of an event, or where what it reads is not what was written: as
 * `toJSON()` gives it, with numbers of any size, and after a way through JSON text.
 */
declare function checkJsonForm(event: ChangeEvent): void;

/** A clock that moves when a test says so. */
interface ManualTime extends PipelineTime {
    /** Moves on, firing timers in order; promises get their turn after each. */
    advance(ms: number): Promise<void>;
    /** Timers that wait. */
    readonly pending: number;
}
/** A clock for tests. @param nowMs Where it begins, milliseconds since 1970. */
declare function manualTime(nowMs?: number): ManualTime;

/** A checkpoint store in memory, to look into and to set up. */
interface MemoryCheckpointStore extends CheckpointStore {
    /** What is stored under a name, else null. */
    peek(name: string): StoredCheckpoint | null;
    /** Stores a checkpoint as another process would. */
    overwrite(name: string, checkpoint: Checkpoint, savedAtMs?: number): void;
    /** Saves so far. */
    readonly saves: number;
    /** Called before a save is stored; what it throws becomes the rejection. */
    onSave: ((name: string, checkpoint: Checkpoint) => void | Promise<void>) | null;
    /** Called when a save is stored, before its answer; what it throws is a lost answer. */
    onSaved: ((name: string, checkpoint: Checkpoint) => void | Promise<void>) | null;
}
/** Options of `memoryCheckpointStore`. */
interface MemoryCheckpointStoreOptions {
    /** Milliseconds since 1970. @default Date.now */
    readonly now?: (() => number) | undefined;
}
/** A checkpoint store in memory. Keeps what is saved for as long as the object lives, also after `close()`. */
declare function memoryCheckpointStore(options?: MemoryCheckpointStoreOptions): MemoryCheckpointStore;

/** A dead-letter store in memory, to look into. */
interface MemoryDeadLetterStore extends DeadLetterStore {
    /** All letters of a pipeline, in sequence order. */
    letters(pipeline: string): readonly DeadLetter[];
    /** Called before letters are stored; what it throws becomes the rejection. */
    onPark: ((letters: readonly NewDeadLetter[]) => void | Promise<void>) | null;
    /** Called when letters were read, before the answer arrives. */
    onListed: ((letters: readonly DeadLetter[]) => void | Promise<void>) | null;
}
/** A dead-letter store in memory. Keeps what is parked for as long as the object lives, also after `close()`. */
declare function memoryDeadLetterStore(): MemoryDeadLetterStore;

/** A store of receipts in memory, to look into. */
interface MemoryReceiptStore extends ReceiptStore {
    /** All receipts in the order in which they were stored. */
    readonly receipts: readonly Receipt[];
    /** The marks of a pipeline, oldest first; a test may change how old they are. */
    readonly marks: Map<string, SendMark[]>;
    /** Calls of `store`. */
    readonly stores: number;
    /** Called before receipts are stored; what it throws becomes the rejection. */
    onStore: ((receipts: readonly Receipt[]) => void | Promise<void>) | null;
    /** Called when receipts are stored, before the answer; what it throws is a lost answer. */
    onStored: ((receipts: readonly Receipt[]) => void | Promise<void>) | null;
    /** Called before a mark is stored; what it throws becomes the rejection. */
    onMark: ((pipeline: string, upTo: string) => void | Promise<void>) | null;
}
/** A store of receipts in memory. Keeps what is stored for as long as the object lives, also after `close()`. */
declare function memoryReceiptStore(): MemoryReceiptStore;

/** What the memory sink delivers. */
interface MemoryItem {
    readonly eventId: string;
    readonly lane: string;
    readonly operation: string;
    readonly version: string;
    readonly payload: string;
}
/** One call of `deliver`, as a fault sees it. */
interface MemoryRequest {
    readonly number: number;
    readonly attempt: number;
    readonly items: readonly MemoryItem[];
    readonly signal: AbortSignal;
    /** Lets the items have their effect, whatever is answered. */
    apply(items?: readonly MemoryItem[]): void;
}
/** Answers a request in place of the sink; null lets it through. May wait, apply and throw. */
type MemoryFault = (request: MemoryRequest) => readonly Verdict[] | null | Promise<readonly Verdict[] | null>;
/** Options of `memorySink`. */
interface MemorySinkOptions {
    /** @default 'memory' */
    readonly name?: string | undefined;
    readonly scope?: string | undefined;
    readonly maxBatchItems?: number | undefined;
    readonly maxBatchBytes?: number | undefined;
    readonly idempotencyWindowMs?: number | undefined;
    readonly faults?: MemoryFault | undefined;
    /** Maps an event. @default one item, its lane the table and key */
    readonly prepare?: ((event: ChangeEvent) => readonly Prepared<MemoryItem>[]) | undefined;
    /** Whether `confirm` exists. @default false */
    readonly confirms?: boolean | undefined;
}
/** A sink in memory that remembers what it was given and what took effect. */
interface MemorySink extends Sink<MemoryItem> {
    /** What took effect, in order: the first time of each event. */
    readonly effects: readonly MemoryItem[];
    /**
     * What took effect under an event id and a version or payload that differ from those of the first time: to a sink that goes by
     * versions this is another change, which a source must never make of a redelivery (I4).
     */
    readonly repeats: readonly MemoryItem[];
    /** All requests, in order of their beginning. */
    readonly requests: readonly MemoryRequest[];
    /** Items that were asked about. */
    readonly confirmed: readonly MemoryItem[];
    /** Times that a lane was in two places at once; the pipeline must never let it happen (I3). */
    readonly overlaps: readonly string[];
    /** Requests that are being answered. */
    readonly active: number;
    readonly isClosed: boolean;
    faults: MemoryFault | null;
}
/** The item that the memory sink makes of an event. */
declare function memoryItem(event: ChangeEvent): Prepared<MemoryItem>;
/** A sink in memory: idempotent by event, with faults on demand. */
declare function memorySink(options?: MemorySinkOptions): MemorySink;

/** A change as a test writes it down. */
type MemoryChange = {
    readonly operation: RowOperation;
    /** @default 'items' */
    readonly table?: string | undefined;
    readonly key: JsonRow;
    readonly previousKey?: JsonRow | undefined;
    readonly before?: JsonRow | undefined;
    /** @default the key, for everything but deletes */
    readonly after?: JsonRow | undefined;
    /** Columns whose value cannot be seen. @default none */
    readonly unavailable?: readonly string[] | undefined;
} | {
    readonly operation: 'truncate';
    readonly table?: string | undefined;
} | {
    readonly operation: 'schema';
    readonly table?: string | undefined;
} | {
    readonly operation: 'gap';
    readonly code: GapCode;
} | {
    readonly operation: 'message';
    readonly prefix: string;
    readonly content: string;
};

/** Options of `memorySource`. */
interface MemorySourceOptions {
    /** @default 'memory' */
    readonly name?: string | undefined;
    /**
     * Every change of a row; or, like polling, only the last one of those that lie between two pulls, as `snapshot` unless
     * it is a delete. @default 'every-change'
     */
    readonly shows?: 'every-change' | 'latest-state' | undefined;
    readonly checkpoints?: CheckpointStore | undefined;
    readonly deadLetters?: DeadLetterStore | undefined;
    /** Most events in one batch; a larger transaction comes in several. @default 100 */
    readonly maxBatchEvents?: number | undefined;
    /** Bytes that each event counts. @default 100 */
    readonly eventBytes?: number | undefined;
    /** Commit time of the next transaction, ISO 8601 in UTC. @default the clock's */
    readonly committedAt?: (() => string) | undefined;
}
/**
 * A source in memory: a log of transactions that a test writes.
 *
 * Like a slot it remembers what was acknowledged: a stream that is opened without checkpoint begins there, and one
 * whose checkpoint lies before it is a gap. So an early acknowledgement is a loss that a test can see.
 */
interface MemorySource extends ChangeSource {
    /** Commits a transaction. Its events are the same objects whenever they are read. */
    push(changes: readonly MemoryChange[]): readonly ChangeEvent[];
    /** Reports progress without events, as when other databases write. */
    idle(): void;
    /** Makes the iteration of open streams reject. */
    fail(error: Error): void;
    /** Ends the iteration of streams that have handed over everything. */
    finish(): void;
    /** The newest position that was acknowledged, else null. */
    readonly acknowledged: Position | null;
    /** All committed events, in order. */
    readonly committed: readonly ChangeEvent[];
    /** How many of them lie at or below a position. */
    eventsUpTo(position: Position): number;
    readonly openStreams: number;
    /** Batches that were asked for by all streams. */
    readonly pulls: number;
    /** Called before a stream is opened; may wait or throw. */
    onOpen: ((options: OpenOptions) => void | Promise<void>) | null;
    /** Called before a position is acknowledged; may wait or throw. */
    onAcknowledge: ((end: Position) => void | Promise<void>) | null;
}
/** A source in memory. */
declare function memorySource(options?: MemorySourceOptions): MemorySource;

/** Runs a statement on the captured database; values as node-postgres gives them. */
type OracleQuery = (sql: string, values?: readonly unknown[]) => Promise<readonly Readonly<Record<string, unknown>>[]>;
/** A table whose committed changes are written down. */
interface HistoryTable {
    readonly schema: string;
    readonly name: string;
    /** Columns of the record key, in order. */
    readonly key: readonly string[];
}

/** What Certyo holds against what the database committed. */
interface Comparison {
    /** Versions that were committed (a change of key makes two). */
    readonly committed: number;
    /** Distinct record versions that arrived. */
    readonly delivered: number;
    /** Distinct effects that were accepted. */
    readonly accepted: number;
    readonly anchored: number;
    /** Records that were sent, repeats included. */
    readonly attempts: number;
    /** Committed, but not held. */
    readonly lost: number;
    /** Held more than once, or held though it was never committed. */
    readonly duplicated: number;
    /** Accepted before an earlier version of the same record. */
    readonly reordered: number;
    /** Held with another payload or operation than was committed. */
    readonly mismatched: number;
    readonly byCollection: Readonly<Record<string, CollectionComparison>>;
    /** The first few differences, by record. */
    readonly examples: readonly string[];
}
/** The same for one collection. */
interface CollectionComparison {
    readonly committed: number;
    readonly accepted: number;
    readonly anchored: number;
    readonly records: number;
}
/**
 * Compares record by record and version by version.
 *
 * @param fullRows Whether deletes show the whole old row (REPLICA IDENTITY FULL), by collection; else only keys are
 * compared.
 */
declare function compareEffects(query: OracleQuery, tables: readonly HistoryTable[], effects: readonly CertyoEffect[], options?: {
    readonly fullRows?: ReadonlySet<string> | undefined;
}): Promise<Comparison>;

/** What a source that shows rows as it finds them can see. */
interface FinalStateOptions {
    /**
     * Which deletes must be held: of every record; of records that are held at all (one that came and went between two
     * looks is not); or none, for a source that cannot see that a row is gone. @default 'every'
     */
    readonly deletes?: 'every' | 'of-held' | 'none' | undefined;
    /** By collection, the column that is not null when a record counts as deleted. */
    readonly softDeletes?: Readonly<Record<string, string>> | undefined;
    /** Collections whose hard deletes show the whole old row; of others only the key is compared. */
    readonly fullRows?: ReadonlySet<string> | undefined;
}
/**
 * Final states that are held against those that the database has.
 *
 * `committed` counts records whose final state must be held, `delivered`, `accepted` and `anchored` those of them whose
 * final state is held, accepted and anchored. What a source saw on the way there is only in `effects`.
 */
interface FinalStateComparison extends Comparison {
    /** Effects that were accepted, states on the way to the final ones included. */
    readonly effects: number;
}
/**
 * Compares record by record what is held last with the row as the database has it now, and checks that everything that
 * was held before is some committed version of that record, in the order of commits.
 *
 * lost: the final state is not held. duplicated: two effects of one version, one content twice though it was committed
 * once, or a record that never was. reordered: accepted before an earlier version, or versions in another order than
 * the commits. mismatched: a state that was never committed.
 */
declare function compareFinalStates(query: OracleQuery, tables: readonly HistoryTable[], effects: readonly CertyoEffect[], options?: FinalStateOptions): Promise<FinalStateComparison>;

/**
 * Makes a trigger on each table that writes down every committed change with the whole rows, in the same transaction.
 *
 * It is a second witness of what was committed, and independent of the log that replication reads: numbers are drawn
 * while the row is locked, so that they grow in commit order per row, and a rolled-back transaction leaves nothing.
 */
declare function installHistory(query: OracleQuery, tables: readonly HistoryTable[]): Promise<void>;
/** How many changes were committed. */
declare function countHistory(query: OracleQuery): Promise<number>;

/** A certificate with its key, both as PEM. */
interface KeyPair {
    readonly cert: string;
    readonly key: string;
}
/** Certificates for a server and its clients, all of one certification authority made for the test. */
interface TestCertificates {
    /** The authority's certificate as PEM. */
    readonly ca: string;
    readonly server: KeyPair;
    /** A certificate for a database user, which is its common name. */
    readonly client: (user: string) => Promise<KeyPair>;
}
/** How createCertificates() makes them. */
interface CertificateOptions {
    /**
     * Names and addresses that the server's certificate is for.
     * @default ['localhost', '127.0.0.1', '::1']
     */
    readonly hosts?: readonly string[] | undefined;
    /**
     * End of the validity of the server's certificate; one in the past makes an expired certificate.
     * @default in one day
     */
    readonly notAfter?: Date | undefined;
}
/**
 * Makes a certification authority and a server's certificate of it, for `startPostgres({ tls })`.
 *
 * Those of a second call are of another authority: with them a client's trust can be seen to fail.
 */
declare function createCertificates({ hosts, notAfter, }?: CertificateOptions): Promise<TestCertificates>;

/** A value of postgresql.conf. */
type SettingValue = string | number | boolean;

/** How PostgreSQL shuts down: `smart` waits for clients, `fast` rolls back, `immediate` just leaves. */
type StopMode = 'smart' | 'fast' | 'immediate';
/** A running server that databases can be made on. */
interface PostgresAccess extends PostgresAddress, AsyncDisposable {
    /** URL of the database `postgres`. */
    readonly url: string;
    /** URL of another database, or as another user. */
    urlOf(database: string, user?: string, password?: string | null): string;
    /** Connects as superuser. The connection is ended when the server is disposed of. */
    client(config?: ClientConfig): Promise<Client>;
    /** Runs one statement as superuser in the database `postgres`. */
    query<Row extends QueryResultRow = QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
    /** Makes an empty database with a name of its own. */
    createDatabase(): Promise<TestDatabase>;
}
/** A server of one's own, that can be stopped, killed and started again. */
interface PostgresServer extends PostgresAccess {
    /** For example `18.4`. */
    readonly version: string;
    readonly dataDirectory: string;
    /** Directory of the Unix socket, to be given as `host`; it never asks for a password. */
    readonly socketDirectory: string;
    /** What TLS works with, or null without. */
    readonly certificates: TestCertificates | null;
    /** Process id of the postmaster, or null when it does not run. */
    readonly pid: number | null;
    /** Starts it again on the same port after stop() or crash(). Resolves when it takes connections. */
    start(settings?: Readonly<Record<string, SettingValue>>): Promise<void>;
    /**
     * Stops it and waits until it is gone.
     *
     * A `fast` stop waits for walsenders to hand over what is left, so a client that does not read can hold it up.
     * Rejects after `timeoutMs`; the server may still be on its way down then.
     * @default mode 'fast', timeoutMs 60000
     */
    stop(mode?: StopMode, timeoutMs?: number): Promise<void>;
    /** stop('fast') and start(), with other settings where given; they stay until they are changed. */
    restart(settings?: Readonly<Record<string, SettingValue>>): Promise<void>;
    /** Kills the server and every process of it with SIGKILL and waits until all are gone. */
    crash(): Promise<void>;
    /** Freezes the server with all its processes: connections stay open and nothing answers. */
    pause(): void;
    /** Goes on after pause(). */
    resume(): void;
    /** Turns a standby into a primary and waits until it takes writes. */
    promote(): Promise<void>;
    /** What the server has logged so far. */
    log(): string;
}

/** Which server openPostgres() opens. */
interface OpenPostgresOptions {
    /**
     * Major version, from 10 on.
     * @default 18
     */
    readonly major?: number | undefined;
}
/**
 * Opens a server to make databases on, where the environment says:
 *
 * - `TEST_POSTGRES_URL_<major>`: a server that runs already, with the URL of a superuser;
 * - `TEST_POSTGRES=container`: the official image in Docker, by `@testcontainers/postgresql`;
 * - else binaries from npm, by startPostgres().
 *
 * @example
 * await using server = await openPostgres({ major: 16 });
 * await using database = await server.createDatabase();
 */
declare function openPostgres(options?: OpenPostgresOptions): Promise<PostgresAccess>;

/** Where the files of a server lie. */
type PostgresStorage = 'memory' | 'disk';

/** How startPostgres() starts a server. */
interface PostgresOptions {
    /**
     * Major version, from 10 on.
     * @default 18
     */
    readonly major?: number | undefined;
    /** Settings of postgresql.conf, over the harness's own. */
    readonly settings?: Readonly<Record<string, SettingValue>> | undefined;
    /** Lines of pg_hba.conf, put before the harness's own: the first line that matches decides. */
    readonly hba?: readonly string[] | undefined;
    /**
     * Password of the user `postgres`. With one, connections over TCP need it (SCRAM); without, none
     * is asked for. The Unix socket never asks.
     */
    readonly password?: string | undefined;
    /**
     * `true` makes certificates and turns TLS on; or bring some of createCertificates(). Connections
     * without TLS stay possible: refuse them by `hba: ['hostnossl all all all reject']`.
     * @default false; for a standby that of its primary
     */
    readonly tls?: boolean | TestCertificates | undefined;
    /** Makes a streaming standby of that server, which has to run, with its password. PostgreSQL 12 or newer. */
    readonly standbyOf?: PostgresServer | undefined;
    /**
     * `memory` is memory-backed storage where there is some, else the directory for temporary files;
     * `disk` is always the latter. Neither syncs to disk unless `settings.fsync` says so.
     * @default 'memory'
     */
    readonly storage?: PostgresStorage | undefined;
    /** Aborts the start. */
    readonly signal?: AbortSignal | undefined;
}

/**
 * Starts a real PostgreSQL of one's own on a free port of 127.0.0.1, from binaries that come from npm.
 *
 * It takes 0.1 to 0.2 seconds, and 1 to 3 more for the first of a version on a machine. The server and
 * its files go when it is disposed of, and also when this process ends in any other way.
 * As root, the server runs as the user `nobody`. Rejects with ConfigurationError for options that
 * cannot be meant and when there are no binaries of that major.
 *
 * @example
 * await using server = await startPostgres({ major: 17, settings: { wal_sender_timeout: '1s' } });
 * await using database = await server.createDatabase();
 * await server.crash();
 * await server.start();
 */
declare function startPostgres(options?: PostgresOptions): Promise<PostgresServer>;

/** Which way bytes go. */
type PipeDirection = 'toClient' | 'toTarget';
/** What happens to a connection that is cut. */
type CutHow = 'reset' | 'close' | 'blackhole';
/** What a proxy does to the bytes that pass. */
interface Faults {
    /** Milliseconds by which every byte is late, in each direction. Does not limit the throughput. */
    readonly latencyMs: number | false;
    /** Bytes per second, per connection and direction. */
    readonly bytesPerSecond: number | false;
    /** Holds back bytes and the news of a closed connection; both sides believe that it is open. */
    readonly blackhole: PipeDirection | 'both' | false;
    /** Writes in pieces of so many bytes, each as a packet of its own. */
    readonly chunkBytes: number | false;
}

/** Where a proxy passes connections on to. */
interface ProxyTarget {
    readonly host: string;
    readonly port: number;
}
/** How a proxy is made. */
interface FaultProxyOptions {
    readonly target: ProxyTarget;
}

/** How cutAfter() cuts. */
interface CutOptions {
    /**
     * Which bytes are counted.
     * @default 'toClient'
     */
    readonly direction?: PipeDirection | undefined;
    /**
     * `reset` ends the connection by RST on both sides, `close` by FIN, `blackhole` lets that direction hang.
     * @default 'reset'
     */
    readonly how?: CutHow | undefined;
}
/** A TCP proxy on 127.0.0.1 that breaks connections on demand. */
interface FaultProxy extends AsyncDisposable {
    readonly host: string;
    readonly port: number;
    /** Connections that are open now. */
    readonly connections: number;
    /** Connections taken since the proxy was made. */
    readonly accepted: number;
    /** Bytes passed on to clients. */
    readonly bytesToClient: number;
    /** Bytes passed on to the target. */
    readonly bytesToTarget: number;
    /** Changes the named faults, for open connections too; the others stay as they are. */
    set(faults: Partial<Faults>): void;
    /** Ends all faults: bytes held back flow on, new connections are taken. Cut connections stay cut. */
    heal(): Promise<void>;
    /** Stops listening: new connections are refused (ECONNREFUSED), open ones go on. */
    refuse(): Promise<void>;
    /** Listens again on the same port. */
    accept(): Promise<void>;
    /** Ends all open connections by RST on both sides. Returns how many they were. */
    reset(): number;
    /** Passes exactly that many more bytes in one direction, all connections together, then cuts the connection. */
    cutAfter(bytes: number, options?: CutOptions): void;
    /** Where new connections go from now on. */
    retarget(target: ProxyTarget): void;
}
/**
 * Puts a TCP proxy in front of a server, to be told what to do to its connections.
 *
 * Bytes that a fault holds back are neither lost nor reordered: they flow on when it ends, as they would on a real network.
 *
 * @example
 * await using proxy = await faultProxy({ target: { host: server.host, port: server.port } });
 * proxy.set({ blackhole: 'both' });
 * await proxy.heal();
 */
declare function faultProxy(options: FaultProxyOptions): Promise<FaultProxy>;

/** How `openReader` reads. */
interface ReaderOptions {
    /** Where to go on. @default the source's own beginning */
    readonly after?: Checkpoint | null | undefined;
    /** Pulls no batch behind the first with changes until `resume()`. @default false */
    readonly paused?: boolean | undefined;
    /** Pauses behind so many batches. @default never */
    readonly pauseAfter?: number | undefined;
    /** Where to put what the source reports, to be looked at before it is open. @default a list of its own */
    readonly sourceEvents?: SourceEvent[] | undefined;
    readonly signal?: AbortSignal | undefined;
}
/** Opens a source and reads it in the background. */
declare function openReader<Stream extends ChangeStream>(source: {
    open(options: OpenOptions): Promise<Stream>;
}, options?: ReaderOptions): Promise<StreamReader<Stream>>;
/** Reads a stream in the background and keeps what it gives. */
declare class StreamReader<Stream extends ChangeStream = ChangeStream> implements AsyncDisposable {
    #private;
    readonly stream: Stream;
    readonly batches: ChangeBatch[];
    readonly events: ChangeEvent[];
    readonly sourceEvents: readonly SourceEvent[];
    /** What the iteration ended with; null while it runs or after an orderly end. */
    failure: unknown;
    /** The newest end that was given. */
    end: Position | null;
    constructor(stream: Stream, options: ReaderOptions & {
        readonly sourceEvents: readonly SourceEvent[];
        readonly signal: AbortSignal;
    });
    /**
     * No further batch is pulled behind one with changes until `resume`. Ends without changes pass: such a one comes when
     * others have written enough to the server's log.
     */
    pause(): void;
    resume(): void;
    /** Resolves when everything committed before has been given; rejects with what the stream failed with. */
    caughtUp(): Promise<this>;
    /** The first end that covers at least so many events; it may come after the last of them. */
    endAfter(events: number): Promise<{
        readonly end: Position;
        readonly events: number;
    }>;
    /** The newest end as it would be saved. */
    checkpoint(): Checkpoint;
    /** Acknowledges the newest end and gives its checkpoint, as a store would have it. */
    acknowledge(): Promise<Checkpoint>;
    /** Waits until the iteration has ended; gives what it failed with, null after an orderly end. */
    ended(): Promise<unknown>;
    get rows(): RowChange[];
    /** One short text per event: `insert t {"id":1,…}`. */
    get told(): string[];
    [Symbol.asyncDispose](): Promise<void>;
}

/** An event in one line: `insert t {"id":1,…}`. */
declare function tell(event: ChangeEvent): string;

export { type AnchoringStatus, type CertificateOptions, type CertyoApiKey, type CertyoEffect, type CertyoEmulator, type CertyoEmulatorOptions, type CertyoEnvironment, type CertyoFault, type CertyoFaults, type ChainBlock, type CollectionComparison, type Comparison, type CutHow, type CutOptions, type EffectFilter, type EmulatorClock, type EmulatorCounters, type EmulatorPhase, type EmulatorPhaseInfo, type EmulatorRateLimit, type FaultHandle, type FaultProxy, type FaultProxyOptions, type FaultTarget, type Faults, type FinalStateComparison, type FinalStateOptions, type HistoryTable, type KeyPair, type KeyRing, type ManualTime, type MemoryChange, type MemoryCheckpointStore, type MemoryCheckpointStoreOptions, type MemoryDeadLetterStore, type MemoryFault, type MemoryItem, type MemoryReceiptStore, type MemoryRequest, type MemorySink, type MemorySinkOptions, type MemorySource, type MemorySourceOptions, type MerkleStep, type OpenPostgresOptions, type OracleQuery, type PipeDirection, type PostgresAccess, PostgresAddress, type PostgresOptions, type PostgresServer, type PostgresStorage, type ProxyTarget, type ReaderOptions, type RecordDigest, type RequestLogEntry, type Retention, type SettingValue, type StopMode, StreamReader, type TestCertificates, TestDatabase, checkJsonForm, compareEffects, compareFinalStates, countHistory, createCertificates, faultProxy, installHistory, manualTime, memoryCheckpointStore, memoryDeadLetterStore, memoryItem, memoryReceiptStore, memorySink, memorySource, openPostgres, openReader, startCertyoEmulator, startPostgres, tell, verifyMerkleProof };

// test-database.d.ts

import { QueryResultRow, ClientConfig, Client } from 'pg';

/** Where a server is and how to get in as superuser. */
interface PostgresAddress {
    readonly major: number;
    readonly host: string;
    readonly port: number;
    readonly user: string;
    /** Null where none is asked for. */
    readonly password: string | null;
}

/** A database of one's own on a shared server. Slots and the database itself go when it is disposed of. */
interface TestDatabase extends PostgresAddress, AsyncDisposable {
    readonly database: string;
    /** URL with user, password and database. */
    readonly url: string;
    /** Runs one statement on a connection kept for this purpose. */
    query<Row extends QueryResultRow = QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
    /** A new connection to this database; it is ended when the database is disposed of. */
    client(config?: ClientConfig): Promise<Client>;
}

export type { PostgresAddress as P, TestDatabase as T };

// vitest-setup.d.ts

import { TestProject } from 'vitest/node';

/**
 * Global setup for vitest: opens the server that the test files of a project share, by openPostgres().
 *
 * vitest calls it only for projects whose tests are going to run. The major comes from
 * `provide: { postgresMajor: 17 }` in the project's configuration; 18 without.
 */
declare function setup(project: TestProject): Promise<() => Promise<void>>;

export { setup as default };

// vitest.d.ts

import { ChangeSource, ReceiptStore, Sink } from '@certyo-cdc/core';
import { T as TestDatabase, P as PostgresAddress } from './test-database.js';
import 'pg';

/** One statement on the table of the suite, whose columns are `id` (integer, primary key) and `value` (text). */
type RowStatement = {
    readonly operation: 'insert' | 'update';
    readonly id: number;
    readonly value: string;
} | {
    readonly operation: 'delete';
    readonly id: number;
};
/** A new, empty table with everything that the source needs around it. */
interface ChangeSourceFixture extends AsyncDisposable {
    /**
     * A source over the table. Each call stands for a new process: it shares with the earlier ones only what the
     * server keeps (for example the slot). It must be set up so that it sees every commit after the fixture was made.
     */
    source(): ChangeSource;
    /** Commits the statements in one transaction. */
    commit(statements: readonly RowStatement[]): Promise<void>;
    /** Runs the statements in one transaction and rolls it back. */
    rollBack(statements: readonly RowStatement[]): Promise<void>;
}
/** What `describeChangeSource` runs against. */
interface ChangeSourceHarness {
    /**
     * What the source shows of a row: every change, in commit order; or the state in which it finds the row, so that
     * states between two looks are not seen (polling). @default 'every-change'
     */
    readonly shows?: 'every-change' | 'latest-state' | undefined;
    /** With `latest-state`: whether the source sees that a row is gone. @default true */
    readonly seesDeletes?: boolean | undefined;
    create(): Promise<ChangeSourceFixture>;
}

/**
 * The suite that every `ChangeSource` passes: order, redelivery, ends, identity, versions, acknowledging, catching up
 * and stopping. `harness.shows` says what is checked of a row: every change of it, or its last state. Call it at the top
 * level of a vitest file.
 */
declare function describeChangeSource(name: string, harness: ChangeSourceHarness): void;

/** A store of receipts that is empty at first. */
interface ReceiptStoreFixture extends AsyncDisposable {
    readonly store: ReceiptStore;
    /** How many receipts it holds. */
    count(): Promise<number>;
}
/** What `describeReceiptStore` runs against. */
interface ReceiptStoreHarness {
    create(): Promise<ReceiptStoreFixture>;
}
/**
 * The suite that every `ReceiptStore` passes: what is stored is there once, is found by record and version, and marks never
 * look younger than they are. Call it at the top level of a vitest file.
 */
declare function describeReceiptStore(name: string, harness: ReceiptStoreHarness): void;

/** A sink over a place that can be looked into and made to fail. */
interface SinkFixture<Item> extends AsyncDisposable {
    readonly sink: Sink<Item>;
    /** How many different effects the other side has. */
    effects(): Promise<number>;
    /** The next request takes effect, but its answer is lost. */
    loseNextAnswer(): Promise<void>;
    /** From now on, until the result is called, requests fail without effect. */
    goDown(): Promise<() => Promise<void>>;
}
/** What `describeSink` runs against. */
interface SinkHarness<Item> {
    create(): Promise<SinkFixture<Item>>;
}

/**
 * The suite that every `Sink` passes: pure preparation, one verdict per item, one effect per item however often it is
 * sent, failures as verdicts, abort. Call it at the top level of a vitest file.
 */
declare function describeSink<Item>(name: string, harness: SinkHarness<Item>): void;

/** Makes the table that `recordsFixture` writes to. */
declare const CREATE_RECORDS = "CREATE TABLE records (id int PRIMARY KEY, value text NOT NULL)";
/**
 * A fixture of `describeChangeSource` over the table `records` of a database of its own, which goes with it.
 *
 * @param source Makes a source over that table, which is set up.
 * @param options `stamp` names a column that every update sets to the time, where the source needs one.
 */
declare function recordsFixture(db: TestDatabase, source: () => ChangeSource, options?: {
    readonly stamp?: string | undefined;
}): Promise<ChangeSourceFixture>;

/**
 * Makes an empty database on the server that the running vitest project shares.
 *
 * Its slots are dropped with it, their walsenders ended and its prepared transactions rolled back, when it is disposed
 * of: when the running test is over at the latest.
 *
 * @example
 * await using database = await testDatabase();
 * await database.query('CREATE TABLE t (id int PRIMARY KEY)');
 */
declare function testDatabase(): Promise<TestDatabase>;

/** The server that all test files of a vitest project share. */
type SharedPostgres = PostgresAddress;
declare module 'vitest' {
    interface ProvidedContext {
        /** Set in the project's configuration: the major that its test files run on. */
        postgresMajor: number;
        /** Set by the global setup. */
        postgres: SharedPostgres;
    }
}

export { CREATE_RECORDS, type ChangeSourceFixture, type ChangeSourceHarness, type ReceiptStoreFixture, type ReceiptStoreHarness, type RowStatement, type SharedPostgres, type SinkFixture, type SinkHarness, describeChangeSource, describeReceiptStore, describeSink, recordsFixture, testDatabase };
