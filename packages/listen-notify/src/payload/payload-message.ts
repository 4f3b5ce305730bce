import { createHash, timingSafeEqual } from 'node:crypto';
import { MAC_DIGITS, PAYLOAD_TAG } from './notify-function.ts';

/** The keys that payloads are signed with. */
export interface PayloadKeys {
  readonly inner: Uint8Array;
  readonly outer: Uint8Array;
}

/** A row version. */
export interface RowMessage {
  readonly kind: 'row';
  /** Names this very payload. */
  readonly mac: string;
  readonly processId: number;
  /** The writer's clock when the trigger ran, microseconds since 1970: the server's, not ours. */
  readonly writtenAtMicros: number;
  readonly transaction: string;
  readonly relation: number;
  /** Digest of the table's columns at that moment. */
  readonly columns: string;
  /** Where the version that it replaces lies, with its table; null for a new row. */
  readonly replaces: string | null;
  readonly place: string;
  readonly row: string;
}

/** A row version that is too large to be sent. */
export interface LargeRowMessage {
  readonly kind: 'large';
  readonly processId: number;
  readonly transaction: string;
  readonly replaces: string | null;
}

/** Nothing that the transaction has told is to be used. */
export interface VoidMessage {
  readonly kind: 'void';
  readonly processId: number;
  readonly transaction: string;
}

export type PayloadMessage = RowMessage | LargeRowMessage | VoidMessage;

/** A notification cannot be longer; what is longer did not come from PostgreSQL's default build. */
const LONGEST = 32_768;

const SIGNED = new RegExp(`^${PAYLOAD_TAG} (?<mac>[0-9a-f]{${MAC_DIGITS}}) (?<body>.*)$`, 's');
const ROW =
  /^R (?<pid>\d{1,10}) (?<micros>\d{1,16}) (?<xid>\d{1,20}) (?<relation>\d{1,10}) (?<columns>[0-9a-f]{16}) (?<old>-|\(\d{1,10},\d{1,5}\)) (?<place>\(\d{1,10},\d{1,5}\)) (?<row>\(.*\))$/s;
const LARGE =
  /^L (?<pid>\d{1,10}) (?<xid>\d{1,20}) (?<relation>\d{1,10}) (?<old>-|\(\d{1,10},\d{1,5}\)) \(\d{1,10},\d{1,5}\)$/;
const VOID = /^V (?<pid>\d{1,10}) (?<xid>\d{1,20})$/;

/** Reads a payload that the trigger function has signed; null for every other one (N-14). */
export function readPayload(payload: string, keys: PayloadKeys): PayloadMessage | null {
  if (payload.length > LONGEST) return null;
  const { mac, body } = SIGNED.exec(payload)?.groups ?? {};
  if (mac === undefined || body === undefined) return null;
  if (!timingSafeEqual(Buffer.from(mac), Buffer.from(payloadMac(body, keys)))) return null;
  return readBody(body, mac);
}

/** The MAC of a body: a hash of a hash, each with a key of one hash block in front. */
export function payloadMac(body: string, keys: PayloadKeys): string {
  const inner = createHash('sha256').update(keys.inner).update(body, 'utf8').digest();
  return createHash('sha256').update(keys.outer).update(inner).digest('hex').slice(0, MAC_DIGITS);
}

function readBody(body: string, mac: string): PayloadMessage | null {
  const row = ROW.exec(body)?.groups;
  if (row !== undefined) {
    const relation = Number(row['relation']);
    return {
      kind: 'row',
      mac,
      processId: Number(row['pid']),
      writtenAtMicros: Number(row['micros']),
      transaction: row['xid'] ?? '',
      relation,
      columns: row['columns'] ?? '',
      replaces: placeOf(relation, row['old']),
      place: `${relation} ${row['place'] ?? ''}`,
      row: row['row'] ?? '',
    };
  }
  const large = LARGE.exec(body)?.groups;
  if (large !== undefined) {
    return {
      kind: 'large',
      processId: Number(large['pid']),
      transaction: large['xid'] ?? '',
      replaces: placeOf(Number(large['relation']), large['old']),
    };
  }
  const empty = VOID.exec(body)?.groups;
  if (empty === undefined) return null;
  return { kind: 'void', processId: Number(empty['pid']), transaction: empty['xid'] ?? '' };
}

function placeOf(relation: number, place: string | undefined): string | null {
  return place === undefined || place === '-' ? null : `${relation} ${place}`;
}
