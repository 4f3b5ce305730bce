import { randomUUID } from 'node:crypto';

import { ConfigurationError } from '../errors/configuration-error.ts';
import type { JsonValue } from '../event/json.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { CertyoAnswer } from './api-answer.ts';
import { readAnswer } from './api-answer.ts';
import { normalizeClientOptions, type CertyoClientOptions } from './client-options.ts';
import type { CertyoCodecs } from './codecs.ts';
import { toAccepted, toPage, toSnapshot, toVerification } from './client-answers.ts';
import { apiPath, bulkItems, checkRequest, isRecordList, toRecordBody } from './client-requests.ts';
import type {
  AcceptedRecord,
  BulkResult,
  CallOptions,
  CertyoDocument,
  CertyoPage,
  CertyoRecord,
  QueryParameters,
  Snapshot,
  Verification,
} from './certyo-types.ts';
import { describeRequest, HttpTransport, type CertyoRequest } from './http-transport.ts';
import { querySchema, verifyPayloadSchema, verifySchema } from './schemas.ts';
import { parseJson } from '../json/parse-json.ts';
import type { VerifyRecordRequest } from './verify-body.ts';

const NEVER: AbortSignal = new AbortController().signal;

/**
 * A client for the public endpoints of the Certyo API, for one key and tenant.
 *
 * Every call rejects with `HttpStatusError` for an answer that means failure, `ResponseInvalidError` for one that is
 * not the API's, `DeliveryConnectionError` or `DeliveryTimeoutError` when none came, `ConfigurationError` for a
 * request that is wrong, and with the signal's reason on abort. Nothing is retried; redirects are never followed.
 */
