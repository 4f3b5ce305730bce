import type { AnchoringStatus } from './batch.ts';
import type { OperationType } from './record-input.ts';
import { iso } from './record-view.ts';
import type { StoredRecord } from './stored-record.ts';

/** One effect: a record version that the emulator accepted. */
export interface CertyoEffect {
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
export interface RequestLogEntry {
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
export interface EmulatorCounters {
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
export interface EffectFilter {
  readonly tenantId?: string | undefined;
  readonly database?: string | undefined;
  readonly collection?: string | undefined;
  readonly recordId?: string | undefined;
}

/** Whether a record passes a filter. */
export function passes(record: StoredRecord, filter: EffectFilter): boolean {
  const { input } = record;
  return (
    (filter.tenantId === undefined || filter.tenantId === input.tenantId) &&
    (filter.database === undefined || filter.database === input.database) &&
    (filter.collection === undefined || filter.collection === input.collection) &&
    (filter.recordId === undefined || filter.recordId === input.recordId)
  );
}

/** A record as tests see it. */
export function toEffect(record: StoredRecord): CertyoEffect {
  const { input } = record;
  return {
    sequence: record.sequence,
    tenantId: input.tenantId,
    clientId: input.clientId,
    database: input.database,
    collection: input.collection,
    recordId: input.recordId,
    recordVersion: input.recordVersion,
    operationType: input.operationType,
    payload: input.payload.text,
    recordHash: record.recordHash,
    idempotencyKey: input.idempotencyKey,
    sourceTimestamp: input.sourceTimestamp,
    receivedAt: iso(record.acceptedAtMs),
    attempts: record.attempts,
    snapshotId: record.snapshotId,
    status: record.status,
  };
}
