import type { CertyoEmulator } from './certyo-emulator.ts';

/** An answer as the tests of the emulator look at it. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body, or undefined when it is not JSON. */
  readonly json: unknown;
}

/** A valid record with some fields changed. */
export function record(fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    tenantId: 'test-tenant',
    database: 'shopdb',
    collection: 'public.orders',
    recordId: '1001',
    recordPayload: { id: 1001 },
    ...fields,
  };
}

/** Calls an endpoint; `body` is sent as it is when it is text. */
export async function call(
  emulator: Pick<CertyoEmulator, 'url' | 'apiKey'>,
  method: string,
  path: string,
  body?: unknown,
  options: { readonly headers?: Record<string, string>; readonly signal?: AbortSignal } = {},
): Promise<TestAnswer> {
  const response = await fetch(`${emulator.url}/api/v1${path}`, {
    method,
    redirect: 'manual',
    headers: {
      'x-api-key': emulator.apiKey,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parse(text) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
