import type { ChainBlock } from './batch.ts';
import type { EmulatorClock } from './emulator-clock.ts';
import type { CertyoFaults } from './fault.ts';
import type {
  CertyoEffect,
  EffectFilter,
  EmulatorCounters,
  RequestLogEntry,
} from './inspection.ts';
import type { KeyRing } from './key-ring.ts';
import type { RecordDigest } from './ledger.ts';

/** The environment that a client of the emulator needs. */
export interface CertyoEnvironment {
  readonly CERTYO_BASE_URL: string;
  readonly CERTYO_API_KEY: string;
  readonly CERTYO_TENANT_ID: string;
}

/** A running emulator of the Certyo API. */
export interface CertyoEmulator extends AsyncDisposable {
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
  waitUntilAnchored(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Cuts every connection and stops. Idempotent. */
  close(): Promise<void>;
}
