import { Buffer, isAscii } from 'node:buffer';

import type { JsonValue } from '../event/json.ts';
import type { Verdict } from '../sink/sink.ts';
import { type BulkItem, decodeBulkAnswer, FAILED_LISTS, LISTS } from './bulk-answer.ts';
import type { JsonObject } from './internal/json-access.ts';
import { delivered } from './sink-verdicts.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const CLOSE_LIST = 0x5d;
/** Longest first entry that is looked at. */
const MOST_ENTRY = 2_048;

/** Members of which each entry may have another text; those of the item have to be the item's. */
const TEXTS = ['recordHash', 'acceptedAt', 'database', 'collection', 'recordId', 'recordVersion'];
const ITEM_TEXTS = ['database', 'collection', 'recordId', 'recordVersion'] as const;

/** A member with a plain text, a number or a word; where it is none, it is not for here. */
const MEMBER = /([{,]"(\w+)":)("[\x20\x21\x23-\x5b\x5d-\x7e]*"|0|[1-9]\d*|true|false|null)/y;

/** What differs from entry to entry, and the bytes before it, which do not. */
interface Slot {
  readonly before: Buffer;
  readonly name: string;
}

/** The form of all entries of an answer. */
interface Form {
  readonly slots: readonly Slot[];
  readonly after: Buffer;
  readonly replayed: boolean;
}

/**
 * Reads the answer that nearly every bulk request gets: all records accepted, one entry each in their order, and all entries
 * of one form. No object is made of an entry, and of its texts only
 * those of the receipt.
 *
 * The first entry is judged by `decodeBulkAnswer`. Each other has to be the same to the byte, but for its index, which has
 * to be its place, and for some texts, of which those that name the item have to be the item's: then it is judged alike.
 *
 * @returns Null where anything is otherwise: then the answer has to be parsed.
 */
export function readUniformAnswer(
  bytes: Buffer,
  items: readonly BulkItem[],
): readonly Verdict[] | null {
  const [first] = items;
  const start = /^\{"(\w+)":\[/.exec(bytes.toString('latin1', 0, 32));
  const list = start?.[1] ?? '';
  if (first === undefined || start === null) return null;
  if (!LISTS.includes(list) || FAILED_LISTS.has(list)) return null;
  let at = start[0].length;
  const form = formOf(bytes.toString('latin1', at, at + MOST_ENTRY), first);
  if (form === null) return null;
  const verdicts: Verdict[] = [];
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    if (item === undefined || (index > 0 && bytes[at++] !== COMMA)) return null;
    let recordHash = '';
    let time = '';
    for (let place = 0; place < form.slots.length; place += 1) {
      const slot = form.slots[place];
      if (slot === undefined || !startsWith(bytes, at, slot.before)) return null;
      at += slot.before.length;
      const from = at;
      if (slot.name === 'index') {
        at = endOfNumber(bytes, at, index);
        if (at < 0) return null;
        continue;
      }
      at = endOfText(bytes, at);
      if (at < 0) return null;
      if (slot.name === 'recordHash') recordHash = bytes.toString('latin1', from, at);
      else if (slot.name === 'acceptedAt') time = bytes.toString('latin1', from, at);
      else if (!isOfItem(slot.name, bytes.toString('latin1', from, at), item)) return null;
    }
    if (recordHash === '' || !startsWith(bytes, at, form.after)) return null;
    at += form.after.length;
    verdicts.push(delivered(recordHash, time === '' ? null : time, form.replayed));
  }
  return bytes[at] === CLOSE_LIST && isPlainEnd(bytes, at + 1, list) ? verdicts : null;
}

/** The form of the entry that the text begins with, if it accepts the item by its index. */
function formOf(text: string, item: BulkItem): Form | null {
  const slots: Slot[] = [];
  const names = new Set<string>();
  let from = 0;
  let at = 0;
  for (;;) {
    MEMBER.lastIndex = at;
    const match = MEMBER.exec(text);
    if (match === null) break;
    const [, before = '', name = '', value = ''] = match;
    // Matched by its key an entry is looked up; of two members with one name the last counts.
    if (name === 'idempotencyKey' || names.has(name) || before.startsWith('{') !== (at === 0)) {
      return null;
    }
    names.add(name);
    const isText = value.startsWith('"') && TEXTS.includes(name);
    if (isText || name === 'index') {
      const valueAt = at + before.length + (isText ? 1 : 0);
      slots.push({ before: Buffer.from(text.slice(from, valueAt), 'latin1'), name });
      from = at + match[0].length - (isText ? 1 : 0);
    }
    at += match[0].length;
  }
  if (text[at] !== '}' || !names.has('index')) return null;
  const entry = JSON.parse(text.slice(0, at + 1)) as JsonValue;
  const [verdict] = decodeBulkAnswer([entry], [item]);
  if (verdict?.type !== 'accepted') return null;
  const after = Buffer.from(text.slice(from, at + 1), 'latin1');
  return { slots, after, replayed: verdict.replayed };
}

function startsWith(bytes: Buffer, at: number, expected: Buffer): boolean {
  const { length } = expected;
  for (let index = 0; index < length; index += 1) {
    if (bytes[at + index] !== expected[index]) return false;
  }
  return true;
}

/** Where the digits of a number end that stand there; -1 for others. What follows is compared by the caller. */
function endOfNumber(bytes: Buffer, at: number, number: number): number {
  const digits = String(number);
  for (let index = 0; index < digits.length; index += 1) {
    if (bytes[at + index] !== digits.charCodeAt(index)) return -1;
  }
  return at + digits.length;
}

/** Where a text ends, at its quote; -1 when it is not plain. */
function endOfText(bytes: Buffer, at: number): number {
  for (let index = at; index < bytes.length; index += 1) {
    const code = bytes[index] as number;
    if (code === QUOTE) return index;
    if (code < 0x20 || code > 0x7e || code === BACKSLASH) return -1;
  }
  return -1;
}

function isOfItem(name: string, text: string, item: BulkItem): boolean {
  const own = ITEM_TEXTS.find((each) => each === name);
  return own === undefined || item[own] === text;
}

/** What follows the list is the end of the object, with no other list in it, nor the same again. */
function isPlainEnd(bytes: Buffer, at: number, list: string): boolean {
  if (!isAscii(bytes.subarray(at))) return false;
  let rest: JsonObject;
  try {
    rest = JSON.parse(`{"":0${bytes.toString('latin1', at)}`) as JsonObject;
  } catch {
    return false;
  }
  return (
    !Object.hasOwn(rest, list) &&
    Object.values(rest).every((value) => typeof value !== 'object' || value === null)
  );
}
