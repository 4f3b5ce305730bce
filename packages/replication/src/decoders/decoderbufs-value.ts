import { SourceProtocolError } from '@certyo-cdc/core';
import {
  DATE_INFINITY,
  dateText,
  moneyText,
  realText,
  timestampText,
  timeText,
} from './value-texts.ts';

/** A value as decoderbufs sends it: by the kind of its field in DatumMessage. */
export type Datum =
  | { readonly kind: 'null' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'float' | 'double'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'text'; readonly bytes: Buffer }
  | { readonly kind: 'point'; readonly x: number; readonly y: number };

const BYTEA = 17;
const MONEY = 790;
const DATE = 1082;
const TIME = 1083;
const TIMESTAMP = 1114;
const TIMESTAMPTZ = 1184;

/** Types that it rounds or turns into another thing, so that their text cannot be had back. */
export const LOSSY_TYPES: ReadonlyMap<number, string> = new Map([
  [1186, 'interval'],
  [1266, 'time with time zone'],
]);

/** PostgreSQL's text of a value; `undefined` for one that was not sent because it is unchanged. */
export function datumText(
  column: { readonly name: string; readonly typeOid: number },
  datum: Datum,
): string | null | undefined {
  switch (datum.kind) {
    case 'null':
      return null;
    case 'missing':
      return undefined;
    case 'bool':
      return datum.value ? 't' : 'f';
    case 'float':
    case 'double':
      return numberText(column, datum.kind, datum.value);
    case 'point':
      return `(${realText(datum.x, 'double')},${realText(datum.y, 'double')})`;
    case 'text':
      return column.typeOid === BYTEA
        ? `\\x${datum.bytes.toString('hex')}`
        : datum.bytes.toString('utf8');
    case 'integer':
      return integerText(column, datum.value);
  }
}

function numberText(
  column: { readonly name: string; readonly typeOid: number },
  kind: 'float' | 'double',
  value: number,
): string {
  const lossy = LOSSY_TYPES.get(column.typeOid);
  if (lossy === undefined) return realText(value, kind);
  throw new SourceProtocolError(
    `decoderbufs does not send the exact value of the column "${column.name}" (${lossy}).`,
    { remedy: "Use decoder: 'pgoutput' or 'wal2json'." },
  );
}

function integerText(
  column: { readonly name: string; readonly typeOid: number },
  value: bigint,
): string {
  switch (column.typeOid) {
    case MONEY:
      return moneyText(value);
    case DATE:
      return dateText(value);
    case TIME:
      return timeText(value);
    case TIMESTAMP:
      return timestampText(value);
    case TIMESTAMPTZ: {
      const text = timestampText(value);
      return DATE_INFINITY.has(text) ? text : text.replace(/(?: BC)?$/u, (era) => `+00${era}`);
    }
    default:
      return String(value);
  }
}
