import {
  CdcError,
  canonicalJson,
  type CertyoClient,
  HttpStatusError,
  type JsonValue,
  parseJson,
} from '@certyo-cdc/core';
import { payloadOf } from '@certyo-cdc/core/internal';

import type { LedgerAccess } from '../receipts/ledger-access.ts';
import { recordKey } from '../receipts/record-key.ts';
import { LookInterrupted, type Requests } from '../verifier/requests.ts';
import { versionWith } from './newest-receipts.ts';
import type { Settled } from './recheck.ts';
import type { RecordedPayload } from './recorded-payload.ts';
import type { AuditAnswer, AuditException } from './report-schema.ts';
import type { RenderedRow } from './row-renderer.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** Asks Certyo whether payloads are the recorded ones, and counts. */
export class CertyoQuestions {
  readonly #requests: Requests;
  asked = 0;
  verified = 0;
  notVerified = 0;
  unanswered = 0;
  /** What is not verified is looked at again: it is asked about, and counted, once. */
  readonly #refused = new Map<string, AuditAnswer>();

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** Null where there is no answer. */
  async ask(
    { fingerprint, item }: RenderedRow,
    recordVersion: string | undefined,
    options: CallOptions,
  ): Promise<AuditAnswer | null> {
    const { collection, database, recordId } = item;
    const question = JSON.stringify([recordKey(item), recordVersion, fingerprint]);
    const known = this.#refused.get(question);
    if (known !== undefined) return known;
    this.asked += 1;
    // To the letter: written anew, the members of a json column would come in another order.
    const payloadText = payloadOf(item).toString();
    const request = { database, collection, recordId, recordVersion, payloadText };
    let answer: AuditAnswer | null;
    try {
      answer = await this.#requests.ask(
        (client, within) => verify(client, request, within),
        options,
      );
    } catch (error) {
      if (!(error instanceof LookInterrupted)) throw error;
      answer = null;
    }
    if (answer === null) this.unanswered += 1;
    else if (answer.verified) this.verified += 1;
    else {
      this.notVerified += 1;
      this.#refused.set(question, answer);
    }
    return answer;
  }
}

const NOT_FOUND = 404;

async function verify(
  client: CertyoClient,
  request: Parameters<CertyoClient['verifyRecord']>[0],
  options: CallOptions,
): Promise<AuditAnswer> {
  try {
    const { anchored, reasonCategory, verificationStatus, verified } = await client.verifyRecord(
      request,
      options,
    );
    return { verified, anchored, reason: reasonCategory ?? verificationStatus };
  } catch (error) {
    const isUnknown = error instanceof HttpStatusError && error.status === NOT_FOUND;
    if (!isUnknown) throw error;
    return { verified: false, anchored: false, reason: 'not found' };
  }
}

export interface ExplainParts {
  readonly ledger: LedgerAccess;
  readonly questions: CertyoQuestions | null;
  readonly recordedPayload: RecordedPayload | null;
  readonly values: boolean;
}

/** Tells of something that is wrong what can be known about it. */
export async function explain(
  { audited, judgement, key, newest, row, suspect }: Settled,
  { ledger, questions, recordedPayload, values }: ExplainParts,
  options: CallOptions,
): Promise<AuditException> {
  if (judgement.type !== 'wrong') throw new TypeError('Nothing is wrong.');
  let { kind, reason } = judgement;
  const { collection, database, recordId, table } = suspect;
  const rendered = row?.rendering.type === 'record' ? row.rendering.row : null;
  const equal =
    rendered === null || newest === null
      ? null
      : await versionWith(ledger, suspect, rendered.fingerprint, null, options);
  // The newest one itself, where it is Certyo that says something else.
  const equalsVersion = equal === newest?.recordVersion ? null : equal;
  if (kind === 'changed' && equalsVersion !== null) {
    kind = 'out-of-order';
    reason = 'the row is what an older version of it was';
  }
  const differences =
    rendered === null
      ? null
      : await differing(rendered, newest?.recordVersion ?? null, recordedPayload, options);
  const isSameTable = newest === null || !audited.judge.isOld(newest, rendered);
  const columns =
    differences === null
      ? null
      : Object.keys(differences)
          .filter((name) => isSameTable || differences[name]?.recorded !== null)
          .sort();
  const shown = differences ?? allOf(rendered);
  return {
    kind,
    table,
    database,
    collection,
    recordId,
    key,
    reason,
    foundFingerprint: rendered?.fingerprint ?? null,
    recorded:
      newest === null
        ? null
        : {
            recordVersion: newest.recordVersion,
            operation: newest.operation,
            fingerprint: newest.fingerprint,
            recordHash: newest.recordHash,
            acceptedAt: newest.acceptedAt,
            state: newest.state,
          },
    equalsVersion,
    columns,
    values: values ? pick(shown, columns) : null,
    certyo:
      judgement.certyo ??
      (questions === null || rendered === null
        ? null
        : await questions.ask(rendered, newest?.recordVersion, options)),
  };
}

type Differences = Record<
  string,
  { readonly recorded: string | null; readonly found: string | null }
>;

async function differing(
  { item }: RenderedRow,
  recordVersion: string | null,
  recordedPayload: RecordedPayload | null,
  options: CallOptions,
): Promise<Differences | null> {
  if (recordedPayload === null || recordVersion === null) return null;
  const { collection, database, recordId } = item;
  const text = await recordedPayload({ database, collection, recordId, recordVersion }, options);
  const recorded = text === null ? null : membersOf(text);
  const found = membersOf(payloadOf(item).toString());
  if (recorded === null || found === null) return null;
  const differences: Differences = {};
  for (const name of new Set([...Object.keys(recorded), ...Object.keys(found)])) {
    const [one, other] = [recorded[name] ?? null, found[name] ?? null];
    if (one !== other) differences[name] = { recorded: one, found: other };
  }
  return differences;
}

function allOf(rendered: RenderedRow | null): Differences {
  const found = rendered === null ? null : membersOf(payloadOf(rendered.item).toString());
  return Object.fromEntries(
    Object.entries(found ?? {}).map(([name, text]) => [name, { recorded: null, found: text }]),
  );
}

function pick(differences: Differences, columns: readonly string[] | null): Differences {
  return columns === null
    ? differences
    : Object.fromEntries(Object.entries(differences).filter(([name]) => columns.includes(name)));
}

/** The members of a JSON object as canonical texts. */
function membersOf(text: string): Readonly<Record<string, string>> | null {
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError || CdcError.is(error)) return null;
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return Object.fromEntries(
    Object.entries(value as Readonly<Record<string, JsonValue>>).map(([name, member]) => [
      name,
      canonicalJson(member),
    ]),
  );
}
