import { ConfigurationError } from '@certyo-cdc/core';
import { nearestName } from '@certyo-cdc/core/internal';

/** libpq keywords that mean something here. */
export const USED_KEYWORDS = [
  'host',
  'hostaddr',
  'port',
  'user',
  'password',
  'passfile',
  'dbname',
  'application_name',
  'fallback_application_name',
  'connect_timeout',
  'keepalives',
  'keepalives_idle',
  'options',
  'channel_binding',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslsni',
  'ssl_min_protocol_version',
] as const;

export type LibpqKeyword = (typeof USED_KEYWORDS)[number];

/** Keywords and their values; an empty value means that the keyword is not set, as with libpq. */
export type LibpqSettings = Partial<Readonly<Record<LibpqKeyword, string>>>;

/** Keywords that are accepted and change nothing: they tune what Node does not offer, or belong to other drivers. */
export const IGNORED_KEYWORDS: readonly string[] = [
  // libpq: fine tuning that Node leaves to the operating system, and features that are off here anyway.
  'keepalives_interval',
  'keepalives_count',
  'tcp_user_timeout',
  'sslcompression',
  'sslcertmode',
  'krbsrvname',
  'gsslib',
  'gssdelegation',
  'load_balance_hosts',
  'min_protocol_version',
  'max_protocol_version',
  'ssl_max_protocol_version',
  // node-postgres, Prisma.
  'uselibpqcompat',
  'schema',
  'pgbouncer',
  'connection_limit',
  'pool_timeout',
];

/** Keywords that must not be ignored, because who sets them relies on them. */
const REFUSED: Readonly<Record<string, string>> = {
  service: 'Service files are not read: give host, port, user and database.',
  servicefile: 'Service files are not read: give host, port, user and database.',
  requirepeer: 'It is not supported: remove it.',
  require_auth: 'It is not supported: remove it, or restrict methods in pg_hba.conf.',
  sslcrl: 'Revocation lists are not supported: remove it.',
  sslcrldir: 'Revocation lists are not supported: remove it.',
  sslkeylogfile: 'It would write session keys to a file: remove it.',
  scram_client_key: 'It is not supported: give a password.',
  scram_server_key: 'It is not supported: give a password.',
  oauth_issuer: 'OAuth is not supported: give a password function.',
  oauth_client_id: 'OAuth is not supported: give a password function.',
  oauth_client_secret: 'OAuth is not supported: give a password function.',
  oauth_scope: 'OAuth is not supported: give a password function.',
  replication: 'The library sets it itself: remove it.',
};

/** Keywords of which only these values are accepted. */
const ACCEPTED_VALUES: Readonly<Record<string, readonly string[]>> = {
  target_session_attrs: ['any'],
  gssencmode: ['disable', 'prefer'],
  sslnegotiation: ['postgres'],
  client_encoding: ['auto', 'utf8', 'utf-8', 'unicode'],
};

/** libpq's environment variables. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  PGHOST: 'host',
  PGHOSTADDR: 'hostaddr',
  PGPORT: 'port',
  PGDATABASE: 'dbname',
  PGUSER: 'user',
  PGPASSWORD: 'password',
  PGPASSFILE: 'passfile',
  PGAPPNAME: 'application_name',
  PGCONNECT_TIMEOUT: 'connect_timeout',
  PGOPTIONS: 'options',
  PGCHANNELBINDING: 'channel_binding',
  PGSSLMODE: 'sslmode',
  PGSSLROOTCERT: 'sslrootcert',
  PGSSLCERT: 'sslcert',
  PGSSLKEY: 'sslkey',
  PGSSLSNI: 'sslsni',
  PGSSLMINPROTOCOLVERSION: 'ssl_min_protocol_version',
  PGSSLNEGOTIATION: 'sslnegotiation',
  PGSSLCRL: 'sslcrl',
  PGSSLCRLDIR: 'sslcrldir',
  PGREQUIREPEER: 'requirepeer',
  PGREQUIREAUTH: 'require_auth',
  PGSERVICE: 'service',
  PGCLIENTENCODING: 'client_encoding',
  PGGSSENCMODE: 'gssencmode',
  PGTARGETSESSIONATTRS: 'target_session_attrs',
};

function isUsed(keyword: string): keyword is LibpqKeyword {
  return (USED_KEYWORDS as readonly string[]).includes(keyword);
}

/**
 * Sorts pairs of keyword and value into those that are used, dropping the ignored and refusing the rest by name.
 * `origin` names where they stand; `label` how a keyword is called there.
 */
export function acceptKeywords(
  pairs: Iterable<readonly [keyword: string, value: string]>,
  origin: string,
  label: (keyword: string) => string = (keyword) => keyword,
): LibpqSettings {
  const settings: Partial<Record<LibpqKeyword, string>> = {};
  for (const [given, value] of pairs) {
    const [keyword, text] = translate(given, value);
    if (text === '') continue;
    if (isUsed(keyword)) {
      settings[keyword] = text;
      continue;
    }
    if (IGNORED_KEYWORDS.includes(keyword)) continue;
    const name = label(given);
    const accepted = Object.hasOwn(ACCEPTED_VALUES, keyword) ? ACCEPTED_VALUES[keyword] : undefined;
    if (accepted !== undefined) {
      if (accepted.includes(text.toLowerCase())) continue;
      throw new ConfigurationError(
        name,
        `\`${name}\` in ${origin} has a value that is not supported (only ${accepted.join(', ')}).`,
      );
    }
    const reason = Object.hasOwn(REFUSED, keyword) ? REFUSED[keyword] : undefined;
    if (reason !== undefined)
      throw new ConfigurationError(name, `\`${name}\` in ${origin} is refused.`, {
        remedy: reason,
      });
    const near = nearestName(keyword, USED_KEYWORDS);
    throw new ConfigurationError(
      origin,
      near === null
        ? `Unknown keyword in ${origin}${printable(keyword)}.`
        : `Unknown keyword in ${origin}${printable(keyword)}. Did you mean \`${near}\`?`,
    );
  }
  return settings;
}

/** An unknown keyword may be a piece of a badly quoted password: only what looks like a keyword is shown. */
function printable(keyword: string): string {
  return /^[a-z][a-z_]{1,30}$/i.test(keyword) ? `: \`${keyword}\`` : '';
}

/** `ssl=true` of libpq's URLs and of node-postgres. */
function translate(keyword: string, value: string): readonly [string, string] {
  if (keyword === 'database') return ['dbname', value];
  if (keyword !== 'ssl') return [keyword, value];
  if (value === 'true' || value === '1') return ['sslmode', 'require'];
  if (value === 'false' || value === '0') return ['sslmode', 'disable'];
  return [keyword, value];
}
