import { createHmac } from 'node:crypto';

import { JsonNumber, type JsonValue } from '../../event/json.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import type { ColumnTransform } from '../column-policy.ts';

/** What a transform makes of a value. */
export function applyTransform(transform: ColumnTransform, value: JsonValue): JsonValue {
  switch (transform.type) {
    case 'mask':
      return transform.text;
    case 'truncate':
      return value === null ? null : firstCharacters(asText(value), transform.characters);
    case 'hmac':
      return value === null ? null : hmac(asText(value), transform.key.reveal());
  }
}

function hmac(text: string, key: string): string {
  return `hmac-sha256:${createHmac('sha256', key).update(text).digest('hex')}`;
}

/** Whole code points, so that no half of a surrogate pair is left. */
function firstCharacters(text: string, count: number): string {
  let end = 0;
  for (let seen = 0; seen < count && end < text.length; seen += 1) {
    end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}

function asText(value: JsonValue): string {
  if (typeof value === 'string') return value;
  return JsonNumber.is(value) ? value.text : canonicalJson(value);
}
