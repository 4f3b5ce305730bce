import { HttpStatusError, ResponseInvalidError } from '../errors/delivery-error.ts';
import type { JsonValue } from '../event/json.ts';
import { parseJson } from '../json/parse-json.ts';
import type { HttpAnswer } from './http-transport.ts';
import { parseRetryAfter } from './retry-after.ts';

/** An answer with a status of success and a JSON body. */
export interface CertyoAnswer {
  readonly status: number;
  readonly body: JsonValue;
  /** `X-Correlation-Id`, for the API's support, or null. */
  readonly correlationId: string | null;
}

const FIELDS = [
  'tenantId',
  'clientId',
  'database',
  'collection',
  'recordId',
  'recordVersion',
  'operationType',
  'recordPayload',
  'sourceTimestamp',
  'idempotencyKey',
];

const REMEDIES: Readonly<Record<number, string>> = {
  401: 'The API key is missing, wrong or inactive: check CERTYO_API_KEY.',
  403: 'The API key is not allowed for this tenant: check CERTYO_TENANT_ID.',
  404: 'Check the base URL.',
  405: 'Check the base URL.',
};

/**
 * Takes an answer of success apart.
 *
 * @throws HttpStatusError for any other status. ResponseInvalidError for what is not JSON (a page of a proxy).
 */
export function readAnswer(
  what: string,
  answer: HttpAnswer,
  nowMs: number,
  parse: (text: string) => JsonValue = parseJson,
): CertyoAnswer {
  const { status } = answer;
  const correlationId = readCorrelationId(answer);
  if (status < 200 || status > 299) {
    throw new HttpStatusError(status, `${what} was answered with ${status}${hint(answer)}.`, {
      correlationId,
      retryAfterMs: parseRetryAfter(answer.header('retry-after'), answer.header('date'), nowMs),
      remedy:
        status >= 300 && status < 400
          ? 'Redirects are not followed: they would carry the key elsewhere. Correct the base URL.'
          : REMEDIES[status],
    });
  }
  const encoding = answer.header('content-encoding');
  if (encoding !== null && encoding !== 'identity') {
    throw invalid(what, status, 'is compressed, although that was not asked for');
  }
  const type = answer.header('content-type');
  if (type !== null && !/^application\/([\w.-]+\+)?json\b/iu.test(type)) {
    throw invalid(what, status, 'is not JSON: a proxy or login page may be in between');
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(answer.body);
  } catch {
    throw invalid(what, status, 'is not UTF-8');
  }
  try {
    return { status, body: parse(text), correlationId };
  } catch {
    throw invalid(what, status, 'is not JSON: a proxy or login page may be in between');
  }
}

/** The error for an answer of success that is not what the API gives. Quotes nothing of it. */
export function invalid(what: string, status: number, why: string): ResponseInvalidError {
  return new ResponseInvalidError(status, `The answer to ${what} (${status}) ${why}.`);
}

/** Printable and short, or it is not kept. */
function readCorrelationId(answer: HttpAnswer): string | null {
  const value = answer.header('x-correlation-id');
  return value !== null && /^[\w.:/+=-]{1,128}$/u.test(value) ? value : null;
}

/**
 * Names the fields that a refusal is about. Nothing else of the body is kept, because it may quote row values; the
 * names of our own fields are not values.
 */
function hint(answer: HttpAnswer): string {
  if (answer.status !== 400 && answer.status !== 422) return '';
  const body = Buffer.from(answer.body).toString('latin1', 0, 64 * 1024);
  const named = FIELDS.filter((field) => new RegExp(`\\b${field}\\b`, 'iu').test(body));
  return named.length === 0 ? '' : ` (it names ${named.join(', ')})`;
}
