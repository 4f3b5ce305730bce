import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { TestCertificates } from './certificates.ts';
import { renderSettings, type SettingValue } from './configuration.ts';
import { freePort } from './free-port.ts';
import { normalizeSettings } from './options.ts';
import type { PostgresServer, StopMode } from './postgres-server.ts';
import { Postmaster } from './postmaster.ts';
import { giveToServer } from './server-user.ts';
import { ServerAccess } from './server-access.ts';
import type { TestDatabase } from './test-database.ts';
import { removeSharedMemory } from './shared-memory.ts';
import { Watcher } from './watcher.ts';

/** What a cluster is made of. */
export interface ClusterParts {
  readonly major: number;
  readonly version: string;
  readonly program: string;
  /** Holds the data directory, the socket and the log. */
  readonly directory: string;
  readonly password: string | null;
  readonly certificates: TestCertificates | null;
  readonly settings: Readonly<Record<string, SettingValue>>;
}

const STOP_TIMEOUT_MS = 60_000;
const IMMEDIATE_TIMEOUT_MS = 5000;
const START_ATTEMPTS = 5;

function isPortTaken(log: string): boolean {
  return log.includes('Address already in use') || log.includes('lock file "');
}

export class Cluster extends ServerAccess implements PostgresServer {
  readonly major: number;
  readonly version: string;
  readonly host = '127.0.0.1';
  readonly user = 'postgres';
  readonly password: string | null;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly certificates: TestCertificates | null;
  readonly #directory: string;
  readonly #program: string;
  readonly #watcher: Watcher;
  #settings: Readonly<Record<string, SettingValue>>;
  #port = 0;
  #postmaster: Postmaster | null = null;
  #disposed: Promise<void> | null = null;

  constructor(parts: ClusterParts) {
    super();
    this.major = parts.major;
    this.version = parts.version;
    this.password = parts.password;
    this.certificates = parts.certificates;
    this.#directory = parts.directory;
    this.socketDirectory = parts.directory;
    this.dataDirectory = join(parts.directory, 'data');
    this.#program = parts.program;
    this.#settings = parts.settings;
    this.#watcher = new Watcher(parts.directory);
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number | null {
    return this.#postmaster?.pid ?? null;
  }

  protected override get adminHost(): string {
    return this.socketDirectory;
  }

  override async createDatabase(): Promise<TestDatabase> {
    const database = await super.createDatabase();
    const drop = async (): Promise<void> => {
      this.resume();
      // A server that a test has left dead takes its databases with it.
      if (this.pid !== null) await database[Symbol.asyncDispose]();
    };
    return { ...database, [Symbol.asyncDispose]: drop };
  }

  async start(
    settings: Readonly<Record<string, SettingValue>> = {},
    signal: AbortSignal | null = null,
  ): Promise<void> {
    if (this.#disposed !== null) throw new Error('This server has been disposed of.');
    if (this.pid !== null) return;
    this.#settings = { ...this.#settings, ...normalizeSettings(settings) };
    const isFirst = this.#port === 0;
    for (let attempt = 1; ; attempt += 1) {
      const before = this.log().length;
      if (isFirst) this.#port = await freePort();
      await this.#writeSettings();
      this.#postmaster = new Postmaster(this.#program, this.dataDirectory, this.#logFile);
      if (await this.#postmaster.ready(this.dataDirectory, signal)) return;
      const said = this.log().slice(before);
      if (attempt === START_ATTEMPTS || !isPortTaken(said)) {
        throw new Error(`PostgreSQL ${this.version} did not start:\n${said.slice(-2000)}`);
      }
      await sleep(isFirst ? 0 : 200);
    }
  }

  async stop(mode: StopMode = 'fast', timeoutMs: number = STOP_TIMEOUT_MS): Promise<void> {
    await this.#postmaster?.stop(mode, timeoutMs);
  }

  async restart(settings: Readonly<Record<string, SettingValue>> = {}): Promise<void> {
    await this.stop();
    await this.start(settings);
  }

  async crash(): Promise<void> {
    await this.#postmaster?.kill();
  }

  pause(): void {
    this.#postmaster?.signalAll('SIGSTOP');
  }

  resume(): void {
    this.#postmaster?.signalAll('SIGCONT');
  }

  async promote(): Promise<void> {
    if (this.pid === null) throw new Error('The standby does not run.');
    const [row] = await this.query<{ promoted: boolean }>(
      'SELECT pg_catalog.pg_promote() AS promoted',
    );
    if (row?.promoted !== true) throw new Error('The standby was not promoted within a minute.');
  }

  log(): string {
    try {
      return readFileSync(this.#logFile, 'utf8');
    } catch {
      return '';
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    await this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.resume();
    await this.endClients();
    // Immediate, it cleans up its shared memory, which a kill cannot.
    await this.stop('immediate', IMMEDIATE_TIMEOUT_MS).catch(() => this.crash());
    await removeSharedMemory(this.#directory);
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    this.#watcher.dismiss();
  }

  get #logFile(): string {
    return join(this.#directory, 'log');
  }

  async #writeSettings(): Promise<void> {
    const file = join(this.dataDirectory, 'testing.conf');
    const own = {
      listen_addresses: this.host,
      port: this.#port,
      unix_socket_directories: this.socketDirectory,
    };
    await writeFile(file, renderSettings({ ...this.#settings, ...own }), { mode: 0o600 });
    giveToServer(file);
  }
}
