import { ConfigurationError } from '../errors/configuration-error.ts';

/** Where requests go, fixed when the client is made. */
export interface BaseUrl {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path in front of `/api/v1`, without a slash at its end; mostly empty. */
  readonly prefix: string;
}

/**
 * Checks a base URL: https, or http to this machine or when it is allowed; no user, password, query or fragment.
 *
 * Its errors never print the URL: it may hold credentials.
 */
export function normalizeBaseUrl(text: unknown, allowInsecureHttp: boolean): BaseUrl {
  if (typeof text !== 'string' || !URL.canParse(text)) {
    throw wrong('an absolute URL such as https://www.certyos.com');
  }
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw wrong('a URL without user and password');
  if (url.search !== '' || url.hash !== '') throw wrong('a URL without query and fragment');
  if (url.protocol === 'http:' && !allowInsecureHttp && !isLoopback(url.hostname)) {
    throw wrong(
      'an https URL: over http the API key can be read on the way',
      'Use https, or set `allowInsecureHttp` for a network that you trust.',
    );
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw wrong('an https URL');
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/u, '') };
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/u.test(hostname)
  );
}

function wrong(expected: string, remedy?: string): ConfigurationError {
  return new ConfigurationError(
    'baseUrl',
    `Expected \`baseUrl\` (or CERTYO_BASE_URL) to be ${expected}.`,
    { remedy },
  );
}
