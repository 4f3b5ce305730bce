import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmulatorState, EndpointRequest, Reply } from './endpoint.ts';
import { garbageAnswer, garbageApplies, rateLimitHeaders, type RawAnswer } from './fault-answer.ts';
import type { ActiveFault } from './fault-registry.ts';
import type { CertyoFault, FaultTarget } from './fault.ts';
import { incomingRecords } from './ingestion.ts';
import type { RequestLogEntry } from './inspection.ts';
import type { InMemoryKeyRing, Principal } from './key-ring.ts';
import type { EmulatorPhase } from './options.ts';
import { Problem, problemBody } from './problem.ts';
import { RateLimiter, retryAfterValue } from './rate-limiter.ts';
import type { JsonInput } from './raw-json.ts';
import { isFields } from './record-input.ts';
import { iso } from './record-view.ts';
import { parseBody, readBody, RequestAbortedError } from './request-body.ts';
import { findEndpoint } from './router.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** One request on its way through. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly entry: Mutable<RequestLogEntry>;
  /** The body; a problem when it is none that can be read. */
  body: { readonly value: JsonInput } | { readonly problem: Problem };
  effects: number;
}

const REQUEST_FAULTS = [
  'reject',
  'fail-after-accept',
  'hold',
  'slow',
  'garbage',
  'redirect',
  'rate-limit',
  'status',
] as const satisfies readonly CertyoFault['kind'][];

type RequestFault = ActiveFault<Extract<CertyoFault, { kind: (typeof REQUEST_FAULTS)[number] }>>;

export interface RequestHandlerOptions {
  readonly state: EmulatorState;
  readonly keys: InMemoryKeyRing;
  readonly now: () => number;
  /** Aborted when the emulator closes. */
  readonly signal: AbortSignal;
  /** Called after records were accepted. */
  readonly onEffects: () => void;
}

