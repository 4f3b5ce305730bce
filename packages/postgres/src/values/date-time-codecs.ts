import type { Buffer } from 'node:buffer';

import { ByteWriter } from '@certyo-cdc/core/internal';

import { isDigit, isText } from './internal/ascii.ts';
import { checkedCodec } from './internal/checked-codec.ts';
import { refuseText } from './internal/refuse.ts';
import { type ValueCodec, writeTextJson } from './value-codec.ts';

const COLON = 0x3a;
const DASH = 0x2d;
const DOT = 0x2e;
const PLUS = 0x2b;
const QUOTE = 0x22;
const ZERO = 0x30;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
/** Date and time up to the second. */
const SECOND_BYTES = 19;

// Only years beyond four digits and BC come here.
const FAR_DATE = /^\d{4,}-\d\d-\d\d(?: BC)?$/;
const FAR_TIMESTAMP = /^\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: BC)?$/;
const FAR_TIMESTAMPTZ = /^\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00(?: BC)?$/;

/** date under `DateStyle = ISO`. */
export const dateCodec: ValueCodec = checkedCodec(
  'date',
  (bytes, start, end) =>
    (end - start === 10 && isDate(bytes, start)) || isFar(bytes, start, end, FAR_DATE),
  'string',
);

/** time: ISO 8601 as PostgreSQL prints it. */
export const timeCodec: ValueCodec = checkedCodec(
  'time',
  (bytes, start, end) => isTime(bytes, start, end) && fractionEnd(bytes, start + 8, end) === end,
  'string',
);

/** timetz: ISO 8601 as PostgreSQL prints it, with its own offset. */
export const timetzCodec: ValueCodec = checkedCodec('time with time zone', isTimetz, 'string');

/** timestamp under `DateStyle = ISO`: `T` between date and time, always six fraction digits. */
export const timestampCodec: ValueCodec = timestampOf('timestamp', '', FAR_TIMESTAMP);

/** timestamptz under `DateStyle = ISO, TimeZone = UTC`: as timestamp, with `Z`. */
export const timestamptzCodec: ValueCodec = timestampOf(
  'timestamp with time zone',
  '+00',
  FAR_TIMESTAMPTZ,
);

/** interval under `IntervalStyle = iso_8601`. */
export const intervalCodec: ValueCodec = checkedCodec('interval', isInterval, 'string');

/** Where the text of a value is made, one after the other. */
const iso = new ByteWriter(40);

/** @param zone What stands behind the time, and becomes `Z`. */
function timestampOf(typeName: string, zone: '' | '+00', far: RegExp): ValueCodec {
  const codec: ValueCodec = {
    writeJson(bytes, start, end, out) {
      if (end - start >= SECOND_BYTES && isSecond(out.wordsOf(bytes), start)) {
        const zoneAt = fractionEnd(bytes, start + SECOND_BYTES, end);
        if (zoneAt !== -1 && isText(bytes, zoneAt, end, zone)) {
          writeIso(bytes, start, zoneAt, out);
          if (zone !== '') out.byte(LETTER_Z);
          out.byte(QUOTE);
          return;
        }
      }
      if (!isFar(bytes, start, end, far)) throw refuseText(typeName);
      out.byte(QUOTE);
      out.copy(bytes, start, end);
      out.byte(QUOTE);
    },
    toValue(text) {
      iso.clear();
      writeTextJson(codec, text, iso);
      return iso.bytes.toString('latin1', 1, iso.length - 1);
    },
  };
  return codec;
}

/**
 * Whether `YYYY-MM-DD HH:MM:SS` stands at `at`: most of a log are timestamps, so four characters are looked at in one step. Some are
 * looked at twice.
 */
function isSecond(words: DataView, at: number): boolean {
  const year = words.getInt32(at, true);
  const second = words.getInt32(at + 15, true);
  return (
    (year & 0xf0f0f0f0) === 0x30303030 &&
    ((year + 0x06060606) & 0xf0f0f0f0) === 0x30303030 &&
    isPair(words.getInt32(at + 4, true), 0x2d30302d /* -00- */) &&
    isPair(words.getInt32(at + 7, true), 0x2030302d /* -00  */) &&
    isPair(words.getInt32(at + 10, true), 0x3a303020 /*  00: */) &&
    isPair(words.getInt32(at + 13, true), 0x3a30303a /* :00: */) &&
    (second & 0xf0f0fff0) === 0x30303a30 /* 0:00 */ &&
    ((second + 0x06060006) & 0xf0f000f0) === 0x30300030
  );
}