export interface CertyoClient extends AsyncDisposable {
  readonly tenantId: string;
  /** Where requests go, without any secret. */
  readonly baseUrl: string;
  /** The same for two clients with the same URL and key, whose rate limit they share. Reveals no secret. */
  readonly scope: string;
  readonly codecs: CertyoCodecs;
  /** `POST /records`: hands in one record. */
  ingestRecord(record: CertyoRecord, options?: CallOptions): Promise<AcceptedRecord>;
  /** `POST /records/bulk`: hands in 1 to 1000 records, each accepted or rejected for itself. */
  ingestRecords(records: readonly CertyoRecord[], options?: CallOptions): Promise<BulkResult>;
  /** `GET /records`: summaries, filtered by `database`, `collection`, `recordId`, `from`, `to`. */
  queryRecords(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage>;
  /** `POST /verify/record`: with its payload, or only whether it is anchored. */
  verifyRecord(request: VerifyRecordRequest, options?: CallOptions): Promise<Verification>;
  /** `POST /verify/payload`: by a hash, without the payload. */
  verifyPayload(
    request: { readonly payloadHash: string } & Partial<Omit<VerifyRecordRequest, 'payload'>>,
    options?: CallOptions,
  ): Promise<Verification>;
  /** `GET /verify/snapshot/{snapshotId}`. */
  verifySnapshot(snapshotId: string, options?: CallOptions): Promise<Verification>;
  /** `GET /verify/history`. */
  verificationHistory(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage>;
  /** `GET /snapshots`: the anchoring states of a record's versions. */
  listSnapshots(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage<Snapshot>>;
  /** `GET /snapshots/{snapshotId}`. */
  getSnapshot(snapshotId: string, options?: CallOptions): Promise<Snapshot>;
  /** `GET /snapshots/{snapshotId}/lifecycle`. */
  getSnapshotLifecycle(snapshotId: string, options?: CallOptions): Promise<CertyoDocument>;
  /** `POST /snapshots/{snapshotId}/retry`: asks for a failed anchoring to be tried again. */
  retrySnapshot(snapshotId: string, options?: CallOptions): Promise<CertyoDocument>;
  /** `GET /batches/{batchId}`. */
  getBatch(batchId: string, options?: CallOptions): Promise<CertyoDocument>;
  /** `GET /timeline/record`: all versions of one record. */
  getRecordTimeline(query: QueryParameters, options?: CallOptions): Promise<CertyoPage>;
  /** `GET /audit/history`. */
  getAuditHistory(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage>;
  /** `GET /evidence/retrieval-controls`. */
  getRetrievalControls(query?: QueryParameters, options?: CallOptions): Promise<CertyoDocument>;
  /** Sends a request whose body is written already. Resolves for an answer of success that is JSON. */
  send(request: CertyoRequest, options?: CallOptions): Promise<CertyoAnswer>;
  /** Closes the connections, unless the dispatcher is the caller's. Idempotent. */
  close(): Promise<void>;
}

class HttpCertyoClient implements CertyoClient {
  readonly tenantId: string;
  readonly baseUrl: string;
  readonly scope: string;
  readonly codecs: CertyoCodecs;
  readonly #transport: HttpTransport;
  readonly #now: () => number;

  constructor(options: CertyoClientOptions) {
    const normalized = normalizeClientOptions(options);
    this.tenantId = normalized.tenantId;
    this.baseUrl = normalized.baseUrl.origin + normalized.baseUrl.prefix;
    this.scope = normalized.scope;
    this.codecs = normalized.codecs;
    this.#now = normalized.now;
    this.#transport = new HttpTransport(normalized);
  }

  async send(request: CertyoRequest, options: CallOptions = {}): Promise<CertyoAnswer> {
    const answer = await this.#transport.send(request, options.signal ?? NEVER);
    return readAnswer(describeRequest(request), answer, this.#now(), parserOf(request));
  }

  async ingestRecord(record: CertyoRecord, options?: CallOptions): Promise<AcceptedRecord> {
    const body = toRecordBody('record', record, this.tenantId);
    const request = { method: 'POST', path: apiPath('records'), body } as const;
    return toAccepted(request, await this.send(request, options), record.recordId, this.tenantId);
  }

  async ingestRecords(
    records: readonly CertyoRecord[],
    options?: CallOptions,
  ): Promise<BulkResult> {
    isRecordList(records);
    const bodies = records.map((record, index) =>
      Buffer.from(toRecordBody(`records[${index}]`, record, this.tenantId)),
    );
    const body = this.codecs.encodeBulk(bodies, this.tenantId);
    const answer = await this.send(
      { method: 'POST', path: apiPath('records/bulk'), body },
      options,
    );
    return {
      verdicts: this.codecs.decodeBulk(answer.body, bulkItems(records)),
      raw: answer.body,
    };
  }

  async queryRecords(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage> {
    return toPage(await this.#get('records', query ?? {}, options), (item) => item);
  }

  async verifyRecord(request: VerifyRecordRequest, options?: CallOptions): Promise<Verification> {
    checkRequest('request', verifySchema, request);
    const { payloadText, ...asked } = request;
    if (payloadText === undefined) {
      const body = this.codecs.encodeVerify(asked, this.tenantId);
      return toVerification(await this.#post('verify/record', body, options));
    }
    checkPayloadText(payloadText);
    const place = randomUUID();
    const around = canonicalJson(
      this.codecs.encodeVerify({ ...asked, payload: place }, this.tenantId),
    );
    const body = around.replace(`"${place}"`, () => payloadText);
    return toVerification(
      await this.send({ method: 'POST', path: apiPath('verify/record'), body }, options),
    );
  }

  async verifyPayload(
    request: { readonly payloadHash: string } & Partial<Omit<VerifyRecordRequest, 'payload'>>,
    options?: CallOptions,
  ): Promise<Verification> {
    checkRequest('request', verifyPayloadSchema, request);
    const given = Object.entries(request).filter(([, value]) => value !== undefined);
    const body = { tenantId: this.tenantId, ...Object.fromEntries(given) } as JsonValue;
    return toVerification(await this.#post('verify/payload', body, options));
  }

  async verifySnapshot(snapshotId: string, options?: CallOptions): Promise<Verification> {
    return toVerification(await this.#get(['verify', 'snapshot', snapshotId], null, options));
  }

  async verificationHistory(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage> {
    return toPage(await this.#get('verify/history', query ?? {}, options), (item) => item);
  }

  async listSnapshots(
    query?: QueryParameters,
    options?: CallOptions,
  ): Promise<CertyoPage<Snapshot>> {
    const answer = await this.#get('snapshots', query ?? {}, options);
    return toPage(answer, (item) => toSnapshot(answer.status, item));
  }

  async getSnapshot(snapshotId: string, options?: CallOptions): Promise<Snapshot> {
    const answer = await this.#get(['snapshots', snapshotId], null, options);
    return toSnapshot(answer.status, answer.body);
  }

  async getSnapshotLifecycle(snapshotId: string, options?: CallOptions): Promise<CertyoDocument> {
    return { raw: (await this.#get(['snapshots', snapshotId, 'lifecycle'], null, options)).body };
  }

  async retrySnapshot(snapshotId: string, options?: CallOptions): Promise<CertyoDocument> {
    const path = apiPath(['snapshots', snapshotId, 'retry']);
    return { raw: (await this.send({ method: 'POST', path }, options)).body };
  }

  async getBatch(batchId: string, options?: CallOptions): Promise<CertyoDocument> {
    return { raw: (await this.#get(['batches', batchId], null, options)).body };
  }

  async getRecordTimeline(query: QueryParameters, options?: CallOptions): Promise<CertyoPage> {
    return toPage(await this.#get('timeline/record', query, options), (item) => item);
  }

  async getAuditHistory(query?: QueryParameters, options?: CallOptions): Promise<CertyoPage> {
    return toPage(await this.#get('audit/history', query ?? {}, options), (item) => item);
  }

  async getRetrievalControls(
    query?: QueryParameters,
    options?: CallOptions,
  ): Promise<CertyoDocument> {
    return { raw: (await this.#get('evidence/retrieval-controls', query ?? {}, options)).body };
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #get(
    path: string | readonly string[],
    query: QueryParameters | null,
    options?: CallOptions,
  ): Promise<CertyoAnswer> {
    if (query === null) return this.send({ method: 'GET', path: apiPath(path) }, options);
    checkRequest('query', querySchema, query);
    const parameters = new URLSearchParams({ tenantId: this.tenantId });
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) parameters.set(name, String(value));
    }
    return this.send({ method: 'GET', path: `${apiPath(path)}?${parameters.toString()}` }, options);
  }

  async #post(path: string, body: JsonValue, options?: CallOptions): Promise<CertyoAnswer> {
    return this.send({ method: 'POST', path: apiPath(path), body: canonicalJson(body) }, options);
  }
}

/**
 * Makes a client for the Certyo API.
 *
 * @example
 * const client = createCertyoClient({ tenantId: 'acme' }); // the key comes from CERTYO_API_KEY
 * const page = await client.listSnapshots({ recordId: '1001' });
 * @throws ConfigurationError when the key or tenant is missing or an option is wrong.
 */
export function createCertyoClient(options: CertyoClientOptions = {}): CertyoClient {
  return new HttpCertyoClient(options);
}

function checkPayloadText(text: string): void {
  try {
    parseJson(text);
  } catch {
    throw new ConfigurationError('payloadText', 'Expected `payloadText` to be JSON.');
  }
}

/** Answers to ingestion carry no payload, so no digit can be lost, and there are many of them. */
function parserOf(request: CertyoRequest): (text: string) => JsonValue {
  const isIngestion = request.method === 'POST' && request.path.startsWith(apiPath('records'));
  return isIngestion ? (text) => JSON.parse(text) as JsonValue : parseJson;
}