/** Answers requests: body, faults, authentication, rate limit, endpoint, phases, log. */
export class RequestHandler {
  readonly #options: RequestHandlerOptions;
  readonly #limiter: RateLimiter | null;
  readonly #logCapacity: number;
  /** Newest requests, oldest first. */
  log: RequestLogEntry[] = [];
  requests = 0;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
    const { rateLimit, retention } = options.state.options;
    this.#limiter = rateLimit === false ? null : new RateLimiter(rateLimit);
    this.#logCapacity = retention === 'full' ? 10_000 : 1_000;
  }

  /** Never rejects, except for a defect of the emulator. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = this.#begin(request, response);
    try {
      await this.#exchange(exchange);
    } catch (error) {
      // The client, or the emulator, went away: there is nobody to answer.
      if (error instanceof RequestAbortedError || this.#options.signal.aborted) {
        response.destroy();
        return;
      }
      // A hook of a test that threw, or a defect: visible to the client, and nothing of the values in it.
      const problem = new Problem(500, 'internal_error', 'The emulator failed.');
      if (response.headersSent) response.destroy();
      else await this.#write(exchange, this.#problemAnswer(exchange, problem));
    }
  }

  #begin(request: IncomingMessage, response: ServerResponse): Exchange {
    this.requests += 1;
    const url = new URL(request.url ?? '/', 'http://emulator');
    const entry: Mutable<RequestLogEntry> = {
      requestNumber: this.requests,
      method: request.method ?? 'GET',
      path: url.pathname,
      headerNames: Object.keys(request.headers),
      bytes: 0,
      recordCount: 0,
      status: null,
      correlationId: randomUUID(),
      fault: null,
      receivedAt: iso(this.#options.now()),
    };
    this.log.push(entry);
    if (this.log.length >= this.#logCapacity * 2) this.log = this.log.slice(-this.#logCapacity);
    return { request, response, url, entry, body: { value: null }, effects: 0 };
  }

  async #exchange(exchange: Exchange): Promise<void> {
    const { entry } = exchange;
    await this.#readBody(exchange);
    await this.#phase('request-received', exchange);
    const principal = this.#principal(exchange);
    const active = this.#strike(exchange, principal);
    if (active === null) {
      const answer = this.#answer(exchange, principal);
      await this.#phase('applied', exchange);
      await this.#write(exchange, answer);
    } else {
      entry.fault = active.fault.kind;
      await this.#answerWithFault(exchange, principal, active);
    }
    await this.#phase('responded', exchange);
  }

  async #readBody(exchange: Exchange): Promise<void> {
    const { request, entry } = exchange;
    const { maxRequestBytes } = this.#options.state.options;
    const body = await readBody(request, maxRequestBytes);
    if (body === null) {
      const detail = `The body must be at most ${maxRequestBytes} bytes.`;
      exchange.body = { problem: new Problem(413, 'body_too_large', detail) };
      return;
    }
    entry.bytes = body.length;
    if (entry.method !== 'POST' || (body.length === 0 && entry.path.endsWith('/retry'))) return;
    try {
      const value = parseBody(request, body);
      exchange.body = { value };
      const records = isFields(value) ? value['records'] : value;
      entry.recordCount = Array.isArray(records) ? records.length : 1;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      exchange.body = { problem: error };
    }
  }

  #principal(exchange: Exchange): Principal | null {
    const key = exchange.request.headers['x-api-key'];
    return typeof key === 'string' ? this.#options.keys.find(key) : null;
  }

  #strike(exchange: Exchange, principal: Principal | null): RequestFault | null {
    const { state } = this.#options;
    if (state.faults.isEmpty) return null;
    const { method, path } = exchange.entry;
    const isIngestion = method === 'POST' && path.startsWith('/api/v1/records');
    const records =
      isIngestion && 'value' in exchange.body ? incomingRecords(state, exchange.body.value) : [];
    const base = { method, path, tenantId: principal?.tenantId ?? null };
    const targets: FaultTarget[] =
      records.length === 0
        ? [{ ...base, record: null }]
        : records.map((record) => ({ ...base, record }));
    return state.faults.strike(
      REQUEST_FAULTS,
      targets,
      (fault) => fault.kind !== 'reject' || (fault.scope === 'request' && isIngestion),
    );
  }

  /** Applies the request and makes its answer. */
  #answer(exchange: Exchange, principal: Principal | null): RawAnswer {
    const { entry } = exchange;
    const { state, now } = this.#options;
    const nowMs = now();
    let answer: RawAnswer;
    try {
      const reply = this.#endpointReply(exchange, principal, nowMs);
      exchange.effects = reply.effects ?? 0;
      answer = jsonAnswer(reply.status, reply.body);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      answer = this.#problemAnswer(exchange, error);
    }
    if (principal !== null) {
      state.audit.add({
        tenantId: principal.tenantId,
        atMs: nowMs,
        fields: {
          action: `${entry.method} ${entry.path}`,
          keyId: principal.keyId,
          clientId: principal.clientId,
          recordCount: entry.recordCount,
          status: answer.status,
          correlationId: entry.correlationId,
        },
      });
    }
    // Also after a retry of a snapshot: there is something to batch.
    this.#options.onEffects();
    return answer;
  }

  #endpointReply(exchange: Exchange, principal: Principal | null, nowMs: number): Reply {
    const { entry, url, body } = exchange;
    const { endpoint, id } = findEndpoint(entry.method, entry.path);
    if (principal === null) {
      const given = exchange.request.headers['x-api-key'] !== undefined;
      throw new Problem(
        401,
        given ? 'invalid_api_key' : 'missing_api_key',
        given ? 'The API key is unknown or inactive.' : 'The X-API-Key header is required.',
      );
    }
    this.#checkRate(principal, nowMs);
    if ('problem' in body) throw body.problem;
    const request: EndpointRequest = {
      method: entry.method,
      path: entry.path,
      principal,
      query: url.searchParams,
      id,
      body: body.value,
      nowMs,
    };
    return endpoint(this.#options.state, request);
  }

  #checkRate(principal: Principal, nowMs: number): void {
    const { rateLimit } = this.#options.state.options;
    if (this.#limiter === null || rateLimit === false) return;
    const client = `${principal.tenantId}\n${principal.clientId ?? ''}`;
    const waitMs = this.#limiter.take(client, nowMs);
    if (waitMs === null) return;
    throw new Problem(429, 'rate_limited', 'The client made too many requests.', {
      headers: { 'retry-after': retryAfterValue(rateLimit.retryAfter, waitMs) },
    });
  }

  async #answerWithFault(
    exchange: Exchange,
    principal: Principal | null,
    active: RequestFault,
  ): Promise<void> {
    const { fault } = active;
    const apply = async (): Promise<RawAnswer> => {
      const answer = this.#answer(exchange, principal);
      await this.#phase('applied', exchange);
      return answer;
    };
    const refuse = (
      status: number,
      code: string,
      headers: Readonly<Record<string, string>> = {},
    ): RawAnswer => {
      const detail = 'A fault of the emulator struck.';
      return this.#problemAnswer(exchange, new Problem(status, code, detail, { headers }));
    };
    switch (fault.kind) {
      case 'fail-after-accept':
        await apply();
        exchange.request.socket.destroy();
        return;
      case 'hold': {
        const early = fault.applies === false ? null : await apply();
        await abortable(active.untilRemoved(), this.#options.signal);
        await this.#write(exchange, early ?? (await apply()));
        return;
      }
      case 'slow': {
        const early = fault.applies === 'late' ? null : await apply();
        await sleep(fault.delayMs, undefined, { signal: this.#options.signal });
        await this.#write(exchange, early ?? (await apply()));
        return;
      }
      case 'garbage':
        await this.#write(
          exchange,
          garbageAnswer(fault, garbageApplies(fault) ? await apply() : null),
        );
        return;
      case 'redirect':
        await this.#write(exchange, {
          status: fault.status,
          contentType: null,
          headers: { location: fault.location },
          body: '',
        });
        return;
      case 'rate-limit':
        await this.#write(exchange, refuse(429, 'rate_limited', rateLimitHeaders(fault)));
        return;
      case 'status':
        if (fault.applies === true) await apply();
        await this.#write(exchange, refuse(fault.status, 'status_on_demand'));
        return;
      case 'reject':
        await this.#write(exchange, refuse(400, fault.code ?? 'rejected_on_demand'));
        return;
    }
  }

  #problemAnswer(exchange: Exchange, problem: Problem): RawAnswer {
    return {
      status: problem.status,
      contentType: 'application/problem+json; charset=utf-8',
      headers: problem.headers,
      body: problemBody(problem, exchange.entry.correlationId),
    };
  }

  /** Writes an answer; resolves when it is handed over or the client is gone. */
  #write(exchange: Exchange, answer: RawAnswer): Promise<void> {
    const { response, entry } = exchange;
    entry.status = answer.status;
    if (response.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      response.once('close', resolve);
      const body = Buffer.from(answer.body, 'utf8');
      response.writeHead(answer.status, {
        'x-correlation-id': entry.correlationId,
        'content-length': body.length,
        ...(answer.contentType === null ? {} : { 'content-type': answer.contentType }),
        ...answer.headers,
      });
      response.end(body, resolve);
    });
  }

  async #phase(phase: EmulatorPhase, exchange: Exchange): Promise<void> {
    const { onPhase } = this.#options.state.options;
    if (onPhase === undefined) return;
    const { requestNumber, method, path, recordCount, status } = exchange.entry;
    const effectCount = exchange.effects;
    await onPhase(phase, { requestNumber, method, path, recordCount, effectCount, status });
  }
}

function jsonAnswer(status: number, body: string): RawAnswer {
  return { status, contentType: 'application/json; charset=utf-8', headers: {}, body };
}

/** Waits for a promise until the signal aborts. */
function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