/** Whether the two characters in the middle are digits and the others those of `zeros`, which has zeros in the middle. */
function isPair(word: number, zeros: number): boolean {
  return (word & 0xfff0f0ff) === zeros && ((word + 0x00060600) & 0x00f0f000) === 0x00303000;
}

/** Writes a quote, date and time with six fraction digits. The text is ISO up to `end`, where its fraction ends. */
function writeIso(bytes: Buffer, start: number, end: number, out: ByteWriter): void {
  out.byte(QUOTE);
  const from = out.length;
  out.copy(bytes, start, end);
  const full = from + SECOND_BYTES + 7;
  const target = out.room(full - out.length);
  target[from + 10] = LETTER_T;
  let at = out.length;
  if (end - start === SECOND_BYTES) target[at++] = DOT;
  while (at < full) target[at++] = ZERO;
  out.length = full;
}

function isFar(bytes: Buffer, start: number, end: number, far: RegExp): boolean {
  return isInfinity(bytes, start, end) || far.test(bytes.toString('latin1', start, end));
}

function isInfinity(bytes: Buffer, start: number, end: number): boolean {
  return isText(bytes, start, end, 'infinity') || isText(bytes, start, end, '-infinity');
}

function isTimetz(bytes: Buffer, start: number, end: number): boolean {
  if (!isTime(bytes, start, end)) return false;
  const zone = fractionEnd(bytes, start + 8, end);
  return zone !== -1 && isOffset(bytes, zone, end);
}

function isInterval(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < 2 || bytes[start] !== 0x50 /* P */) return isInfinity(bytes, start, end);
  for (let index = start + 1; index < end; index += 1) {
    const code = bytes[index];
    if (isDigit(code) || code === DASH || code === DOT) continue;
    switch (code) {
      case 0x59: // Y
      case 0x4d: // M
      case 0x44: // D
      case LETTER_T:
      case 0x48: // H
      case 0x53: // S
        continue;
      default:
        return false;
    }
  }
  return true;
}

/** Whether the ten bytes at `at` are `YYYY-MM-DD`. */
function isDate(bytes: Buffer, at: number): boolean {
  return (
    bytes[at + 4] === DASH &&
    bytes[at + 7] === DASH &&
    isDigit(bytes[at]) &&
    isDigit(bytes[at + 1]) &&
    isDigit(bytes[at + 2]) &&
    isDigit(bytes[at + 3]) &&
    isDigit(bytes[at + 5]) &&
    isDigit(bytes[at + 6]) &&
    isDigit(bytes[at + 8]) &&
    isDigit(bytes[at + 9])
  );
}

/** Whether `HH:MM:SS` stands at `at`. */
function isTime(bytes: Buffer, at: number, end: number): boolean {
  return (
    at + 8 <= end &&
    bytes[at + 2] === COLON &&
    bytes[at + 5] === COLON &&
    isDigit(bytes[at]) &&
    isDigit(bytes[at + 1]) &&
    isDigit(bytes[at + 3]) &&
    isDigit(bytes[at + 4]) &&
    isDigit(bytes[at + 6]) &&
    isDigit(bytes[at + 7])
  );
}

/** The index after an optional fraction of one to six digits at `at`, or -1 for a broken one. */
function fractionEnd(bytes: Buffer, at: number, end: number): number {
  if (at >= end || bytes[at] !== DOT) return at;
  let index = at + 1;
  while (index < at + 7 && index < end && isDigit(bytes[index])) index += 1;
  return index === at + 1 ? -1 : index;
}

/** Whether the rest of the text is `+HH`, `+HH:MM` or `+HH:MM:SS`, or the same with a minus. */
function isOffset(bytes: Buffer, at: number, end: number): boolean {
  const sign = bytes[at];
  if (at >= end || (sign !== PLUS && sign !== DASH)) return false;
  for (let index = at + 1; ; index += 3) {
    if (index + 2 > end || !isDigit(bytes[index]) || !isDigit(bytes[index + 1])) return false;
    if (index + 2 === end) return index - at <= 7;
    if (bytes[index + 2] !== COLON) return false;
  }
}
