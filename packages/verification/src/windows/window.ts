import { hash } from 'node:crypto';

import {
  canonicalJson,
  type EventCounts,
  type JsonValue,
  type RecordName,
  type SpanSource,
  type TextRange,
} from '@certyo-cdc/core';

/**
 * What a pipeline captured between two of its checkpoints, (from, to], and what became of it. The next window begins where this
 * one ends.
 */
export interface CompletenessWindow {
  readonly pipeline: string;
  /** 1 for the first window of a pipeline. */
  readonly number: number;
  /** Whose positions these are; null where nothing is known of them. */
  readonly source: SpanSource | null;
  /** Null: the source's own beginning. */
  readonly from: string | null;
  readonly to: string | null;
  /** By the store's clock, ISO 8601. */
  readonly openedAt: string;
  readonly closedAt: string;
  /** How many checkpoints were saved in it. */
  readonly checkpoints: number;
  /** Sorted by table and operation. */
  readonly counts: readonly EventCounts[];
  /** Of the versions of all events in it, as texts compare; null where there are none. */
  readonly versions: TextRange | null;
  /** Of the commit times of all events in it. */
  readonly committed: TextRange | null;
  /** Why nothing is known about what lies in it, else null. */
  readonly uncounted: string | null;
  /** The hash of the window before; null for the first one. */
  readonly previousHash: string | null;
}

/** A window as it is stored and anchored. */
export interface StoredWindow {
  readonly pipeline: string;
  readonly number: number;
  /** Canonical JSON: the payload of the record that anchors it. */
  readonly content: string;
  /** SHA-256 over the content, 64 hexadecimal digits: what a receipt has for its fingerprint. */
  readonly hash: string;
}

/** Why nothing is known about a stretch. */
export const UNKNOWN_CHECKPOINT =
  'The checkpoint that the pipeline went on from is not one that was counted up to.';

/** SHA-256 over a window's content. */
export function windowHash(content: string): string {
  return hash('sha256', content, 'hex');
}

/** Writes a window. */
export function toStoredWindow(window: CompletenessWindow): StoredWindow {
  const content = canonicalJson({ _event: 'window', ...window } as unknown as JsonValue);
  const { number, pipeline } = window;
  return { pipeline, number, content, hash: windowHash(content) };
}

/** Reads a window's content; null for what is none. */
export function readWindow(content: string): CompletenessWindow | null {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return null;
  }
  if (!isObject(value) || value['_event'] !== 'window') return null;
  const isWindow =
    typeof value['pipeline'] === 'string' &&
    Number.isSafeInteger(value['number']) &&
    isTextOrNull(value['from']) &&
    isTextOrNull(value['to']) &&
    isTextOrNull(value['previousHash']) &&
    isTextOrNull(value['uncounted']) &&
    isRangeOrNull(value['versions']) &&
    isRangeOrNull(value['committed']) &&
    Array.isArray(value['counts']) &&
    value['counts'].every(isCounts);
  // Checked as far as anything here relies on it.
  return isWindow ? (value as unknown as CompletenessWindow) : null;
}

/** The first of the counts that do not add up, or null. */
export function unbalanced(counts: readonly EventCounts[]): EventCounts | null {
  return (
    counts.find(
      ({ captured, delivered, parked, skipped }) => captured !== delivered + skipped + parked,
    ) ?? null
  );
}

/** The version of a window's record: numbers that sort as text. */
export function windowVersion(number: number): string {
  return String(number).padStart(12, '0');
}

/** The collection of windows. */
export const WINDOW_COLLECTION = '$windows';

/** The record that all windows of a pipeline are versions of. */
export function windowRecord(pipeline: string, database: string = pipeline): RecordName {
  return { database, collection: WINDOW_COLLECTION, recordId: pipeline };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

function isRangeOrNull(value: unknown): boolean {
  if (value === null) return true;
  return isObject(value) && typeof value['first'] === 'string' && typeof value['last'] === 'string';
}

function isCounts(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value['table'] === 'string' &&
    typeof value['operation'] === 'string' &&
    ['captured', 'delivered', 'skipped', 'parked'].every((name) =>
      Number.isSafeInteger(value[name]),
    )
  );
}
