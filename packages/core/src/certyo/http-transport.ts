import { Agent, type Dispatcher } from 'undici';

import { ConfigurationError } from '../errors/configuration-error.ts';
import { ResponseInvalidError } from '../errors/delivery-error.ts';
import type { Secret } from '../internal/secret.ts';
import { isSecret } from '../internal/secret.ts';
import { checkApiKey, type NormalizedClientOptions } from './client-options.ts';
import { toDeliveryError, TransportFailure } from './http-failure.ts';
import { withDeadline } from './internal/deadline.ts';
import { abortable } from '../internal/on-abort.ts';

/** A request to the API. */
export interface CertyoRequest {
  readonly method: 'GET' | 'POST';
  /** From `/api/v1` on, with its query. */
  readonly path: string;
  /** JSON text or its UTF-8 bytes. */
  readonly body?: string | Uint8Array | undefined;
}

/** An answer of whatever status, as bytes. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  header(name: string): string | null;
}

/**
 * Sends requests to one origin. Never follows a redirect: undici's `request` returns it as an answer like any other.
 */
export class HttpTransport {
  readonly #options: NormalizedClientOptions;
  readonly #dispatcher: Dispatcher;
  readonly #ownsDispatcher: boolean;

  constructor(options: NormalizedClientOptions) {
    this.#options = options;
    this.#ownsDispatcher = options.dispatcher === undefined;
    this.#dispatcher =
      options.dispatcher ??
      new Agent({
        connections: options.maxConnections,
        pipelining: 1,
        allowH2: false,
        // Below the 5 s after which common servers close an idle connection (H-17).
        keepAliveTimeout: 4_000,
        keepAliveMaxTimeout: 60_000,
        connect: { timeout: options.connectTimeoutMs },
      });
  }

  /**
   * Sends one request and reads its answer to the end.
   *
   * @throws the signal's reason on abort, else DeliveryConnectionError, DeliveryTimeoutError or ResponseInvalidError.
   */
  async send(request: CertyoRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const what = describeRequest(request);
    return withDeadline(signal, this.#options.timeoutMs, async (limited) => {
      try {
        const key = await this.#key(limited);
        return await this.#exchange(request, key, limited);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof ConfigurationError || error instanceof ResponseInvalidError) {
          throw error;
        }
        throw toDeliveryError(what, limited.aborted ? limited.reason : error);
      }
    });
  }

  async close(): Promise<void> {
    if (this.#ownsDispatcher) await this.#dispatcher.destroy();
  }

  async #key(signal: AbortSignal): Promise<Secret> {
    const { apiKey } = this.#options;
    if (isSecret(apiKey)) return apiKey;
    let given: unknown;
    try {
      given = await abortable(Promise.resolve(apiKey({ signal })), signal);
    } catch {
      // What the caller's function threw is not kept: it may hold the secret or where it is.
      throw new TransportFailure('API_KEY_UNAVAILABLE', 'The function in `apiKey` failed.');
    }
    return checkApiKey(given);
  }

  async #exchange(request: CertyoRequest, key: Secret, signal: AbortSignal): Promise<HttpAnswer> {
    const { baseUrl, headersTimeoutMs, bodyTimeoutMs } = this.#options;
    const response = await this.#dispatcher.request({
      origin: baseUrl.origin,
      path: baseUrl.prefix + request.path,
      method: request.method,
      headers: {
        'x-api-key': key.reveal(),
        accept: 'application/json',
        // A compressed answer could grow without limit.
        'accept-encoding': 'identity',
        'user-agent': 'certyo-cdc',
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: request.body ?? null,
      headersTimeout: headersTimeoutMs,
      bodyTimeout: bodyTimeoutMs,
      signal,
    });
    const headers = response.headers;
    return {
      status: response.statusCode,
      body: await this.#read(response, describeRequest(request)),
      header(name) {
        const value = headers[name];
        return (Array.isArray(value) ? value[0] : value) ?? null;
      },
    };
  }

  async #read(response: Dispatcher.ResponseData, what: string): Promise<Uint8Array> {
    const { maxResponseBytes } = this.#options;
    const parts: Uint8Array[] = [];
    let bytes = 0;
    // Leaving the loop destroys the body and with it the connection.
    for await (const part of response.body as AsyncIterable<Uint8Array>) {
      bytes += part.byteLength;
      if (bytes > maxResponseBytes) {
        throw new ResponseInvalidError(
          response.statusCode,
          `${what} was answered with more than ${maxResponseBytes} bytes.`,
        );
      }
      parts.push(part);
    }
    return Buffer.concat(parts);
  }
}

/** Method and path without the query, whose values can be row values. */
export function describeRequest(request: CertyoRequest): string {
  return `${request.method} ${request.path.replace(/\?.*$/su, '')}`;
}
