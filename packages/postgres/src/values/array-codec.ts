import type { JsonValue } from '@certyo-cdc/core';

import type { ByteWriter } from '@certyo-cdc/core/internal';

import { type ArrayNode, parseArrayText } from './array-text.ts';
import { codecOfText } from './internal/text-codec.ts';
import { type ValueCodec, writeTextJson } from './value-codec.ts';

const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;

/**
 * Arrays of one element type, nested by dimension. An array with lower bounds other than 1 is PostgreSQL's text as a
 * string: JSON has no place for bounds, and two different values must not look the same.
 */
export function createArrayCodec(element: ValueCodec, delimiter: string): ValueCodec {
  return codecOfText(
    (text, out) => {
      const nodes = parseArrayText(text, delimiter);
      if (nodes === null) out.text(JSON.stringify(text));
      else writeNodes(nodes, element, out);
    },
    (text) => {
      const nodes = parseArrayText(text, delimiter);
      return nodes === null ? text : readNodes(nodes, element);
    },
  );
}

function writeNodes(nodes: readonly ArrayNode[], element: ValueCodec, out: ByteWriter): void {
  out.byte(OPEN);
  let isFirst = true;
  for (const node of nodes) {
    if (!isFirst) out.byte(COMMA);
    isFirst = false;
    if (node === null) out.ascii('null');
    else if (typeof node === 'string') writeTextJson(element, node, out);
    else writeNodes(node, element, out);
  }
  out.byte(CLOSE);
}

function readNodes(nodes: readonly ArrayNode[], element: ValueCodec): readonly JsonValue[] {
  const values: JsonValue[] = [];
  for (const node of nodes) {
    if (node === null) values.push(null);
    else if (typeof node === 'string') values.push(element.toValue(node));
    else values.push(readNodes(node, element));
  }
  return Object.freeze(values);
}
