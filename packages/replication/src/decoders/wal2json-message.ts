import { SourceProtocolError } from '@certyo-cdc/core';
import { pgTimeFromUnixMs } from '../protocol/pg-time.ts';
import { parseLsn } from '../protocol/lsn.ts';

/** A column of a change as wal2json (format version 2) writes it; numbers are kept as they were written, as texts. */
export interface Wal2JsonColumn {
  readonly name: string;
  readonly type: string;
  readonly typeoid: string;
  readonly value?: string | boolean | null;
  readonly optional?: boolean;
  readonly position?: string;
}

/** One message. https://github.com/eulerto/wal2json */
export interface Wal2JsonMessage {
  readonly action: string;
  readonly xid?: string;
  readonly timestamp?: string;
  readonly lsn?: string;
  readonly nextlsn?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly columns?: readonly Wal2JsonColumn[];
  readonly identity?: readonly Wal2JsonColumn[];
  readonly pk?: readonly Omit<Wal2JsonColumn, 'value'>[];
  readonly transactional?: boolean;
  readonly prefix?: string;
  readonly content?: string;
}

/** What has to stand in quotes so that no digit is lost. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/gsu;

/** Reads a message. */
export function readWal2Json(text: string): Wal2JsonMessage {
  const quoted = text.replaceAll(TOKEN, (token) => (token.startsWith('"') ? token : `"${token}"`));
  let parsed: unknown;
  try {
    parsed = JSON.parse(quoted);
  } catch {
    parsed = null;
  }
  const message = parsed as Wal2JsonMessage | null;
  if (typeof message?.action !== 'string') {
    throw new SourceProtocolError(
      'wal2json sent something that is no message of format version 2.',
    );
  }
  return message;
}

/** PostgreSQL's text of a value: what wal2json writes in another way is written back. */
export function valueText(column: Wal2JsonColumn): string | null {
  const { value } = column;
  if (value === undefined || value === null) {
    if (value === null && column.optional === false) {
      throw new SourceProtocolError(
        `wal2json gives no value for the column "${column.name}", which is never null: it writes NaN and Infinity as null.`,
        { remedy: "Use decoder: 'pgoutput', or leave such values out." },
      );
    }
    return null;
  }
  if (typeof value === 'boolean') return value ? 't' : 'f';
  // It leaves out the \x of a bytea.
  return column.typeoid === '17' ? `\\x${value}` : value;
}

/** A required member that holds a position. */
export function positionOf(message: Wal2JsonMessage, member: 'lsn' | 'nextlsn'): bigint {
  const lsn = parseLsn(message[member] ?? '');
  if (lsn === null) {
    throw new SourceProtocolError(`A message of wal2json (${message.action}) has no ${member}.`);
  }
  return lsn;
}

/** `2026-01-31 12:00:00.12+00` as microseconds since 2000-01-01. */
export function timeOf(message: Wal2JsonMessage): bigint {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/u.exec(
    message.timestamp ?? '',
  );
  if (match === null) throw new SourceProtocolError('A message of wal2json has no time.');
  const [, date, time, fraction = ''] = match;
  const seconds = pgTimeFromUnixMs(Date.parse(`${date ?? ''}T${time ?? ''}Z`));
  return seconds + BigInt(fraction.padEnd(6, '0'));
}
