import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Anchoring } from './anchoring.ts';
import type { ChainBlock } from './batch.ts';
import { startControlServer, type ControlServer } from './control-server.ts';
import { createEmulatorClock, type EmulatorClock } from './emulator-clock.ts';
import type { EmulatorState } from './endpoint.ts';
import { EventLog } from './event-log.ts';
import { FaultRegistry } from './fault-registry.ts';
import type { CertyoEmulator, CertyoEnvironment } from './certyo-emulator.ts';
import {
  passes,
  toEffect,
  type CertyoEffect,
  type EffectFilter,
  type EmulatorCounters,
  type RequestLogEntry,
} from './inspection.ts';
import { InMemoryKeyRing } from './key-ring.ts';
import { Ledger, type RecordDigest } from './ledger.ts';
import {
  normalizeCertyoEmulatorOptions,
  type CertyoEmulatorOptions,
  type NormalizedEmulatorOptions,
} from './options.ts';
import { RequestHandler } from './request-handler.ts';

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
export async function startCertyoEmulator(
  options?: CertyoEmulatorOptions,
): Promise<CertyoEmulator> {
  const emulator = new Emulator(normalizeCertyoEmulatorOptions(options));
  await emulator.listen();
  return emulator;
}

class Emulator implements CertyoEmulator {
  readonly clock: EmulatorClock;
  readonly keys: InMemoryKeyRing;
  readonly faults: FaultRegistry;
  readonly apiKey: string;
  readonly tenantId: string;
  port = 0;
  readonly #options: NormalizedEmulatorOptions;
  readonly #state: EmulatorState;
  readonly #handler: RequestHandler;
  readonly #closing = new AbortController();
  readonly #sockets = new Set<Socket>();
  readonly #waiters = new Set<() => void>();
  #server: Server;
  #control: ControlServer | null = null;
  #connections = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerDueMs = 0;

