import type { Secret } from '@certyo-cdc/core';

/** How TLS is used, with libpq's meanings, from none to a verified chain and host name. */
export const TLS_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

/** How TLS is used, with libpq's meanings. */
export type TlsMode = (typeof TLS_MODES)[number];

/**
 * A certificate or key: PEM text (recognised by `-----BEGIN`), the path of a PEM file, or a function that gives PEM
 * text. Files and functions are read again at every connection, so that certificates can be rotated.
 */
export type TlsMaterial =
  | string
  | Uint8Array
  | (() => string | Uint8Array | Promise<string | Uint8Array>);

/** TLS to PostgreSQL. Each member overrides the `ssl*` keyword of the connection string or environment. */
export interface TlsOptions {
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
export type Password = string | Secret | (() => string | Secret | Promise<string | Secret>);

/**
 * How to reach PostgreSQL. Each member overrides the connection string, which overrides `PG_DSN` or `DATABASE_URL`,
 * which override libpq's `PG*` variables. `PG_DSN` and `DATABASE_URL` are left aside when `host` is given here.
 */
export interface ConnectionOptions {
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
export type TlsLoader = () => Promise<Buffer>;

/** TLS as settled. Holds functions instead of keys, so that nothing of it can be printed. */
export interface ResolvedTls {
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
export interface ResolvedConnection {
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
