import { refuseText } from './internal/refuse.ts';
import type { ValueCodec } from './value-codec.ts';

const COLON = 0x3a;
const DASH = 0x2d;
const DOT = 0x2e;
const PLUS = 0x2b;
const SPACE = 0x20;
const ZERO = 0x30;
const ZEROS = ['', '0', '00', '000', '0000', '00000', '000000'] as const;

// Only years beyond four digits and BC come here.
const FAR_DATE = /^\d{4,}-\d\d-\d\d(?: BC)?$/;
const FAR_TIMESTAMP = /^\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: BC)?$/;
const FAR_TIMESTAMPTZ = /^\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00(?: BC)?$/;

/** date under `DateStyle = ISO`. */
export const dateCodec: ValueCodec = codec(readDate);

/** time: ISO 8601 as PostgreSQL prints it. */
export const timeCodec: ValueCodec = codec(readTime);

/** timetz: ISO 8601 as PostgreSQL prints it, with its own offset. */
export const timetzCodec: ValueCodec = codec(readTimetz);

/** timestamp under `DateStyle = ISO`: `T` between date and time, always six fraction digits. */
export const timestampCodec: ValueCodec = codec(readTimestamp);

/** timestamptz under `DateStyle = ISO, TimeZone = UTC`: as timestamp, with `Z`. */
export const timestamptzCodec: ValueCodec = codec(readTimestamptz);

/** interval under `IntervalStyle = iso_8601`. */
export const intervalCodec: ValueCodec = codec(readInterval);

/** None of these texts has a character that JSON escapes: the readers let nothing of the kind through. */
function codec(read: (text: string) => string): ValueCodec {
  return { toJson: (text) => `"${read(text)}"`, toValue: read };
}

function readDate(text: string): string {
  if (text.length === 10 && isDate(text)) return text;
  if (isInfinity(text) || FAR_DATE.test(text)) return text;
  throw refuseText('date');
}

function readTime(text: string): string {
  if (isTime(text, 0) && fractionEnd(text, 8) === text.length) return text;
  throw refuseText('time');
}

function readTimetz(text: string): string {
  if (isTime(text, 0)) {
    const zone = fractionEnd(text, 8);
    if (zone !== -1 && isOffset(text, zone)) return text;
  }
  throw refuseText('time with time zone');
}

function readTimestamp(text: string): string {
  if (isDate(text) && text.charCodeAt(10) === SPACE && isTime(text, 11)) {
    const end = fractionEnd(text, 19);
    if (end === text.length) return isoTimestamp(text, end);
  }
  if (isInfinity(text) || FAR_TIMESTAMP.test(text)) return text;
  throw refuseText('timestamp');
}

function readTimestamptz(text: string): string {
  if (isDate(text) && text.charCodeAt(10) === SPACE && isTime(text, 11)) {
    const end = fractionEnd(text, 19);
    if (
      end !== -1 &&
      text.length === end + 3 &&
      text.charCodeAt(end) === PLUS &&
      text.charCodeAt(end + 1) === ZERO &&
      text.charCodeAt(end + 2) === ZERO
    ) {
      return `${isoTimestamp(text, end)}Z`;
    }
  }
  if (isInfinity(text) || FAR_TIMESTAMPTZ.test(text)) return text;
  throw refuseText('timestamp with time zone');
}

function readInterval(text: string): string {
  if (text.length < 2 || text.charCodeAt(0) !== 0x50 /* P */) {
    if (isInfinity(text)) return text;
    throw refuseText('interval');
  }
  for (let index = 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (isDigitCode(code) || code === DASH || code === DOT) continue;
    switch (code) {
      case 0x59: // Y
      case 0x4d: // M
      case 0x44: // D
      case 0x54: // T
      case 0x48: // H
      case 0x53: // S
        continue;
      default:
        throw refuseText('interval');
    }
  }
  return text;
}

/** `text` is ISO up to `end`, where its fraction ends. */
function isoTimestamp(text: string, end: number): string {
  const date = text.slice(0, 10);
  if (end === 19) return `${date}T${text.slice(11, 19)}.000000`;
  return `${date}T${text.slice(11, end)}${ZEROS[26 - end] ?? ''}`;
}

function isInfinity(text: string): boolean {
  return text === 'infinity' || text === '-infinity';
}

/** Whether the first ten characters are `YYYY-MM-DD`. */
function isDate(text: string): boolean {
  return (
    text.charCodeAt(4) === DASH &&
    text.charCodeAt(7) === DASH &&
    isDigit(text, 0) &&
    isDigit(text, 1) &&
    isDigit(text, 2) &&
    isDigit(text, 3) &&
    isDigit(text, 5) &&
    isDigit(text, 6) &&
    isDigit(text, 8) &&
    isDigit(text, 9)
  );
}

/** Whether `HH:MM:SS` stands at `start`. */
function isTime(text: string, start: number): boolean {
  return (
    text.charCodeAt(start + 2) === COLON &&
    text.charCodeAt(start + 5) === COLON &&
    isDigit(text, start) &&
    isDigit(text, start + 1) &&
    isDigit(text, start + 3) &&
    isDigit(text, start + 4) &&
    isDigit(text, start + 6) &&
    isDigit(text, start + 7)
  );
}

/** The index after an optional fraction of one to six digits at `start`, or -1 for a broken one. */
function fractionEnd(text: string, start: number): number {
  if (text.charCodeAt(start) !== DOT) return start;
  let index = start + 1;
  while (index < start + 7 && isDigit(text, index)) index += 1;
  return index === start + 1 ? -1 : index;
}

/** Whether the rest of the text is `+HH`, `+HH:MM` or `+HH:MM:SS`, or the same with a minus. */
function isOffset(text: string, start: number): boolean {
  const sign = text.charCodeAt(start);
  if (sign !== PLUS && sign !== DASH) return false;
  for (let index = start + 1; ; index += 3) {
    if (!isDigit(text, index) || !isDigit(text, index + 1)) return false;
    if (index + 2 === text.length) return index - start <= 7;
    if (text.charCodeAt(index + 2) !== COLON) return false;
  }
}

function isDigit(text: string, index: number): boolean {
  return isDigitCode(text.charCodeAt(index));
}

function isDigitCode(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
