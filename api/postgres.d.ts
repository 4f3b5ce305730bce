// index.d.ts

import pg from 'pg';
import { Checkpoint, SourceIdentity, Secret, CheckpointStore, DeadLetterStore, SourceEvent, ColumnInfo, JsonValue, TableInfo, RowOperation, TransactionInfo, EventSource, RowChange, GapCode, AcceptedGap, LogicalMessage, SchemaChange, Truncate, SourceConnectionError, JsonRow, ChangeStream } from '@certyo-cdc/core';
import { ByteWriter, ConstantBytes, OptionReader } from '@certyo-cdc/core/internal';
import { Buffer as Buffer$1 } from 'node:buffer';

/** What a parameter may be. Lists become PostgreSQL arrays; everything goes over as text, except bytes. */
type SqlParameter = string | number | bigint | boolean | null | Uint8Array | readonly (string | null)[];
/** A row by column name, every value as PostgreSQL's text. Has no prototype: any column name is safe. */
type SqlRow = Readonly<Record<string, string | null>>;
/** What a statement gave. */
interface SqlResult<Row = SqlRow> {
    readonly columns: readonly string[];
    readonly rows: readonly Row[];
    /** Rows that the command touched, or 0 where that has no meaning. */
    readonly rowCount: number;
}
/** The part of a client that a query needs. */
interface Queryable {
    query(config: pg.QueryArrayConfig): Promise<pg.QueryArrayResult | pg.QueryArrayResult[]>;
}
/**
 * Runs a statement and gives its values as text, untouched by type parsers, also by those that an application has set for
 * its own use. Without parameters the simple protocol is used, which replication connections need and which allows
 * several statements; the last one's rows are given.
 */
declare function queryText<Row = SqlRow>(client: Queryable, text: string, parameters?: readonly SqlParameter[]): Promise<SqlResult<Row>>;

/** Runs statements on one connection, with pinned settings. */
interface SqlExecutor {
    /**
     * Runs one statement; values come as PostgreSQL's text.
     *
     * Rejects with `SourceConnectionError` when the connection is lost, with `signal.reason` on abort (the statement is
     * cancelled then), else with an error that has SQLSTATE in `code` and holds no row values.
     */
    query<Row = SqlRow>(text: string, parameters: readonly SqlParameter[], options: {
        readonly signal: AbortSignal;
    }): Promise<SqlResult<Row>>;
}
/** Plain SQL over a connection of its own or over the caller's pool. */
interface SqlSession extends SqlExecutor {
    /** Runs `work` in one READ COMMITTED transaction: commits what it resolves, rolls back when it rejects. */
    transaction<T>(work: (executor: SqlExecutor) => Promise<T>, options: {
        readonly signal: AbortSignal;
    }): Promise<T>;
    /** Closes what the session opened; a caller's pool stays open. Idempotent. */
    close(): Promise<void>;
}
/** Options of `sqlSession`. */
interface SqlSessionOptions {
    readonly applicationName?: string | undefined;
    /** Time after which the server cancels a statement. @default none */
    readonly statementTimeoutMs?: number | undefined;
    /**
     * Time after which an own connection that does not answer counts as lost, milliseconds: a half-open connection would
     * otherwise hold up a statement until TCP gives up, which takes minutes. For statements that are known to be short.
     * @default none
     */
    readonly answerTimeoutMs?: number | undefined;
}

/** A table that a publication covers. */
interface PublicationTable {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
    /** The columns that it sends, or null for PostgreSQL before 15, where it is all. */
    readonly columns: readonly string[] | null;
    /** The WHERE of the table, or null. */
    readonly rowFilter: string | null;
}
/** A publication as the catalog has it now. */
interface PublicationDescription {
    readonly oid: number;
    readonly name: string;
    readonly owner: string;
    readonly coversAllTables: boolean;
    readonly insert: boolean;
    readonly update: boolean;
    readonly delete: boolean;
    readonly truncate: boolean;
    readonly viaRoot: boolean;
    /** Oids of the tables that it names itself; a partitioned one stands for its partitions. */
    readonly listed: readonly number[];
    /** The schemas that it covers; empty before PostgreSQL 15. */
    readonly schemas: readonly string[];
    /** What it covers, with the tables of its schemas. */
    readonly tables: readonly PublicationTable[];
}
/** Reads a publication, or null when there is none of this name. */
declare function readPublication(session: SqlExecutor, name: string, options: {
    readonly signal: AbortSignal;
}): Promise<PublicationDescription | null>;

/**
 * Quotes a name for SQL: `order "x"` becomes `"order ""x"""`. Refuses the empty name, NUL, and names over 63 bytes, which
 * the server would cut.
 */
declare function quoteIdentifier(name: string): string;
/** Quotes a text for SQL, whatever `standard_conforming_strings` is. Refuses NUL. */
declare function quoteLiteral(text: string): string;
/** A table as `schema` and `name`, unquoted. */
interface QualifiedName {
    readonly schema: string;
    readonly name: string;
}
/** Quotes a table's name with its schema: `"public"."orders"`. */
declare function qualifiedName(table: QualifiedName): string;

/** A table as users name it: `'orders'` (schema `public`), `'sales.orders'`, `'"Sales"."Order"'`, or an object. */
type TableName = string | {
    readonly schema?: string | undefined;
    readonly name: string;
};
/**
 * Reads a table's name as SQL does: unquoted parts are folded to lower case, quoted ones are taken as they are. An
 * object's members are taken as they are. The schema is `public` where none is given.
 */
declare function parseTableName(table: TableName, option?: string): QualifiedName;

/** What an UPDATE or DELETE puts into the log of the old row. */
type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index';
/** A column as the catalog has it now. */
interface ColumnDescription {
    /** `attnum`. */
    readonly number: number;
    readonly name: string;
    readonly typeOid: number;
    /** `atttypmod`: length or precision, -1 where there is none. */
    readonly typeModifier: number;
    /** As in `format_type()`: `numeric(10,2)`. */
    readonly typeName: string;
    readonly isNotNull: boolean;
    readonly generated: 'stored' | 'virtual' | null;
    readonly identity: 'always' | 'by-default' | null;
    /** True when a large value is stored outside the row, and an unchanged one is then missing in an update. */
    readonly mayBeToasted: boolean;
}
/** A table as the catalog has it now. */
interface TableDescription {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
    readonly owner: string;
    readonly isPartitioned: boolean;
    readonly isPartition: boolean;
    /** The partitioned table above it, or null. */
    readonly parentOid: number | null;
    readonly hasRowSecurity: boolean;
    /** Whether the session's user may read all columns. */
    readonly maySelect: boolean;
    /** In the order of the table, with generated ones. */
    readonly columns: readonly ColumnDescription[];
    /** In the order of the key; empty when there is none. */
    readonly primaryKey: readonly string[];
    readonly replicaIdentity: ReplicaIdentity;
    /** The index of REPLICA IDENTITY USING INDEX, or null. */
    readonly replicaIndex: string | null;
    /** The columns that an UPDATE or DELETE shows of the old row; empty when they are refused by the server. */
    readonly replicaIdentityColumns: readonly string[];
}

/**
 * Looks tables up by name, in the order of `names`, each once. Rejects with `SourceSetupError` naming all that are
 * missing (and the nearest name), are no tables, or write no WAL (unlogged, temporary).
 */
declare function resolveTables(session: SqlExecutor, names: readonly TableName[], options: {
    readonly signal: AbortSignal;
}): Promise<readonly TableDescription[]>;

/** What a server is and who we are on it. */
interface ServerInfo {
    /** As in `server_version_num`: 180004. */
    readonly versionNumber: number;
    /** As in `server_version`: `18.4`. */
    readonly version: string;
    readonly systemIdentifier: string;
    /** Of the newest checkpoint; a standby that was promoted a moment ago may not show its new one yet. */
    readonly timeline: number;
    readonly walLevel: string;
    readonly isInRecovery: boolean;
    readonly database: string;
    readonly databaseOid: number;
    /** Encoding of the database, for example `UTF8`. */
    readonly encoding: string;
    readonly user: string;
    readonly isReplicationRole: boolean;
    readonly isSuperuser: boolean;
}
/** Reads what the server is. Refuses servers older than PostgreSQL 10 by name. */
declare function serverInfo(session: SqlExecutor, options: {
    readonly signal: AbortSignal;
}): Promise<ServerInfo>;

