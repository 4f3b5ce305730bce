import { hash } from 'node:crypto';
import { IdempotencyStore, type RememberedAnswer } from './idempotency-store.ts';
import type { RawJson } from './raw-json.ts';
import type { IncomingRecord } from './record-input.ts';
import { StoredRecord } from './stored-record.ts';

/**
 * What the emulator remembers of accepted records. `full`: everything. `digest`: per record the number of effects and
 * the last version. `counts`: only totals.
 */
export type Retention = 'full' | 'digest' | 'counts';

/** What became of an acceptable record. */
export interface Acceptance {
  readonly recordId: string;
  readonly recordHash: string;
  readonly acceptedAtMs: number;
  readonly isReplay: boolean;
}

/** A record's history in few bytes (`retention: 'digest'`). */
export interface RecordDigest {
  readonly effects: number;
  readonly lastVersion: string;
  /** SHA-256 over the chain of its effects: previous digest, version, operation, record hash. */
  readonly digest: string;
}

/** How many idempotency keys are remembered where not everything is. */
const KEYS_REMEMBERED = 50_000;

/** SHA-256 over the canonical form of a payload: whitespace between tokens removed, every token verbatim. */
export function hashPayload(payload: RawJson): string {
  return hash('sha256', payload.canonical, 'hex');
}

interface TenantRecords {
  readonly records: StoredRecord[];
  readonly byRecordId: Map<string, StoredRecord[]>;
}

/** The records that were accepted, in order, and the idempotency keys they came with. */
export class Ledger {
  readonly #retention: Retention;
  readonly #tenants = new Map<string, TenantRecords>();
  readonly #keys = new Map<string, IdempotencyStore<RememberedAnswer>>();
  /** All records in order of acceptance (`retention: 'full'`). */
  readonly records: StoredRecord[] = [];
  /** By database, collection and record id (`retention: 'digest'`). */
  readonly digests: Map<string, RecordDigest> = new Map();
  effects = 0;
  replays = 0;
  collisions = 0;
  regressions = 0;

  constructor(retention: Retention) {
    this.#retention = retention;
  }

  /** Accepts a record, or answers a known key again. `stored` is null for a replay. */
  accept(
    input: IncomingRecord,
    nowMs: number,
  ): { readonly acceptance: Acceptance; readonly stored: StoredRecord | null } {
    const recordHash = hashPayload(input.payload);
    const keys = this.#keysOf(input.tenantId);
    const known = input.idempotencyKey === null ? null : keys.find(input.idempotencyKey, nowMs);
    if (known !== null) {
      this.replays += 1;
      if (known.recordHash !== recordHash || known.recordId !== input.recordId)
        this.collisions += 1;
      if (known instanceof StoredRecord) known.attempts += 1;
      const { recordId, acceptedAtMs } = known;
      return {
        acceptance: { recordId, recordHash: known.recordHash, acceptedAtMs, isReplay: true },
        stored: null,
      };
    }
    this.effects += 1;
    const stored = new StoredRecord(this.effects, input, recordHash, nowMs);
    this.#keep(stored);
    if (input.idempotencyKey !== null) this.#remember(keys, input.idempotencyKey, stored, nowMs);
    const acceptance = {
      recordId: input.recordId,
      recordHash,
      acceptedAtMs: nowMs,
      isReplay: false,
    };
    return { acceptance, stored };
  }

  /** The records of a tenant, oldest first; only those of one record id when it is given. */
  recordsOf(tenantId: string, recordId: string | null): readonly StoredRecord[] {
    const tenant = this.#tenants.get(tenantId);
    if (tenant === undefined) return [];
    return recordId === null ? tenant.records : (tenant.byRecordId.get(recordId) ?? []);
  }

  #keysOf(tenantId: string): IdempotencyStore<RememberedAnswer> {
    let keys = this.#keys.get(tenantId);
    if (keys === undefined) {
      keys = new IdempotencyStore(this.#retention === 'full' ? null : KEYS_REMEMBERED);
      this.#keys.set(tenantId, keys);
    }
    return keys;
  }

  #remember(
    keys: IdempotencyStore<RememberedAnswer>,
    key: string,
    stored: StoredRecord,
    nowMs: number,
  ): void {
    if (this.#retention === 'full') {
      keys.remember(key, stored, nowMs);
      return;
    }
    const { recordHash, acceptedAtMs } = stored;
    const recordId = detach(stored.recordId);
    keys.remember(detach(key), { recordId, recordHash, acceptedAtMs }, nowMs);
  }

  #keep(stored: StoredRecord): void {
    if (this.#retention === 'full') this.#keepAll(stored);
    else if (this.#retention === 'digest') this.#keepDigest(stored);
  }

  #keepAll(stored: StoredRecord): void {
    this.records.push(stored);
    const { tenantId, database, collection } = stored.input;
    let tenant = this.#tenants.get(tenantId);
    if (tenant === undefined) {
      tenant = { records: [], byRecordId: new Map() };
      this.#tenants.set(tenantId, tenant);
    }
    tenant.records.push(stored);
    const same = tenant.byRecordId.get(stored.recordId);
    if (same === undefined) {
      tenant.byRecordId.set(stored.recordId, [stored]);
      return;
    }
    const previous = same.findLast(
      (other) => other.input.database === database && other.input.collection === collection,
    );
    if (previous !== undefined) this.#compare(previous.input.recordVersion, stored);
    same.push(stored);
  }

  #keepDigest(stored: StoredRecord): void {
    const { tenantId, database, collection, recordVersion, operationType } = stored.input;
    const name = JSON.stringify([tenantId, database, collection, stored.recordId]);
    const previous = this.digests.get(name);
    if (previous !== undefined) this.#compare(previous.lastVersion, stored);
    const chained = [previous?.digest ?? '', recordVersion, operationType, stored.recordHash];
    this.digests.set(detach(name), {
      effects: (previous?.effects ?? 0) + 1,
      lastVersion: detach(recordVersion),
      digest: hash('sha256', chained.join('\n'), 'hex'),
    });
  }

  #compare(previousVersion: string, stored: StoredRecord): void {
    if (stored.input.recordVersion < previousVersion) this.regressions += 1;
  }
}

/** A copy of a string that does not keep the request body alive that it was cut from. */
function detach(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
