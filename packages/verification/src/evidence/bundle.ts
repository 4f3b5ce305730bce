import { hash } from 'node:crypto';

import {
  canonicalJson,
  type JsonValue,
  type OperationType,
  type RecordName,
  type TableVersionColumn,
} from '@certyo-cdc/core';

import type { ReceiptState } from '../receipts/kept-receipt.ts';
import {
  anything,
  count,
  digest,
  flag,
  listOf,
  object,
  oneOf,
  orNull,
  type Shape,
  text,
  textOrNull,
} from './shape.ts';

export const EVIDENCE_FORMAT = 'certyo-cdc-evidence';
export const EVIDENCE_FORMAT_VERSION = 1;

/** What a receipt says, in evidence. */
export interface EvidenceReceipt {
  readonly recordVersion: string;
  readonly operationType: OperationType;
  readonly eventId: string | null;
  /** SHA-256 over the canonical payload: 64 hexadecimal digits. */
  readonly payloadFingerprint: string;
  /** Certyo's hash of the record. How it is made is not public. */
  readonly recordHash: string | null;
  readonly acceptedAt: string;
  readonly replayed: boolean;
  /** As the ledger had it when the evidence was made. */
  readonly state: ReceiptState;
  readonly anchor: {
    readonly anchoredAt: string | null;
    readonly snapshotId: string | null;
    readonly batchId: string | null;
    readonly merkleRoot: string | null;
    /** What Certyo says of the batch: block, transaction, network; null where it was not asked. */
    readonly batch: JsonValue;
  };
}

/** One version of the record. */
export interface EvidenceVersion extends EvidenceReceipt {
  /** The columns that the payload was made of; null for a record that is not a row. */
  readonly table: {
    readonly schema: string;
    readonly name: string;
    readonly fingerprint: string;
    readonly columns: readonly TableVersionColumn[];
  } | null;
  /** The canonical payload, the very bytes that were sent; null where it could not be had. */
  readonly payload: string | null;
  /** The windows in which its change can lie. */
  readonly windows: readonly { readonly pipeline: string; readonly number: number }[];
}

/** A window, as it was closed and anchored. */
export interface EvidenceWindow {
  readonly pipeline: string;
  readonly number: number;
  /** Canonical JSON. */
  readonly content: string;
  readonly hash: string;
  /** Null: not anchored yet. */
  readonly receipt: EvidenceReceipt | null;
}

/** Everything that is known about one record, in one file. */
export interface EvidenceBundle {
  readonly format: typeof EVIDENCE_FORMAT;
  readonly formatVersion: typeof EVIDENCE_FORMAT_VERSION;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly record: RecordName;
  /** Oldest first. */
  readonly versions: readonly EvidenceVersion[];
  /** The windows of the versions with their neighbours, by pipeline and number. */
  readonly windows: readonly EvidenceWindow[];
  /** `database` of the records that anchor the windows, by pipeline. */
  readonly windowDatabases: Readonly<Record<string, string>>;
  /**
   * SHA-256 over the canonical JSON of all other members. It shows that a file was altered by mistake; who alters it on purpose
   * writes another one, unless it was noted elsewhere.
   */
  readonly digest: string;
}

const receiptMembers = {
  recordVersion: text,
  operationType: oneOf('insert', 'update', 'delete', 'upsert'),
  eventId: textOrNull,
  payloadFingerprint: digest,
  recordHash: textOrNull,
  acceptedAt: text,
  replayed: flag,
  state: oneOf('pending', 'anchored', 'failed'),
  anchor: object({
    anchoredAt: textOrNull,
    snapshotId: textOrNull,
    batchId: textOrNull,
    merkleRoot: textOrNull,
    batch: anything,
  }),
} as const;

const table = object({
  schema: text,
  name: text,
  fingerprint: digest,
  columns: listOf(object({ name: text, type: text, isKey: flag })),
});

const bundle = object({
  format: oneOf(EVIDENCE_FORMAT),
  formatVersion: oneOf(EVIDENCE_FORMAT_VERSION),
  createdAt: text,
  record: object({ database: text, collection: text, recordId: text }),
  versions: listOf(
    object({
      ...receiptMembers,
      table: orNull(table),
      payload: textOrNull,
      windows: listOf(object({ pipeline: text, number: count })),
    }),
  ),
  windows: listOf(
    object({
      pipeline: text,
      number: count,
      content: text,
      hash: digest,
      receipt: orNull(object(receiptMembers)),
    }),
  ),
  windowDatabases: textsByName,
  digest,
});

function textsByName(value: unknown, path: string): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return path;
  const wrong = Object.entries(value).find(([, each]) => typeof each !== 'string');
  return wrong === undefined ? null : `${path}.${wrong[0]}`;
}

/** Where the value is no bundle: a path, or null when it is one. */
export const wrongIn: Shape = (value, path) => bundle(value, path);

/** The digest of a bundle, whatever stands in it as its digest. */
export function bundleDigest(evidence: Omit<EvidenceBundle, 'digest'>): string {
  const { digest: _, ...rest } = evidence as EvidenceBundle;
  return hash('sha256', canonicalJson(rest as unknown as JsonValue), 'hex');
}
