import { ConfigurationError } from '@certyo-cdc/core';

const URL_SCHEME = /^postgres(?:ql)?:\/\//;

/**
 * Splits a connection string into libpq's keywords and values, by libpq's rules (PostgreSQL documentation, 34.1.1).
 * Nothing of the text ever gets into an error: it may hold a password.
 */
export function parseConnectionString(
  text: string,
  origin: string,
): readonly (readonly [keyword: string, value: string])[] {
  if (text.includes('\0')) throw malformed(origin, 'it contains a NUL character');
  const trimmed = text.trim();
  const scheme = URL_SCHEME.exec(trimmed);
  if (scheme !== null) return parseUrl(trimmed.slice(scheme[0].length), origin);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed))
    throw malformed(origin, 'its scheme is neither postgres:// nor postgresql://');
  if (trimmed.includes('=')) return parseKeywords(trimmed, origin);
  throw malformed(origin, 'it is neither a postgresql:// URL nor a list of keyword=value');
}

function malformed(origin: string, why: string): ConfigurationError {
  return new ConfigurationError(origin, `${origin} cannot be read: ${why}.`);
}

function parseUrl(text: string, origin: string): readonly (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  const queryStart = text.indexOf('?');
  const main = queryStart === -1 ? text : text.slice(0, queryStart);
  const query = queryStart === -1 ? '' : text.slice(queryStart + 1);
  const slash = main.indexOf('/');
  const authority = slash === -1 ? main : main.slice(0, slash);
  const path = slash === -1 ? '' : main.slice(slash + 1);

  const at = authority.lastIndexOf('@');
  if (at === -1 && (path.includes('@') || query.includes('@')) && authority.includes(':'))
    throw malformed(origin, 'write / ? # and @ in a password as %2F %3F %23 and %40');
  if (at !== -1) {
    const login = authority.slice(0, at);
    const colon = login.indexOf(':');
    pairs.push(['user', decode(colon === -1 ? login : login.slice(0, colon), origin)]);
    if (colon !== -1) pairs.push(['password', decode(login.slice(colon + 1), origin)]);
  }
  pairs.push(...parseHost(authority.slice(at + 1), origin));
  if (path !== '') pairs.push(['dbname', decode(path, origin)]);
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    if (equals === -1) throw malformed(origin, 'a parameter after ? has no value');
    pairs.push([decode(part.slice(0, equals), origin), decode(part.slice(equals + 1), origin)]);
  }
  return pairs;
}

function parseHost(text: string, origin: string): readonly (readonly [string, string])[] {
  if (text.includes(',')) throw malformed(origin, SEVERAL_HOSTS);
  const parts = /^(?:\[(?<ipv6>[^\]]*)\]|(?<name>[^:[\]]*))(?::(?<port>.*))?$/.exec(text)?.groups;
  if (parts === undefined)
    throw malformed(origin, 'its host is not valid (write an IPv6 address in [brackets])');
  const pairs: (readonly [string, string])[] = [];
  const host = parts['ipv6'] ?? decode(parts['name'] ?? '', origin);
  if (host !== '') pairs.push(['host', host]);
  if (parts['port'] !== undefined && parts['port'] !== '')
    pairs.push(['port', decode(parts['port'], origin)]);
  return pairs;
}

/** Said of several hosts, wherever they stand. */
export const SEVERAL_HOSTS =
  'several hosts are not supported (give one, or a name that follows the primary)';

function decode(text: string, origin: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw malformed(
      origin,
      'it has a % that is not followed by two hexadecimal digits (write % as %25)',
    );
  }
  if (decoded.includes('\0')) throw malformed(origin, 'it contains %00');
  return decoded;
}

/**
 * `host=localhost password='it\'s'`: a backslash takes the next character as it is, inside quotes and outside. A
 * doubled quote inside quotes is read as one, which libpq refuses.
 */
function parseKeywords(text: string, origin: string): readonly (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  const keyword = /\s*([^\s=]+)\s*(=?)\s*/y;
  let at = 0;
  while (at < text.length) {
    keyword.lastIndex = at;
    const match = keyword.exec(text);
    if (match === null || match[2] !== '=' || match[1] === undefined)
      throw malformed(origin, 'a keyword is not followed by = (quote values that contain spaces)');
    const [value, next] = readValue(text, keyword.lastIndex, origin);
    pairs.push([match[1], value]);
    at = next;
  }
  return pairs;
}

function readValue(text: string, start: number, origin: string): readonly [string, number] {
  const isQuoted = text[start] === "'";
  let value = '';
  let at = isQuoted ? start + 1 : start;
  for (;;) {
    const character = text[at];
    if (character === undefined) {
      if (isQuoted) throw malformed(origin, 'a quoted value is not closed');
      return [value, at];
    }
    if (character === '\\') {
      value += text[at + 1] ?? '';
      at += 2;
    } else if (isQuoted && character === "'") {
      if (text[at + 1] !== "'") return [value, skipSpace(text, at + 1)];
      value += "'";
      at += 2;
    } else if (!isQuoted && /\s/.test(character)) {
      return [value, skipSpace(text, at)];
    } else {
      value += character;
      at += 1;
    }
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s/.test(text[at] ?? '')) at += 1;
  return at;
}
