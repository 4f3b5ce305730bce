import type { JsonValue } from '@certyo-cdc/core';

import { type ArrayNode, parseArrayText } from './array-text.ts';
import type { ValueCodec } from './value-codec.ts';

/**
 * Arrays of one element type, nested by dimension. An array with lower bounds other than 1 is PostgreSQL's text as a
 * string: JSON has no place for bounds, and two different values must not look the same.
 */
export function createArrayCodec(element: ValueCodec, delimiter: string): ValueCodec {
  return {
    toJson(text) {
      const nodes = parseArrayText(text, delimiter);
      return nodes === null ? JSON.stringify(text) : writeNodes(nodes, element);
    },
    toValue(text) {
      const nodes = parseArrayText(text, delimiter);
      return nodes === null ? text : readNodes(nodes, element);
    },
  };
}

function writeNodes(nodes: readonly ArrayNode[], element: ValueCodec): string {
  let json = '[';
  let separator = '';
  for (const node of nodes) {
    json += separator;
    separator = ',';
    if (node === null) json += 'null';
    else if (typeof node === 'string') json += element.toJson(node);
    else json += writeNodes(node, element);
  }
  return `${json}]`;
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
