import { Buffer } from 'node:buffer';

import { CdcError, canonicalJson, type JsonValue } from '@certyo-cdc/core';

import { type EvidenceBundle, wrongIn } from './bundle.ts';

/** What a text or value is: evidence, or why it is none. */
export type ReadEvidence =
  | { readonly type: 'evidence'; readonly bundle: EvidenceBundle }
  | { readonly type: 'none'; readonly why: string };

/** Reads evidence from JSON text, or from the value that was read from it. Throws for nothing that somebody may hand in. */
export function readEvidence(evidence: unknown): ReadEvidence {
  let value = evidence;
  if (typeof evidence === 'string') {
    try {
      value = JSON.parse(evidence) as unknown;
    } catch {
      return none('It is not JSON.');
    }
  }
  const wrong = wrongIn(value, 'evidence');
  if (wrong !== null) {
    return none(`It is not evidence of this format: ${wrong} is missing or not as it has to be.`);
  }
  try {
    canonicalJson(value as JsonValue);
  } catch (error) {
    if (!CdcError.is(error)) throw error;
    return none('It holds what canonical JSON cannot: then nobody can say what its digest is.');
  }
  if (
    typeof evidence === 'string' &&
    memberCount(evidence) !== memberCount(JSON.stringify(value))
  ) {
    return none('An object in it has a member twice: whoever reads it may see another one.');
  }
  return { type: 'evidence', bundle: value as EvidenceBundle };
}

function none(why: string): ReadEvidence {
  return { type: 'none', why };
}

/** How many members all objects of a JSON text have: each has a colon, and no other colon stands outside a string. */
function memberCount(json: string): number {
  const bytes = Buffer.from(json);
  let count = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) isText = !isText;
    else if (isText && byte === BACKSLASH) at += 1;
    else if (!isText && byte === COLON) count += 1;
  }
  return count;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