  constructor(options: NormalizedEmulatorOptions) {
    this.#options = options;
    this.apiKey = options.keys[0]?.key ?? '';
    this.tenantId = options.keys[0]?.tenantId ?? '';
    this.clock = createEmulatorClock(() => this.#tick());
    this.keys = new InMemoryKeyRing(options.keys);
    this.faults = new FaultRegistry({
      goDown: () => this.#goDown(),
      comeUp: () => this.#comeUp(),
    });
    this.#state = {
      options,
      ledger: new Ledger(options.retention),
      anchoring: new Anchoring({
        ...options,
        keepsRecords: options.retention === 'full',
        failsBatch: (batch) => {
          if (this.faults.isEmpty) return false;
          const base = { method: '', path: '', tenantId: batch.tenantId };
          const records = batch.records.map((record) => ({ ...base, record: record.input }));
          // Without retention a batch knows only its tenant.
          const targets = records.length > 0 ? records : [{ ...base, record: null }];
          return this.faults.strike(['anchor-failure'], targets) !== null;
        },
      }),
      faults: this.faults,
      verifications: new EventLog(10_000),
      audit: new EventLog(options.retention === 'full' ? 10_000 : 1_000),
      rejections: 0,
    };
    this.#handler = new RequestHandler({
      state: this.#state,
      keys: this.keys,
      now: () => this.clock.now(),
      signal: this.#closing.signal,
      onEffects: () => this.#schedule(),
    });
    this.#server = this.#createServer();
  }

  get url(): string {
    const host = this.#options.host.includes(':') ? `[${this.#options.host}]` : this.#options.host;
    return `http://${host}:${this.port}`;
  }

  get controlUrl(): string | null {
    return this.#control?.url ?? null;
  }

  get environment(): CertyoEnvironment {
    return {
      CERTYO_BASE_URL: this.url,
      CERTYO_API_KEY: this.apiKey,
      CERTYO_TENANT_ID: this.tenantId,
    };
  }

  get requests(): readonly RequestLogEntry[] {
    return this.#handler.log;
  }

  get chain(): readonly ChainBlock[] {
    return this.#state.anchoring.chain;
  }

  get counters(): EmulatorCounters {
    const { ledger, anchoring } = this.#state;
    return {
      requests: this.#handler.requests,
      connections: this.#connections,
      attempts: ledger.effects + ledger.replays,
      effects: ledger.effects,
      replays: ledger.replays,
      collisions: ledger.collisions,
      regressions: ledger.regressions,
      rejections: this.#state.rejections,
      pending: anchoring.pending,
      anchored: anchoring.anchored,
      failed: anchoring.failed,
    };
  }

  records(filter: EffectFilter = {}): CertyoEffect[] {
    return this.#state.ledger.records.filter((record) => passes(record, filter)).map(toEffect);
  }

  effectsAfter(sequence: number, limit: number): CertyoEffect[] {
    return this.#state.ledger.records.slice(sequence, sequence + limit).map(toEffect);
  }

  digests(): ReadonlyMap<string, RecordDigest> {
    return this.#state.ledger.digests;
  }

  closeBatches(): void {
    this.#state.anchoring.closeAll(this.clock.now());
    this.#afterTick();
  }

  waitUntilAnchored(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      if (this.#state.anchoring.pending === 0) {
        resolve();
        return;
      }
      const done = (): void => {
        signal?.removeEventListener('abort', abort);
        this.#waiters.delete(done);
        if (this.#closing.signal.aborted) reject(this.#closing.signal.reason as Error);
        else resolve();
      };
      const abort = (): void => {
        this.#waiters.delete(done);
        reject(signal?.reason as Error);
      };
      this.#waiters.add(done);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  async listen(): Promise<void> {
    await this.#listenOn(this.#options.port);
    this.port = (this.#server.address() as AddressInfo).port;
    const { controlPort, host } = this.#options;
    if (controlPort === false) return;
    try {
      this.#control = await startControlServer(this, host, controlPort);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort(new Error('The emulator was closed.'));
      if (this.#timer !== null) clearTimeout(this.#timer);
      for (const waiter of this.#waiters) waiter();
    }
    await this.faults.clear();
    await this.#control?.close();
    const server = this.#server;
    this.#cutConnections();
    if (server.listening) {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #createServer(): Server {
    const server = createServer((request, response) => {
      void this.#handler.handle(request, response);
    });
    // Idle connections are kept, as an API behind a proxy would; clients must not rely on it.
    server.keepAliveTimeout = 30_000;
    server.on('connection', (socket) => {
      this.#connections += 1;
      if (!this.faults.isEmpty) {
        const target = { method: '', path: '', tenantId: null, record: null };
        if (this.faults.strike(['down'], [target]) !== null) {
          socket.resetAndDestroy();
          return;
        }
      }
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    return server;
  }

  #listenOn(port: number): Promise<void> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, this.#options.host, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
  }

  #goDown(): void {
    this.#server.close();
    this.#cutConnections();
  }

  async #comeUp(): Promise<void> {
    if (this.#server.listening || this.#closing.signal.aborted) return;
    this.#server = this.#createServer();
    await this.#listenOn(this.port);
  }

  #cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #tick(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#state.anchoring.advanceTo(this.clock.now());
    this.#afterTick();
  }

  #afterTick(): void {
    if (this.#state.anchoring.pending === 0) for (const waiter of this.#waiters) waiter();
    this.#schedule();
  }

  #schedule(): void {
    const due = this.#state.anchoring.nextDueMs();
    if (due === null || this.#closing.signal.aborted) return;
    // A timer that fires soon enough stays, else a stream of requests would put it off for ever.
    if (this.#timer !== null && this.#timerDueMs <= due) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerDueMs = due;
    // setTimeout fires at once beyond 2^31-1 ms.
    const waitMs = Math.min(Math.max(due - this.clock.now(), 0), 2_147_483_647);
    this.#timer = setTimeout(() => this.#tick(), waitMs);
    this.#timer.unref();
  }
}
