import { Buffer } from 'node:buffer';

import type { JsonValue } from '@certyo-cdc/core';
import type { ByteWriter } from '@certyo-cdc/core/internal';

import type { ValueCodec } from '../value-codec.ts';
import { refuseText } from './refuse.ts';

const QUOTE = 0x22;

/** Whether bytes are what PostgreSQL prints for a type. Lets only ASCII through, and nothing that JSON escapes. */
export type TextCheck = (bytes: Buffer, start: number, end: number) => boolean;

/** A type of which the text itself is the JSON, as a number or in quotes. */
export function checkedCodec(
  typeName: string,
  isValid: TextCheck,
  form: 'number' | 'string',
  toValue: (text: string) => JsonValue = (text) => text,
): ValueCodec {
  const writeJson =
    form === 'number'
      ? (bytes: Buffer, start: number, end: number, out: ByteWriter): void => {
          if (!isValid(bytes, start, end)) throw refuseText(typeName);
          out.copy(bytes, start, end);
        }
      : (bytes: Buffer, start: number, end: number, out: ByteWriter): void => {
          if (!isValid(bytes, start, end)) throw refuseText(typeName);
          out.byte(QUOTE);
          out.copy(bytes, start, end);
          out.byte(QUOTE);
        };
  return {
    writeJson,
    toValue(text) {
      checkText(typeName, isValid, text);
      return toValue(text);
    },
  };
}

/** @throws ValueError for a text of another shape. */
export function checkText(typeName: string, isValid: TextCheck, text: string): void {
  const { length } = text;
  if (length > scratch.length) {
    const bytes = Buffer.from(text);
    if (!isValid(bytes, 0, bytes.length)) throw refuseText(typeName);
    return;
  }
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) throw refuseText(typeName);
    scratch[index] = code;
  }
  if (!isValid(scratch, 0, length)) throw refuseText(typeName);
}

const scratch = Buffer.alloc(64);
