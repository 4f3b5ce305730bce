import type { GarbageFault, RateLimitFault } from './fault.ts';

/** What is written to the client. */
export interface RawAnswer {
  readonly status: number;
  readonly contentType: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const LOGIN_PAGE =
  '<!doctype html><html><head><title>Sign in to the network</title></head><body>Please sign in.</body></html>';

/** An answer that is not the API's, made from the one that it would have given. */
export function garbageAnswer(fault: GarbageFault, real: RawAnswer | null): RawAnswer {
  const json = 'application/json; charset=utf-8';
  switch (fault.body ?? 'html') {
    case 'html':
      return answer(200, 'text/html; charset=utf-8', LOGIN_PAGE);
    case 'truncated': {
      const body = real?.body ?? '{"results":[{"index":0,';
      return answer(real?.status ?? 202, json, body.slice(0, Math.ceil(body.length / 2)));
    }
    case 'empty':
      return answer(real?.status ?? 200, json, '');
    case 'unrelated':
      return answer(200, json, '{"ok":true}');
  }
}

/** Whether a garbage fault lets the request have its effect. */
export function garbageApplies(fault: GarbageFault): boolean {
  return fault.applies ?? (fault.body === 'truncated' || fault.body === 'empty');
}

/** The headers of a 429 on demand. */
export function rateLimitHeaders(fault: RateLimitFault): Readonly<Record<string, string>> {
  const seconds = fault.seconds ?? 1;
  switch (fault.retryAfter ?? 'seconds') {
    case 'seconds':
      return { 'retry-after': String(seconds) };
    case 'http-date':
      return { 'retry-after': new Date(Date.now() + seconds * 1000).toUTCString() };
    case 'text':
      return { 'retry-after': 'in a little while' };
    case 'absurd':
      return { 'retry-after': '999999999999' };
    case 'absent':
      return {};
  }
}

function answer(status: number, contentType: string, body: string): RawAnswer {
  return { status, contentType, headers: {}, body };
}