/** Kinds of sources whose checkpoint another one may take over. */
declare const REPLACED_KINDS: readonly ["polling", "replication", "listen-notify", "outbox", "debezium"];
/** Kinds of sources whose checkpoint another one may take over. */
type ReplacedKind = (typeof REPLACED_KINDS)[number];
/** A stored checkpoint, and the source that is asked to go on from it. */
interface CheckpointExpectation {
    /** The stored checkpoint; null when there is none. */
    readonly checkpoint: Checkpoint | null;
    /** When it was saved, milliseconds since 1970, where that is known. */
    readonly savedAtMs?: number | undefined;
    /** The source's own kind. */
    readonly kind: string;
    /** The source's own identity. */
    readonly identity: SourceIdentity;
    /**
     * The members of the identity that have to agree, in the order in which they are judged, each with what to do when it
     * differs. Lists agree in any order. `systemIdentifier` and `database` have to be among them.
     */
    readonly members: Readonly<Record<string, string>>;
    /** Members that need not agree this time, by the caller's will. */
    readonly accepted?: readonly string[] | undefined;
    /** The kind of source that this one takes over from. */
    readonly replaces?: ReplacedKind | null | undefined;
    /** Since when the source captures changes, milliseconds since 1970; null or undefined when nobody knows. */
    readonly beganAtMs?: number | null | undefined;
}
/** How a source has to begin. */
interface AcceptedCheckpoint {
    /** Go on from here; null begins at the source's own beginning. */
    readonly resume: Checkpoint | null;
    /** Leads the versions of its events. */
    readonly epoch: number;
}
/**
 * Refuses a checkpoint of another source (I8), and takes one over where `replaces` says so.
 *
 * A checkpoint of the source's own kind has to agree in every member. One of the kind that is replaced has to come from the
 * same server and database: the source then begins at its own beginning, in the next epoch, so that whatever it repeats
 * has greater versions than all before. Until the source has saved a checkpoint of its own that stays so, life after life.
 *
 * @throws GapError GAP_CHECKPOINT_FOREIGN; GAP_SWITCH when the checkpoint to be taken over was saved before the source
 * began.
 */
declare function acceptCheckpoint(expectation: CheckpointExpectation): AcceptedCheckpoint;

/** A statement of a set-up. */
interface SetupStatement {
    readonly sql: string;
    /** True for what PostgreSQL refuses inside a transaction; it runs by itself, where it stands. @default false */
    readonly outsideTransaction?: boolean | undefined;
    /**
     * The table of the application that it locks, its name quoted. Statements that follow each other and name one table share a
     * transaction of their own: who holds the lock of one table while it waits for another may run into a deadlock with
     * writers, and it is one of them that fails then.
     */
    readonly locks?: string | undefined;
}
/** How `runSetup` runs. */
interface RunSetupOptions {
    /** True only returns the statements. @default false */
    readonly dryRun?: boolean | undefined;
    readonly signal: AbortSignal;
}
/** Two set-ups at once would collide in `CREATE … IF NOT EXISTS`, which is not safe against itself. */
declare const SETUP_LOCK = "7166352098415034";
/**
 * Runs the statements of a set-up, those that follow each other in one transaction each, and gives the SQL back, for
 * printing. With `dryRun` nothing runs.
 */
declare function runSetup(session: SqlSession, statements: readonly (string | SetupStatement)[], options: RunSetupOptions): Promise<readonly string[]>;

/** How TLS is used, with libpq's meanings, from none to a verified chain and host name. */
declare const TLS_MODES: readonly ["disable", "prefer", "require", "verify-ca", "verify-full"];
/** How TLS is used, with libpq's meanings. */
type TlsMode = (typeof TLS_MODES)[number];
/**
 * A certificate or key: PEM text (recognised by `-----BEGIN`), the path of a PEM file, or a function that gives PEM
 * text. Files and functions are read again at every connection, so that certificates can be rotated.
 */
type TlsMaterial = string | Uint8Array | (() => string | Uint8Array | Promise<string | Uint8Array>);
/** TLS to PostgreSQL. Each member overrides the `ssl*` keyword of the connection string or environment. */
interface TlsOptions {
    /**
     * `disable` none; `prefer` if the server offers it, unverified; `require` always, unverified (as libpq: verify-ca
     * when `ca` is given); `verify-ca` the chain; `verify-full` the chain and the host.
     *
     * Modes weaker than `verify-ca` are refused for hosts other than loopback, unless `allowInsecure` is true.
     *
     * @default `verify-full`; on loopback without `ca`: `prefer`; over a Unix socket: `disable`
     */
    readonly mode?: TlsMode | undefined;
    /** Certificates of the authorities to trust. @default those that Node trusts (public ones, NODE_EXTRA_CA_CERTS) */
    readonly ca?: TlsMaterial | undefined;
    /** Client certificate. */
    readonly cert?: TlsMaterial | undefined;
    /** Key of the client certificate. A file must not be readable by group or others, as with libpq. */
    readonly key?: TlsMaterial | Secret | undefined;
    /** Passphrase of `key`. */
    readonly passphrase?: string | Secret | undefined;
    /** Name to ask for (SNI) and to look for in the certificate. @default the host */
    readonly servername?: string | undefined;
    /** @default 'TLSv1.2' */
    readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
    /** Allows modes weaker than `verify-ca` beyond loopback. @default false */
    readonly allowInsecure?: boolean | undefined;
}
/** A password, or a function that is asked for one at every connection (for tokens that expire). */
type Password = string | Secret | (() => string | Secret | Promise<string | Secret>);
/**
 * How to reach PostgreSQL. Each member overrides the connection string, which overrides `PG_DSN` or `DATABASE_URL`,
 * which override libpq's `PG*` variables. `PG_DSN` and `DATABASE_URL` are left aside when `host` is given here.
 */
interface ConnectionOptions {
    /** A URL (`postgresql://user@host:5432/db?sslmode=verify-full`) or keywords (`host=… dbname=…`), read as libpq does. */
    readonly connectionString?: string | Secret | undefined;
    /** Name, IP address, or directory of a Unix socket. @default 'localhost' */
    readonly host?: string | undefined;
    /** @default 5432 */
    readonly port?: number | undefined;
    /** @default the name of the operating system's user */
    readonly user?: string | undefined;
    readonly password?: Password | undefined;
    /** @default the user's name */
    readonly database?: string | undefined;
    /** Shown in `pg_stat_activity`. @default 'certyo-cdc' */
    readonly applicationName?: string | undefined;
    /** Time for a connection to be ready: name look-up, TCP, TLS and login. @default 10000 */
    readonly connectTimeoutMs?: number | false | undefined;
    /** Silence after which TCP keep-alive probes begin. @default 30000 */
    readonly keepAliveMs?: number | false | undefined;
    readonly tls?: TlsOptions | undefined;
}
/** Gives PEM bytes; reads its file or calls its function each time. */
type TlsLoader = () => Promise<Buffer>;
/** TLS as settled. Holds functions instead of keys, so that nothing of it can be printed. */
interface ResolvedTls {
    readonly mode: TlsMode;
    readonly ca: TlsLoader | null;
    readonly cert: TlsLoader | null;
    readonly key: TlsLoader | null;
    readonly passphrase: Secret | null;
    /** The name in the certificate, where it is not the host. */
    readonly servername: string | null;
    readonly sendServername: boolean;
    readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
    readonly channelBinding: 'disable' | 'prefer' | 'require';
}
/** A connection as `resolveConnection()` settled it. Can be printed: it holds no secret. */
interface ResolvedConnection {
    /** Name, IP address, or directory of a Unix socket. */
    readonly host: string;
    /** Address to dial instead of looking `host` up, or null. */
    readonly address: string | null;
    readonly port: number;
    readonly user: string;
    readonly database: string;
    /** Asks for the password; null when none was given. */
    readonly password: () => Promise<string | null>;
    readonly applicationName: string;
    readonly connectTimeoutMs: number | false;
    readonly keepAliveMs: number | false;
    /** Server options that the user gave (`options=-c …`); the pinned settings follow them and win. */
    readonly serverOptions: string;
    readonly tls: ResolvedTls;
}

/** The part of a `pg.PoolClient` that is used. */
interface PoolClientLike extends Queryable {
    release(error?: Error | boolean): void;
    on(event: 'error', listener: (error: Error) => void): unknown;
    removeListener(event: 'error', listener: (error: Error) => void): unknown;
}
/** The part of a `pg.Pool` that is used. */
interface PoolLike {
    connect(): Promise<PoolClientLike>;
    on(event: 'error', listener: (error: Error) => void): unknown;
    removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** Where a store keeps its tables: the captured database or another one. */
interface PostgresStoreOptions {
    /** A connection of the store's own, opened when it is needed. @default what the environment names */
    readonly connection?: ConnectionOptions | ResolvedConnection | string | undefined;
    /** The application's `pg.Pool` instead. It is never closed by the store. */
    readonly pool?: PoolLike | undefined;
    /** Schema of the tables. @default 'certyo' */
    readonly schema?: string | undefined;
}
/** The schema of everything that this library keeps in a database. It is never captured. */
declare const DEFAULT_SCHEMA = "certyo";
/** Store options with defaults. */
interface NormalizedStoreOptions {
    readonly target: ResolvedConnection | PoolLike;
    readonly schema: string;
}
/** Checks the options of a store and settles its connection. */
declare function normalizePostgresStoreOptions(options?: PostgresStoreOptions): NormalizedStoreOptions;
/** The role that a remedy grants to; a pool does not say whose it is. */
declare function roleOf({ target }: NormalizedStoreOptions): string;
/** Opens the session of a store, without connecting yet. */
declare function openStoreSession(options: NormalizedStoreOptions, name: string): SqlSession;

/** A checkpoint store whose table is made and removed by explicit calls only. */
interface PostgresCheckpointStore extends CheckpointStore {
    /** Makes schema and table; gives the SQL back. Running it again changes nothing. Needs CREATE on the database. */
    setup(options: RunSetupOptions): Promise<readonly string[]>;
    /** Removes the table. Every pipeline that used it then starts at its source's beginning. */
    teardown(options: RunSetupOptions): Promise<readonly string[]>;
}
/**
 * Keeps checkpoints in a table `checkpoints` of schema `certyo`, in the captured database or any other.
 *
 * A save is one transaction that is on disk when it resolves, and replaces only the revision that it names: of two
 * processes under one name, the one that comes second gets `CheckpointFencedError`. Everything else that fails is a
 * `CheckpointError`; its `retryable` says whether waiting may help, its remedy names the SQL to run.
 *
 * The role needs USAGE on the schema and SELECT, INSERT, UPDATE on the table (`checkpointGrantSql`).
 *
 * @example
 * const checkpoints = postgresCheckpointStore({ connection: process.env.STATE_DSN });
 * await checkpoints.setup({ signal });
 */
declare function postgresCheckpointStore(options?: PostgresStoreOptions): PostgresCheckpointStore;

/** The SQL that makes the checkpoint table. Running it twice changes nothing. */
declare function checkpointSetupSql(schema?: string): readonly string[];
/** The SQL that removes the checkpoint table, and with it where every pipeline goes on. The schema stays. */
declare function checkpointTeardownSql(schema?: string): readonly string[];
/** What a role needs besides CONNECT to load and save checkpoints. */
declare function checkpointGrantSql(role: string, schema?: string): readonly string[];

/** How `connect` opens a connection. */
interface ConnectOptions {
    /** True for a connection that takes replication commands besides plain SQL (`replication=database`). @default false */
    readonly replication?: boolean | undefined;
    /** @default the connection's own */
    readonly applicationName?: string | undefined;
    /** Time after which the server cancels a statement, whatever the role's own setting. @default none */
    readonly statementTimeoutMs?: number | undefined;
    /**
     * False leaves the start-up options out, for a pooler that refuses them: values are then only safe to read within
     * `withPinnedSettings`. @default true
     */
    readonly pinSettings?: boolean | undefined;
    readonly signal: AbortSignal;
}
/**
 * Opens one connection with the settings pinned under which text output is unambiguous, and checks that they are in
 * force. Values are handed over as text. The client never throws an unhandled `error` event.
 *
 * Rejects with `SourceConnectionError` (`retryable` says whether trying again may help), with `SourceSetupError` when the
 * role or a pooler stands in the way, with `ConfigurationError`, or with `signal.reason`.
 */
declare function connect(connection: ResolvedConnection, options: ConnectOptions): Promise<pg.Client>;

/**
 * The settings under which PostgreSQL's text output means one thing only. A role's or database's own settings (ALTER ROLE
 * … SET datestyle = …) would otherwise change what a value looks like, in a replication stream too.
 */
declare const PINNED_SETTINGS: {
    readonly DateStyle: "ISO";
    readonly IntervalStyle: "iso_8601";
    readonly TimeZone: "UTC";
    readonly bytea_output: "hex";
    readonly extra_float_digits: "3";
    readonly lc_monetary: "C";
    readonly search_path: "pg_catalog";
    readonly quote_all_identifiers: "off";
    readonly standard_conforming_strings: "on";
    readonly client_encoding: "UTF8";
};

/**
 * Runs `work` in a transaction of the caller's client in which the settings are pinned by SET LOCAL, so that values read
 * there are unambiguous. For pools, and behind PgBouncer.
 */
declare function withPinnedSettings<T>(client: Queryable, work: (executor: SqlExecutor) => Promise<T>, options: {
    readonly signal: AbortSignal;
}): Promise<T>;
/** Pins the settings for the rest of a client's session by SET. Not for a transaction pooler: use `withPinnedSettings`. */
declare function pinSettings(client: Queryable, options: {
    readonly signal: AbortSignal;
}): Promise<void>;

/** Bounds of the pause between two attempts to connect. */
interface ReconnectDelays {
    readonly minDelayMs: number;
    readonly maxDelayMs: number;
}
/** Full jitter between the lower bound and a cap that doubles with every attempt. */
declare function reconnectDelayMs(delays: ReconnectDelays, attempt: number, random: number): number;

/** Environment variables by name, as in `process.env`. */
type Environment = Readonly<Record<string, string | undefined>>;
/**
 * Settles how to reach PostgreSQL: the options over their connection string over `PG_DSN` or `DATABASE_URL` over libpq's
 * `PG*` variables over defaults. A plain string or secret is a connection string. Reads no file and opens no connection.
 *
 * Throws `ConfigurationError` for anything unknown, unsupported or contradictory; the message never holds a secret.
 */
declare function resolveConnection(options?: ConnectionOptions | string | Secret, env?: Environment): ResolvedConnection;

/**
 * Plain SQL over one own connection, opened when it is first needed and again after it was lost, or over the caller's
 * `pg.Pool`. Statements of one own session run one after the other.
 */
declare function sqlSession(target: ResolvedConnection | PoolLike, options?: SqlSessionOptions): SqlSession;

/**
 * Runs `work` on a client and drops the connection when it takes longer than `deadAfterMs`: on a half-open connection an
 * answer would never come. A connection that is lost meanwhile is named as such, which node-postgres does not always do.
 */
declare function withinDeadline<T>(client: pg.Client, deadAfterMs: number | false, work: () => Promise<T>): Promise<T>;
/** Drops a connection at once, whatever it is doing. */
declare function destroyClient(client: pg.Client): void;
/** Ends a connection in order, or without ceremony when the server does not answer within a second. */
declare function endClient(client: pg.Client): Promise<void>;

/** A dead-letter store whose table is made and removed by explicit calls only. */
interface PostgresDeadLetterStore extends DeadLetterStore {
    /** Makes schema and table; gives the SQL back. Running it again changes nothing. Needs CREATE on the database. */
    setup(options: RunSetupOptions): Promise<readonly string[]>;
    /** Removes the table with everything parked in it. */
    teardown(options: RunSetupOptions): Promise<readonly string[]>;
}
/**
 * Keeps parked records in a table `dead_letters` of schema `certyo`, in the captured database or any other.
 *
 * Letters of one call are parked in one transaction, in their order, and are on disk when it resolves. What fails is a
 * `DeadLetterError`; its `retryable` says whether waiting may help, its remedy names the SQL to run.
 *
 * The role needs USAGE on the schema and SELECT, INSERT, DELETE on the table (`deadLetterGrantSql`). The table holds the
 * payloads of the records: guard it as the tables that they come from.
 */
declare function postgresDeadLetterStore(options?: PostgresStoreOptions): PostgresDeadLetterStore;

/**
 * The SQL that makes the table of parked records. Running it twice changes nothing. Lanes and event ids may be longer than
 * an index entry can be: their SHA-256 is indexed instead.
 */
declare function deadLetterSetupSql(schema?: string): readonly string[];
/** The SQL that removes the table, and every record parked in it. The schema stays. */
declare function deadLetterTeardownSql(schema?: string): readonly string[];
/** What a role needs besides CONNECT to park, list and remove records. */
declare function deadLetterGrantSql(role: string, schema?: string): readonly string[];

/** The right to be the only one, for a while. */
interface Lease {
    /** Grows with every holder of the name. */
    readonly token: bigint;
    /**
     * An SQL expression that is 'true' while the lease lasts, by the server's clock; evaluated together with a read it tells
     * whether that read was still ours to make.
     */
    readonly guardSql: string;
    /**
     * Whether the lease certainly lasts, by this process's clocks, counted from before its last renewal was sent. Ask right
     * before anything is handed over: the process may have been stopped since it read.
     */
    isHeld(): boolean;
    /** Aborts when the lease has ended without `release`: with a `SourceConnectionError` SOURCE_BUSY. It never comes back. */
    readonly lost: AbortSignal;
    /**
     * Ends the lease, so that the next one need not wait for its end. When the server does not answer it ends by itself. Idempotent.
     */
    release(options: {
        readonly signal: AbortSignal;
    }): Promise<void>;
}

/** Options of `acquireLease`. */
interface LeaseOptions {
    /** Schema of the table `leases`. @default 'certyo' */
    readonly schema?: string | undefined;
    /** What is leased. One holder at a time per name. */
    readonly name: string;
    /** Who takes it, for people to read; made unique by what is appended. @default host and process id */
    readonly holder?: string | undefined;
    /** How long a lease lasts that is not renewed, milliseconds: a holder that died is succeeded after it. @default 15000 */
    readonly ttlMs?: number | undefined;
    /** How long to wait for another holder, milliseconds; `false` for ever, as a standby instance does. @default 60000 */
    readonly waitMs?: number | false | undefined;
    readonly signal: AbortSignal;
    /** Told that it waits. Must not throw. */
    readonly onEvent?: ((event: SourceEvent) => void) | undefined;
}
/**
 * Takes a lease in the table `leases` (`leaseSetupSql`), waiting for its holder, and keeps it by renewing it at a third of
 * its time.
 *
 * Two holders never overlap by the server's clock. What a holder does late, after a pause of its process, is kept out by
 * `guardSql` in its reads and by `isHeld()` before it hands anything over.
 *
 * @param session Renewals wait for other statements of the same session: give one that has nothing long to do, and that
 * lives as long as the lease.
 * @throws SourceConnectionError SOURCE_BUSY when another holder is still there after `waitMs`.
 * @throws SourceSetupError when the table or a privilege is missing, with the SQL.
 */
declare function acquireLease(session: SqlSession, options: LeaseOptions): Promise<Lease>;

/** Whose lease a `LeaseKeeper` keeps, and how. */
interface LeaseKeeperOptions {
    readonly session: SqlSession;
    readonly schema: string;
    readonly name: string;
    readonly ttlMs: number;
    readonly waitMs: number | false;
    /** What its holder does, as in "another instance has … since". */
    readonly work: string;
    readonly onEvent: (event: SourceEvent) => void;
}
/** Keeps the right to be the only one that reads, and takes it again when it ended while nobody else had it. */
declare class LeaseKeeper {
    #private;
    private constructor();
    /** Waits for another holder as long as the options say. */
    static acquire(options: LeaseKeeperOptions, { signal }: {
        readonly signal: AbortSignal;
    }): Promise<LeaseKeeper>;
    get guardSql(): string;
    /** Of the lease that is kept now: aborts when it has ended by itself. */
    get lost(): AbortSignal;
    get isHeld(): boolean;
    /**
     * Takes a lease that ended again, for example after the server was away for longer than it lasts.
     *
     * @throws CheckpointFencedError when another instance had it meanwhile: it has read on from a newer checkpoint than ours.
     */
    regain(options: {
        readonly signal: AbortSignal;
    }): Promise<void>;
    release(): Promise<void>;
}

/** The SQL that makes the table of leases. Running it twice changes nothing. */
declare function leaseSetupSql(schema?: string): readonly string[];
/** The SQL that removes the table of leases. Whoever holds one loses it. The schema stays. */
declare function leaseTeardownSql(schema?: string): readonly string[];
/** What a role needs besides CONNECT to hold leases. */
declare function leaseGrantSql(role: string, schema?: string): readonly string[];

/** A set-up has replaced a trigger, or a function, without a moment between in which it did not capture. */
interface Replacement {
    /** Oid of the table or partition; `0` for a function. */
    readonly relation: string;
    /** Of the trigger or function. */
    readonly name: string;
    readonly before: string;
    readonly after: string;
    /** What it captures since. */
    readonly provides: readonly string[];
}
/**
 * Reads what set-ups have replaced. Empty where there is no such table.
 *
 * @throws SourceSetupError when the role may not read it.
 */
declare function readReplacements(session: SqlExecutor, table: QualifiedName, options: {
    /** Of the triggers and functions in question. */
    readonly names: readonly string[];
    readonly signal: AbortSignal;
}): Promise<readonly Replacement[]>;
/**
 * Whether a trigger or function has captured all the time from one version to another: because it is the same, or because
 * set-ups have replaced one by the next, and each captured at least what is needed.
 *
 * @param item What it is and its version now.
 * @param isFirst Tells the version, or versions, of which it is known that they captured.
 */
declare function hasCapturedSince(replacements: readonly Replacement[], item: {
    readonly relation: string;
    readonly name: string;
    readonly version: string;
    readonly needs: readonly string[];
}, isFirst: (version: string) => boolean): boolean;

/**
 * An expression over pg_trigger `t` and pg_proc `p`: names the very rows of the catalog. Whatever is altered, disabled or
 * made again, if only for a moment, is another row.
 * https://www.postgresql.org/docs/current/ddl-system-columns.html
 */
declare const TRIGGER_VERSION_SQL = "pg_catalog.concat(t.oid, '.', t.xmin, '/', p.oid, '.', p.xmin)";
/** The same of a function alone, over pg_proc `p`. */
declare const FUNCTION_VERSION_SQL = "pg_catalog.concat(p.oid, '.', p.xmin)";
/** Makes the table of replacements. Everybody may read it: it holds what everybody can read in the catalog. */
declare function replacementsSetupSql(table: QualifiedName): readonly string[];
/** What a set-up does to a trigger, or to the function of triggers, that is there and captures. */
interface ReplacementPlan {
    /** The table of replacements. */
    readonly replacements: QualifiedName;
    /** The statements, each ended by a semicolon. */
    readonly statements: readonly string[];
    /** What the triggers capture afterwards, in the words of their package. */
    readonly provides: readonly string[];
}
/** A trigger function as it has to be, as far as pg_proc tells. */
interface FunctionState {
    readonly body: string;
    readonly isDefiner: boolean;
    readonly settings: Readonly<Record<string, string>>;
}
/**
 * Replaces or alters a function, and notes that whatever used it went over to the new one without a moment between.
 *
 * Nothing is locked: a statement that runs meanwhile calls the old function or the new one. What was disabled, or changed by
 * somebody else at the same time, is not noted.
 *
 * @param signature With types of arguments, as in `certyo.f(oid)`. `plan.statements` have to write its row in pg_proc.
 */
declare function replaceFunctionSql(signature: string, plan: ReplacementPlan): string;
/**
 * Drops a trigger and makes it again, and notes that it, and its copies on partitions, went over to the new one without a
 * moment between. The table is locked, which keeps writers out until the end of the transaction.
 *
 * @param trigger Its name; `plan.statements` have to drop it and make it again, `ENABLE ALWAYS`.
 * @param made The function that it calls then.
 */
declare function replaceTriggerSql(table: QualifiedName, trigger: string, made: FunctionState, plan: ReplacementPlan): string;

/** A column as it was when a change was made. */
interface KnownColumn extends ColumnInfo {
    readonly typeModifier: number;
    readonly isGenerated: boolean;
}
/** A table as a source last saw it described. Kept with the checkpoint, so that a change of columns is noticed. */
interface KnownRelation {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
    readonly columns: readonly KnownColumn[];
    /** The record key in its order, as it was then: a dropped table's catalog no longer tells it. */
    readonly key: readonly string[];
}
/** What makes a column another one. */
type ColumnShape = Pick<KnownColumn, 'name' | 'typeOid' | 'typeModifier'>;
/** True when name, type and type modifier are the same. */
declare function isSameColumn(column: ColumnShape, other: ColumnShape | undefined): boolean;
/** What events show of columns. */
declare function columnInfos(columns: readonly KnownColumn[]): readonly ColumnInfo[];
/** The relations by oid, for a checkpoint. Of the same map, which is never changed in place, the same is given each time. */
declare function knownRelationsToJson(relations: ReadonlyMap<number, KnownRelation>): JsonValue;
/**
 * Reads what `knownRelationsToJson` wrote; null when it is something else.
 *
 * @param isOwn Whether what the source adds to a relation is there.
 */
declare function knownRelationsFromJson<Relation extends KnownRelation = KnownRelation>(value: JsonValue | undefined, isOwn?: (relation: Partial<Relation>) => boolean): ReadonlyMap<number, Relation> | null;

/** The columns that write-back sets; changing them is not a change (I10). */
declare const STATUS_COLUMNS: ReadonlySet<string>;
/** The xid8 column that polling's setup adds to a table. */
declare const XID_COLUMN = "certyo_xid";
/**
 * Columns that belong to this library and not to the row: no source puts them into a row or payload, so that a row has
 * one payload whichever source read it (I6).
 */
declare const OWN_COLUMNS: ReadonlySet<string>;

/** What a type is, as far as decoding needs to know. */
declare const TYPE_KINDS: readonly ["base", "array", "domain", "enum", "composite", "range", "multirange", "pseudo"];
/** What a type is, as far as decoding needs to know. */
type TypeKind = (typeof TYPE_KINDS)[number];
/**
 * A type that is not built in, as the catalog described it when it was read. Plain data: it is kept with the
 * checkpoint, because the type may be gone when its last values are read.
 */
interface TypeDescriptor {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
    /** As `format_type` prints it. */
    readonly formatted: string;
    readonly kind: TypeKind;
    /** The element type of an array, else null. */
    readonly elementOid: number | null;
    /** What separates the elements of an array of this type (for an array: its own elements), usually `,`. */
    readonly delimiter: string;
    /** The type that a domain is made from (it may be a domain too), else null. */
    readonly baseOid: number | null;
    /** The extension that the type belongs to (for an array: its element type), or null. */
    readonly extension: string | null;
}
/** Runs one SQL statement without parameters, so that it also works on a replication connection; answers its rows. */
type TypeQuery = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;
/**
 * Reads the descriptors of types, and of the element and base types that they need, in one statement.
 *
 * Types that do not exist are missing from the answer; oids that are asked for twice are answered once. Works on
 * PostgreSQL 10 to 18.
 *
 * @param query Runs the statement under any settings: names come from the catalog, values are cast to text.
 * @throws RangeError for an oid that is not an unsigned 32-bit integer.
 */
declare function readTypeDescriptors(query: TypeQuery, oids: readonly number[]): Promise<TypeDescriptor[]>;

/**
 * Turns the text that PostgreSQL prints for one type into JSON.
 *
 * A codec checks the shape of what it reads: text of another shape means that the session's settings are not the pinned
 * ones, and is refused with a `ValueError` (without a column name: whoever knows the column adds it).
 */
interface ValueCodec {
    /**
     * Writes canonical JSON, from the bytes in which the text came to the bytes that are sent: no value passes through a
     * JavaScript number, and most of them not through a string.
     */
    writeJson(bytes: Buffer$1, start: number, end: number, out: ByteWriter): void;
    /** The same JSON value for mappers. Numbers that JavaScript cannot hold exactly are strings or `JsonNumber`. */
    toValue(text: string): JsonValue;
}

/** Which column a codec is wanted for: it is named when the type is not known. */
interface TypeUse {
    readonly schema: string;
    readonly table: string;
    readonly column: string;
}
/**
 * The types that a source can decode: the built-in ones, and those whose descriptors it was given.
 */
interface TypeRegistry {
    /** The oids among these whose descriptors (or what they lead to) are still to be read from the catalog, once each. */
    missing(oids: Iterable<number>): number[];
    /** Takes descriptors in; a newer one of the same oid replaces the older. */
    add(descriptors: Iterable<TypeDescriptor>): void;
    /** The descriptor of a type that is not built in, or null. */
    descriptor(oid: number): TypeDescriptor | null;
    /**
     * The codec of a type.
     *
     * @throws GapError `GAP_TYPE_UNKNOWN` when the type, or one that it is made from, is not known.
     */
    codec(oid: number, use?: TypeUse): ValueCodec;
    /** The descriptors, to be kept with the checkpoint. */
    toJSON(): JsonValue;
}
/** Makes a registry of the built-in types and the given ones. */
declare function createTypeRegistry(descriptors?: Iterable<TypeDescriptor>): TypeRegistry;
/**
 * Makes a registry from what `toJSON` gave, also after a trip through JSON text.
 *
 * @throws ConfigurationError for anything else.
 */
declare function restoreTypeRegistry(json: JsonValue): TypeRegistry;

/** How a row descriptor is made. */
interface RowDescriptorOptions {
    /** The table with its columns in the order in which tuples hold them. */
    readonly table: TableInfo;
    readonly registry: TypeRegistry;
    /** Columns that are never part of a row or payload: generated ones, and those that setup added. */
    readonly omit?: readonly string[] | undefined;
    /** The columns of the record key, in its order. @default the columns marked `isKey` */
    readonly keyColumns?: readonly string[] | undefined;
    /** Values longer than this are refused. @default 67108864 (64 MiB) */
    readonly maxValueBytes?: number | undefined;
}
/** One column as rows are decoded. */
interface RowColumn {
    readonly name: string;
    /** Its place in a tuple. */
    readonly index: number;
    /** The name as a JSON key, between comma and colon. */
    readonly jsonKey: ConstantBytes;
    readonly codec: ValueCodec;
}
/** What decoding needs to know about the rows of one version of one table; made once per version. */
interface RowDescriptor {
    readonly table: TableInfo;
    readonly columnCount: number;
    /** The columns of a row without the omitted ones, in the order of the table. */
    readonly columns: readonly RowColumn[];
    /** The same, sorted by the UTF-8 bytes of their names: the order of a payload. */
    readonly sorted: readonly RowColumn[];
    /** How many of `sorted` come before `_unavailable`. */
    readonly unavailableAt: number;
    /** The columns of the record key, in its order. */
    readonly key: readonly RowColumn[];
    readonly maxValueBytes: number;
}
/**
 * Prepares the decoding of a table's rows.
 *
 * @throws GapError `GAP_TYPE_UNKNOWN` for a column whose type the registry does not know.
 * @throws ConfigurationError for key columns that the table does not have, or that are omitted.
 */
declare function createRowDescriptor(options: RowDescriptorOptions): RowDescriptor;

/** In place of a length: the value is NULL. */
declare const SPAN_NULL = -1;
/** In place of a length: the value exists but was not sent (unchanged TOAST). */
declare const SPAN_UNAVAILABLE = -2;
/** In place of a length: the column was not sent at all (an old tuple that holds only the key). */
declare const SPAN_NOT_SENT = -3;
/** A value that exists but that the source could not see. */
declare const UNAVAILABLE: unique symbol;
/** A column that was not sent at all. */
declare const NOT_SENT: unique symbol;
/** What `tupleFromTexts` takes for one column. */
type TupleText = string | null | typeof UNAVAILABLE | typeof NOT_SENT;
/**
 * The texts of one row's columns, as they came over the wire: nothing is decoded or copied. The bytes must not change
 * for as long as an event holds them.
 */
interface Tuple {
    /** Holds the values, in any order and with anything in between (for example a whole socket chunk). */
    readonly bytes: Buffer$1;
    /**
     * Two numbers per column, in the order of the table's columns: where the value begins in `bytes`, and its length in
     * bytes or one of `SPAN_NULL`, `SPAN_UNAVAILABLE`, `SPAN_NOT_SENT`. Rows that came together may share it.
     */
    readonly spans: Int32Array;
    /** Index of the row's first number in `spans`. */
    readonly first: number;
    readonly columns: number;
}
/** The texts of rows that came together. */
interface RowBlock {
    readonly bytes: Buffer$1;
    /** As of a tuple, row after row. */
    readonly spans: Int32Array;
    readonly columns: number;
    readonly rows: number;
}
/** One row of a block. */
declare function tupleAt({ bytes, columns, spans }: RowBlock, row: number): Tuple;
/** A row whose spans are its own. */
declare function tupleOf(bytes: Buffer$1, spans: Int32Array): Tuple;
/** Makes a tuple from texts, for sources that get their rows as texts. */
declare function tupleFromTexts(texts: readonly TupleText[]): Tuple;
/** The length of a column's value in bytes, or one of the negative marks. */
declare function spanLength(tuple: Tuple, index: number): number;
/** Where a column's value begins in the tuple's bytes. */
declare function spanStart(tuple: Tuple, index: number): number;

/** How a row change is made. */
interface RowChangeOptions {
    readonly descriptor: RowDescriptor;
    readonly operation: RowOperation;
    readonly id: string;
    readonly version: string;
    /** Where in the bytes of the new tuple (of a delete: the old one) the change's log position stands, 8 bytes. */
    readonly lsnAt?: number | undefined;
    readonly transaction: TransactionInfo | null;
    readonly source: EventSource;
    /** The old row as far as it was sent; columns beyond the key are marked as not sent where only the key was. */
    readonly before: Tuple | null;
    /** The new row; null for a delete. */
    readonly after: Tuple | null;
}
/**
 * Makes the event of one change of one row. Nothing is decoded until it is read, and then once; the tuples' bytes are
 * held for as long as the event is.
 *
 * It cannot be changed, and not be copied by a spread: all that can be read of it are getters.
 *
 * @throws SourceProtocolError when a tuple has another number of columns than the table, or the wrong one is missing.
 */
declare function createRowChange(options: RowChangeOptions): RowChange;
/**
 * Makes the events of copied rows, each like `createRowChange` with `id` and the row's number as its id.
 *
 * @throws SourceProtocolError when the rows have another number of columns than the table.
 */
declare function createSnapshots(options: Omit<RowChangeOptions, 'operation' | 'before' | 'after' | 'lsnAt'>, block: RowBlock, firstNumber: number): RowChange[];

/** What every event that is not about one row is made with. */
interface TableEventOptions {
    readonly id: string;
    readonly version: string;
    /** Where it was written in the server's log (`16/B374D848`). */
    readonly lsn?: string | undefined;
    readonly transaction: TransactionInfo | null;
    readonly source: EventSource;
}
/** How a truncate is made. */
interface TruncateOptions extends TableEventOptions {
    readonly table: TableInfo;
    readonly cascade: boolean | null;
    readonly restartIdentity: boolean | null;
}
/** How a schema change is made. */
interface SchemaChangeOptions extends TableEventOptions {
    readonly table: TableInfo;
    /** The columns as they were before, or null when the table is seen for the first time. */
    readonly previousColumns: readonly ColumnInfo[] | null;
    /** The text of the statements that changed it, where it is known. */
    readonly statement?: string | undefined;
}
/** How a logical message is made. */
interface LogicalMessageOptions extends TableEventOptions {
    readonly prefix: string;
    readonly content: Uint8Array;
    readonly transactional: boolean;
}
/** How the event of an accepted gap is made. */
interface AcceptedGapOptions extends TableEventOptions {
    readonly database: string;
    readonly code: GapCode;
    readonly from: string;
    readonly to: string;
    readonly resolvedBy: 'accept' | 'copy';
    readonly tables: readonly string[];
}
/** Makes the event of a gap that somebody has accepted. It is frozen. */
declare function createAcceptedGap(options: AcceptedGapOptions): AcceptedGap;
/** Makes the event of one table that was emptied by TRUNCATE. It is frozen. */
declare function createTruncate(options: TruncateOptions): Truncate;
/** Makes the event of a table whose columns changed. It is frozen. */
declare function createSchemaChange(options: SchemaChangeOptions): SchemaChange;
/** Makes the event of a message written with `pg_logical_emit_message`. It is frozen; `toJSON` gives the content as `\x` and hex. */
declare function createLogicalMessage(options: LogicalMessageOptions): LogicalMessage;

/**
 * An SQL expression: the place, as a whole number in text, up to which the log was written when it is evaluated; null on
 * a standby. Read it in the same statement as rows, and hand these over after `waitForFlush` (P-17).
 */
declare const WRITTEN_LSN_SQL: string;
/** An SQL expression like `WRITTEN_LSN_SQL`: the place up to which the log is on disk. */
declare const FLUSHED_LSN_SQL: string;
/**
 * An SQL expression that tells lives of a server apart: after a crash the log goes on at an earlier place, and what was
 * read before says nothing any more. Give it to `waitForFlush` as it was read together with the rows.
 */
declare const SERVER_LIFE_SQL: string;
/**
 * A connection does not outlive a crash, and after a crash there is another checkpoint: where one of both is the same, it
 * is the same life. A process id comes again, so the connection is known by its start as well.
 */
declare function isSameLife(left: string, right: string): boolean;
/**
 * Resolves when the server's log is on disk up to `written`, which `WRITTEN_LSN_SQL` gave together with rows.
 *
 * Rows of a transaction with `synchronous_commit = off` are visible before they are on disk. After a crash they are gone,
 * and their numbers and transaction ids are given to others: to hand them over earlier would put two changes under one
 * identity (P-17). Where others commit it takes a moment; else the server's log writer is woken, which needs up to
 * `wal_writer_delay` (200 ms).
 *
 * @returns How far the log is on disk.
 * @throws SourceConnectionError SOURCE_UNREACHABLE when the server may have been restarted since `options.life`: then read
 * again.
 */
declare function waitForFlush(session: SqlExecutor, written: bigint, options: {
    readonly signal: AbortSignal;
    readonly life?: string | null | undefined;
}): Promise<bigint>;

/** A transaction that holds the lock under which numbers are drawn. */
interface LockHolder {
    /** Its virtual transaction id. */
    readonly id: string;
    /** Its process; null for a prepared transaction. */
    readonly pid: number | null;
    /** Transaction ids that it is known to have; empty while it has none. */
    readonly xids: readonly string[];
}

/** Options of `openSequenceLog`. */
interface SequenceLogOptions<Column extends string = string, Guard extends string = string> {
    /** Its statements must each have a snapshot of their own, as those of `sqlSession` have. */
    readonly session: SqlSession;
    /** The table. It is written by INSERTs into this very table (not into a partition of it) that draw the number themselves. */
    readonly table: QualifiedName;
    /** The sequence that numbers its rows, with `CACHE 1`. @default `<table>_sequence` in the table's schema */
    readonly sequence?: QualifiedName | undefined;
    /** The column that holds the number; an index begins with it. @default 'sequence' */
    readonly sequenceColumn?: string | undefined;
    /**
     * The column that holds the top-level transaction id with its epoch (`txid_current()`); null where there is none: then
     * every row counts as a transaction of its own. @default 'xid'
     */
    readonly xidColumn?: string | null | undefined;
    /** What to read of a row: SQL expressions over the table's columns (`log` is its alias), by name. Given as text. */
    readonly select: Readonly<Record<Column, string>>;
    /** SQL expressions that are read in the same snapshot as the rows, by name. Given as text. */
    readonly guards?: Readonly<Record<Guard, string>> | undefined;
    /** Rows up to this number have been handed over before. */
    readonly after: bigint;
    /** Most rows in one page. @default 1000 */
    readonly maxRows?: number | undefined;
    /** Bytes of text after which a page ends; its last row may exceed it. @default 4 MiB */
    readonly maxBytes?: number | undefined;
    /** Hands over only what is on disk (P-17). Aurora does not tell: there it has to be false. @default true */
    readonly waitForFlush?: boolean | undefined;
}
/** A row of the log. */
interface SequenceLogRow<Column extends string = string> {
    readonly sequence: bigint;
    readonly xid: bigint | null;
    readonly values: Readonly<Record<Column, string | null>>;
}
/** What one read gave. */
interface SequenceLogPage<Column extends string = string, Guard extends string = string> {
    /** In the order of their numbers, none left out. */
    readonly rows: readonly SequenceLogRow<Column>[];
    /** Every row up to this number has been handed over, by this page or earlier ones. */
    readonly through: bigint;
    /**
     * The newest number up to `through` at which a transaction ended and, as far as is known, none straddles; null when
     * there is none since the last one. It may lie before the last row of the page. Where transactions interleave without
     * end, one is cut.
     */
    readonly endsAt: bigint | null;
    /** The next read gives more at once. */
    readonly hasMore: boolean;
    /** Numbers are drawn that are not handed over: by transactions that are not over, or that are still being read. */
    readonly pending: boolean;
    /** Who may hold the next number; empty when nothing is known to be waited for. A prepared transaction has no `pid`. */
    readonly waitingFor: readonly LockHolder[];
    readonly guards: Readonly<Record<Guard, string | null>>;
}
/** A table read in the order of its sequence. */
interface SequenceLog<Column extends string = string, Guard extends string = string> {
    /**
     * Reads the next page. Never waits for a transaction: call it again after a while when it is `pending`. After an error
     * it goes on behind the last page that it gave. One call at a time.
     */
    read(options: {
        readonly signal: AbortSignal;
    }): Promise<SequenceLogPage<Column, Guard>>;
    /** The greatest number that is visible now, or 0: what is committed is handed over when `through` has reached it. */
    committedTo(options: {
        readonly signal: AbortSignal;
    }): Promise<bigint>;
}
/**
 * Reads a table that is only inserted into, in the order of its sequence, without losing rows whose transactions commit
 * later than those of greater numbers (O-01), and without reordering the changes of a record, as an order by transaction id
 * would (O-02): where a record's row lock is taken before its number is drawn, order of numbers is order of commits.
 *
 * Rows are handed over up to the first number that is missing; it is passed when no transaction that may hold it is left
 * (see `GapFence`), and it is still missing in a later snapshot.
 *
 * Errors of `read`: `GapError` GAP_LOG when the sequence has gone back behind what was handed over; `SourceSetupError` for
 * a sequence with CACHE; `SourceConnectionError` on a standby, whose locks do not tell of the primary's transactions; what
 * `SqlExecutor.query` rejects with.
 */
declare function openSequenceLog<Column extends string, Guard extends string = never>(options: SequenceLogOptions<Column, Guard>): SequenceLog<Column, Guard>;

/** An event trigger that tells of commands that change tables. */
interface EventTrigger {
    /** An event trigger has no schema. */
    readonly name: string;
    /** The function that it calls. */
    readonly calls: QualifiedName;
    /** The commands that it fires for, for example `ALTER TABLE`. */
    readonly tags: readonly string[];
}
/** An event trigger as the catalog has it. */
interface FoundEventTrigger {
    readonly name: string;
    /** `A` for ENABLE ALWAYS. */
    readonly enabled: string;
}
/**
 * The SQL that makes an event trigger, which takes a superuser. ENABLE ALWAYS: it fires under
 * `session_replication_role = replica` too. https://www.postgresql.org/docs/current/sql-createeventtrigger.html
 */
declare function eventTriggerSql({ calls, name, tags }: EventTrigger): readonly string[];
/** The SQL that removes an event trigger. */
declare function dropEventTriggerSql(name: string): string;
/** The event triggers that call a function, whatever their names. */
declare function readEventTriggers(session: SqlExecutor, calls: QualifiedName, options: {
    readonly signal: AbortSignal;
}): Promise<readonly FoundEventTrigger[]>;

/**
 * Begins a transaction that writes state. It must come first in it.
 *
 * A COMMIT must be on disk when it is answered, also for a role or database with `synchronous_commit = off`: a source is
 * acknowledged after it. Stronger settings stay. And it must be able to write, whatever `default_transaction_read_only` is.
 *
 * A process that stands still in the middle keeps its locks on rows of state: the server ends its session, or the instance that
 * takes over could never save.
 */
declare function prepareToWrite(executor: SqlExecutor, signal: AbortSignal): Promise<void>;

/** How `setup` and `teardown` go about it. */
interface SetupOptions {
    /** Only gives the SQL, for a DBA to run. @default false */
    readonly dryRun?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
}
/** How `teardown` goes about it. */
interface TeardownOptions extends SetupOptions {
    /** Also removes the tables that hold the state of all pipelines. @default false */
    readonly state?: boolean | undefined;
}
/** Reads the options of `setup` strictly. */
declare function readSetupOptions(options: SetupOptions, known?: readonly string[]): Required<RunSetupOptions>;
/** Reads the options of `teardown` strictly. */
declare function readTeardownOptions(options: TeardownOptions, known?: readonly string[]): Required<RunSetupOptions> & {
    readonly state: boolean;
};

/** The databases that a set-up works on; one object where both are the same. */
interface SetupDatabases {
    readonly connection: ResolvedConnection;
    readonly stateConnection: ResolvedConnection;
}
/** How a set-up is kept from running twice at once. */
interface SetupSessionsOptions {
    /** Number of the advisory lock. @default one for all sources */
    readonly lock?: string | undefined;
    readonly signal: AbortSignal;
}
/**
 * Runs the work of a set-up or teardown with sessions to the captured database and to the one that holds state, one at a time:
 * instances that start together would all find the same things missing, and all but one fail to make them.
 */
declare function withSetupSessions<T>(databases: SetupDatabases, { lock, signal }: SetupSessionsOptions, work: (captured: SqlSession, state: SqlSession) => Promise<T>): Promise<T>;

/** Where a source keeps its state. */
interface StatePlace {
    readonly stateConnection: ResolvedConnection;
    readonly stateSchema: string;
}
/** Where the checkpoint and parked records of a source are kept. */
interface StateStores {
    readonly checkpoints: CheckpointStore;
    readonly deadLetters: DeadLetterStore;
}
/**
 * The stores that come with a source: those that were given, else tables in PostgreSQL. A table's store is made when it is first
 * used, and again after it was closed, so that one source can serve one pipeline after another.
 */
declare function stateStores({ stateConnection: connection, stateSchema: schema }: StatePlace, given: {
    readonly [Store in keyof StateStores]?: StateStores[Store] | undefined;
}): StateStores;

/** A table that holds the state of pipelines. */
type StateTable = 'checkpoints' | 'dead_letters' | 'leases';
/** Which of the tables to look at. */
interface StateTableOptions {
    /** @default those that every pipeline needs: checkpoints and dead_letters */
    readonly tables?: readonly StateTable[] | undefined;
    readonly signal: AbortSignal;
}
/** The SQL that makes what is missing of the tables that hold state. Empty when all are there. */
declare function stateSetupSql(session: SqlExecutor, schema: string, options: StateTableOptions): Promise<readonly string[]>;
/** The SQL that removes those that are there, for all pipelines. The schema stays: it may hold other things. */
declare function stateTeardownSql(session: SqlExecutor, schema: string, options: StateTableOptions): Promise<readonly string[]>;

/** What to say of a store's failed statement. */
interface StoreFailure {
    readonly said: string;
    readonly retryable: boolean;
    readonly remedy: string | undefined;
}
/** The SQL that would mend a failure. */
interface StoreRemedies {
    readonly setup: readonly string[];
    readonly grants: readonly string[];
}
/** Judges a failed statement of a store by SQLSTATE. */
declare function judgeStoreFailure(error: unknown, remedies: StoreRemedies): StoreFailure;

/** Reads an option that becomes part of the names of what `setup()` makes: suffixes have to find room in 63 bytes. */
declare function readObjectName(reader: OptionReader, option: string, fallback: string): string;

/** Pauses between attempts to connect, milliseconds. */
interface ReconnectOptions {
    /** @default 100 */
    readonly minDelayMs?: number | undefined;
    /** @default 10000 */
    readonly maxDelayMs?: number | undefined;
}
/** Reads the option `reconnect`. */
declare function readReconnect(reader: OptionReader): ReconnectDelays;

/** Record keys that are not the primary key, by table label. */
type RecordKeys = Readonly<Record<string, readonly string[]>>;
/**
 * Reads the option `keys`: lists of columns by table.
 *
 * @param schemas Those whose tables are captured without being listed.
 */
declare function readRecordKeys(value: unknown, listed: readonly QualifiedName[], schemas?: readonly string[]): RecordKeys;

/** Options that every source over PostgreSQL has. */
interface SourceOptions {
    /** How to reach the captured database. @default PG_DSN, DATABASE_URL or libpq's PG* variables */
    readonly connection?: ConnectionOptions | string | undefined;
    /** Goes on with a checkpoint that was saved for another list of tables. @default false */
    readonly acceptTables?: boolean | undefined;
    /** Goes on with the checkpoint of a source of this kind over the same database. @default none */
    readonly replaces?: ReplacedKind | undefined;
    /** Pauses between attempts to connect, milliseconds, growing from one to the other with jitter. @default 100 to 10000 */
    readonly reconnect?: ReconnectOptions | undefined;
    /** Schema of the tables that hold checkpoints and parked records. @default 'certyo' */
    readonly stateSchema?: string | undefined;
    /** The database that holds checkpoints and parked records, where it is not the captured one. @default `connection` */
    readonly stateConnection?: ConnectionOptions | string | undefined;
    /** Where the checkpoint is kept, instead of in PostgreSQL. */
    readonly checkpoints?: CheckpointStore | undefined;
    /** Where parked records are kept, instead of in PostgreSQL. */
    readonly deadLetters?: DeadLetterStore | undefined;
    /** Environment to read instead of `process.env`. */
    readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}
/** Those options as settled. */
interface SourceSettings {
    readonly connection: ResolvedConnection;
    /** The same object as `connection` where both are one. */
    readonly stateConnection: ResolvedConnection;
    readonly stateSchema: string;
    readonly acceptTables: boolean;
    readonly replaces: ReplacedKind | null;
    readonly reconnect: ReconnectDelays;
}
/**
 * Reads them strictly. Throws `ConfigurationError`; touches neither network nor files.
 *
 * @param replaceable The kinds of sources whose checkpoint this kind takes over.
 */
declare function normalizeSourceOptions(reader: OptionReader, options: SourceOptions, replaceable: readonly ReplacedKind[]): SourceSettings;

/** Reads the option `stateSchema`. */
declare function readStateSchema(reader: OptionReader): string;
/** True for the schemas in which this library keeps its state: tables of them are never captured. */
declare function isStateSchema(schema: string, stateSchema: string): boolean;

/** Checks that the option `tables` is a list, and not empty; its entries are not looked at. */
declare function readTableList(value: unknown): readonly unknown[];
/** Reads the option `tables` of a source for which a table is only a name. */
declare function readTables(value: unknown, stateSchema: string): readonly QualifiedName[];
/** Refuses tables that stand twice in a list, and those of the schemas in which this library keeps its state. */
declare function refuseOwnAndRepeated(tables: readonly QualifiedName[], stateSchema: string): void;

/**
 * Tells by SQLSTATE or Node's error code, never by text, whether an error means that the connection was lost, refused or
 * is in use, and wraps it then. Undefined for every other error.
 */
declare function classifyPostgresError(error: unknown): SourceConnectionError | undefined;

/** Says what an error is, in words that hold no row value, no parameter and no secret. */
declare function describePostgresError(error: unknown): string;
/** The same error with everything left out that can hold row values. Fit to be a `cause`. */
declare function redactPostgresError(error: unknown): unknown;

/** What a source says of a failure that means nothing to it in particular. */
interface SourceFailureWords {
    /** As in "The server could not go on with …". */
    readonly work: string;
    /** As in "…: ERROR 22000". */
    readonly failed: string;
    /** SQLSTATEs that are worth another attempt. @default 40, 53, 55P03, 57, 58 */
    readonly passing?: RegExp | undefined;
}
/**
 * Turns what a statement of a source failed with into an error of this library, after the source has picked the states that mean
 * something to it: by SQLSTATE, never by text.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
declare function judgeSourceFailure(error: unknown, { work, failed, passing }: SourceFailureWords): Error;

/** The fields of a server's error that hold no row values. */
interface ServerErrorFields {
    /** SQLSTATE. */
    readonly code: string;
    readonly severity: string | null;
    readonly message: string;
    readonly schema: string | null;
    readonly table: string | null;
    readonly column: string | null;
    readonly dataType: string | null;
    readonly constraint: string | null;
    /** Function of the server's source that raised it. */
    readonly routine: string | null;
}
/**
 * An error of PostgreSQL without `detail`, `hint`, `where`, `query` and parameters, which quote row values (`Failing row
 * contains (…)`). It stands in for the driver's own error wherever one is kept or shown.
 */
declare class PostgresServerError extends Error {
    readonly name: "PostgresServerError";
    readonly code: string;
    readonly severity: string | null;
    readonly table: string | null;
    readonly constraint: string | null;
    readonly routine: string | null;
    constructor(message: string, fields: ServerErrorFields);
}
/** The SQLSTATE of an error of the server; null for anything else. */
declare function sqlStateOf(error: unknown): string | null;

/**
 * Splits what `record_out` prints (`(1,"a ""b""",,"")`, for example `NEW::text`) into the texts of its columns, with
 * null for NULL. `()` is one column that is null; a record without columns prints the same.
 *
 * @throws ValueError for text that is no record.
 * @see https://www.postgresql.org/docs/18/rowtypes.html#ROWTYPES-IO-SYNTAX
 */
declare function parseRecordText(text: string): (string | null)[];

/**
 * The version of a record at a position that is a number: it grows with epoch, position and n, and sorts as text.
 *
 * @param position Not negative: a sequence number, an xid8, microseconds since a fixed beginning.
 * @param n Tells changes at one position apart. @default 0
 */
declare function recordVersion(epoch: number, position: bigint, n?: number): string;
/** The same where the position is a text of a fixed width already, for example a log position in hexadecimal. */
declare function versionText(epoch: number, position: string, n: number): string;
/** What the versions of one position have in common. */
declare function versionPrefix(epoch: number, position: string): string;
/** The n-th version behind a prefix. */
declare function versionOf(prefix: string, n: number): string;

/** A row version as a trigger saw it, told ahead of the read that would find it. */
interface RowHint {
    /** Oid of the table that the row lies in (of the partition where there are some). */
    readonly relation: number;
    /** The table's columns at that moment, in the order of the table: names and type oids. */
    readonly columns: readonly {
        readonly name: string;
        readonly typeOid: number;
    }[];
    /** The columns' texts under the pinned settings, as `record_out` prints the row (`NEW::text`). */
    readonly row: string;
}
/**
 * A stream that can be told that something has changed. It alone decides what it makes of that: identity, version, order and
 * the position stay its own.
 */
interface HintedStream<Row extends object = JsonRow> extends ChangeStream<Row> {
    /** Looks now instead of at the end of its interval. */
    nudge(): void;
    /**
     * Hands a row version over at once, as the event that a read would give (same id, version and bytes), where that keeps the
     * order of the record; the read that finds it later does not repeat it.
     *
     * @returns False when it cannot be used (another table, other columns, an older version): the stream then looks by itself.
     */
    offer(row: RowHint): boolean;
}

export { type AcceptedCheckpoint, type AcceptedGapOptions, type CheckpointExpectation, type ColumnDescription, type ColumnShape, type ConnectOptions, type ConnectionOptions, DEFAULT_SCHEMA, type Environment, type EventTrigger, FLUSHED_LSN_SQL, FUNCTION_VERSION_SQL, type FoundEventTrigger, type FunctionState, type HintedStream, type KnownColumn, type KnownRelation, type Lease, LeaseKeeper, type LeaseKeeperOptions, type LeaseOptions, type LockHolder, type LogicalMessageOptions, NOT_SENT, type NormalizedStoreOptions, OWN_COLUMNS, PINNED_SETTINGS, type Password, type PoolClientLike, type PoolLike, type PostgresCheckpointStore, type PostgresDeadLetterStore, PostgresServerError, type PostgresStoreOptions, type PublicationDescription, type PublicationTable, type QualifiedName, type Queryable, REPLACED_KINDS, type ReconnectDelays, type ReconnectOptions, type RecordKeys, type ReplacedKind, type Replacement, type ReplacementPlan, type ReplicaIdentity, type ResolvedConnection, type ResolvedTls, type RowBlock, type RowChangeOptions, type RowColumn, type RowDescriptor, type RowDescriptorOptions, type RowHint, type RunSetupOptions, SERVER_LIFE_SQL, SETUP_LOCK, SPAN_NOT_SENT, SPAN_NULL, SPAN_UNAVAILABLE, STATUS_COLUMNS, type SchemaChangeOptions, type SequenceLog, type SequenceLogOptions, type SequenceLogPage, type SequenceLogRow, type ServerErrorFields, type ServerInfo, type SetupDatabases, type SetupOptions, type SetupSessionsOptions, type SetupStatement, type SourceFailureWords, type SourceOptions, type SourceSettings, type SqlExecutor, type SqlParameter, type SqlResult, type SqlRow, type SqlSession, type SqlSessionOptions, type StatePlace, type StateStores, type StateTable, type StateTableOptions, type StoreFailure, type StoreRemedies, TLS_MODES, TRIGGER_VERSION_SQL, TYPE_KINDS, type TableDescription, type TableEventOptions, type TableName, type TeardownOptions, type TlsLoader, type TlsMaterial, type TlsMode, type TlsOptions, type TruncateOptions, type Tuple, type TupleText, type TypeDescriptor, type TypeKind, type TypeQuery, type TypeRegistry, type TypeUse, UNAVAILABLE, type ValueCodec, WRITTEN_LSN_SQL, XID_COLUMN, acceptCheckpoint, acquireLease, checkpointGrantSql, checkpointSetupSql, checkpointTeardownSql, classifyPostgresError, columnInfos, connect, createAcceptedGap, createLogicalMessage, createRowChange, createRowDescriptor, createSchemaChange, createSnapshots, createTruncate, createTypeRegistry, deadLetterGrantSql, deadLetterSetupSql, deadLetterTeardownSql, describePostgresError, destroyClient, dropEventTriggerSql, endClient, eventTriggerSql, hasCapturedSince, isSameColumn, isSameLife, isStateSchema, judgeSourceFailure, judgeStoreFailure, knownRelationsFromJson, knownRelationsToJson, leaseGrantSql, leaseSetupSql, leaseTeardownSql, normalizePostgresStoreOptions, normalizeSourceOptions, openSequenceLog, openStoreSession, parseRecordText, parseTableName, pinSettings, postgresCheckpointStore, postgresDeadLetterStore, prepareToWrite, qualifiedName, queryText, quoteIdentifier, quoteLiteral, readEventTriggers, readObjectName, readPublication, readReconnect, readRecordKeys, readReplacements, readSetupOptions, readStateSchema, readTableList, readTables, readTeardownOptions, readTypeDescriptors, reconnectDelayMs, recordVersion, redactPostgresError, refuseOwnAndRepeated, replaceFunctionSql, replaceTriggerSql, replacementsSetupSql, resolveConnection, resolveTables, restoreTypeRegistry, roleOf, runSetup, serverInfo, spanLength, spanStart, sqlSession, sqlStateOf, stateSetupSql, stateStores, stateTeardownSql, tupleAt, tupleFromTexts, tupleOf, versionOf, versionPrefix, versionText, waitForFlush, withPinnedSettings, withSetupSessions, withinDeadline };
