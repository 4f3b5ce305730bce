import { isIP } from 'node:net';

import { ConfigurationError, isSecret, secret } from '@certyo-cdc/core';
import {
  optionalText,
  refuseUnknownOptions,
  requireObject,
  wrongOption,
  wrongSecretOption,
} from '@certyo-cdc/core/internal';

import {
  TLS_MODES,
  type ResolvedTls,
  type TlsMode,
  type TlsOptions,
} from './connection-options.ts';
import type { LibpqSettings } from './libpq-keywords.ts';
import { tlsLoader } from './tls-material.ts';

const TLS_OPTIONS = [
  'mode',
  'ca',
  'cert',
  'key',
  'passphrase',
  'servername',
  'minVersion',
  'allowInsecure',
] as const;

/** Where the connection goes, as far as TLS depends on it. */
export interface TlsTarget {
  readonly host: string;
  readonly address: string | null;
}

/** Settles TLS from the options, and under them the `ssl*` keywords. */
export function resolveTls(
  options: TlsOptions | undefined,
  settings: LibpqSettings,
  target: TlsTarget,
): ResolvedTls {
  const given: TlsOptions = options ?? {};
  refuseUnknownOptions('tls', requireObject('tls', given), TLS_OPTIONS);
  if (given.allowInsecure !== undefined && typeof given.allowInsecure !== 'boolean')
    throw wrongOption('tls.allowInsecure', 'true or false', given.allowInsecure);

  // `system` is libpq's word for the authorities that the platform trusts: Node's own list.
  const isSystemCa = settings.sslrootcert === 'system';
  const caPath = isSystemCa ? undefined : settings.sslrootcert;
  const ca = tlsLoader(given.ca ?? caPath, 'tls.ca', { isKey: false });
  const cert = tlsLoader(given.cert ?? settings.sslcert, 'tls.cert', { isKey: false });
  const key = tlsLoader(given.key ?? settings.sslkey, 'tls.key', { isKey: true });
  if ((cert === null) !== (key === null))
    throw new ConfigurationError(
      cert === null ? 'tls.cert' : 'tls.key',
      '`tls.cert` and `tls.key` (sslcert and sslkey) are given together or not at all.',
    );

  const servername = optionalText('tls.servername', given.servername) ?? null;
  const mode = settleMode(given, settings, target, {
    hasCa: ca !== null,
    isSystemCa: isSystemCa && given.ca === undefined,
  });
  return {
    mode,
    ca,
    cert,
    key,
    passphrase: passphrase(given, settings),
    servername,
    sendServername: servername !== null || settings.sslsni !== '0',
    minVersion: minVersion(given, settings),
    channelBinding: channelBinding(settings, mode),
  };
}

function settleMode(
  options: TlsOptions,
  settings: LibpqSettings,
  target: TlsTarget,
  trust: { readonly hasCa: boolean; readonly isSystemCa: boolean },
): TlsMode {
  const asked = askedMode(options, settings);
  // libpq never uses TLS over a Unix socket, whatever sslmode says.
  if (isSocketPath(target.host) && target.address === null) return 'disable';
  const isLocal = isLoopback(target.address ?? target.host);
  let mode = asked ?? (isLocal && !trust.hasCa ? 'prefer' : 'verify-full');
  if (mode === 'require' && trust.hasCa) mode = 'verify-ca';
  if (mode === 'verify-ca' && !trust.hasCa)
    throw new ConfigurationError(
      'tls.ca',
      'TLS mode `verify-ca` needs `tls.ca` (sslrootcert): any public authority signs any host.',
      { remedy: 'Give the CA of the server, or use `verify-full`.' },
    );
  if (trust.isSystemCa && mode !== 'verify-full')
    throw new ConfigurationError('tls.mode', '`sslrootcert=system` needs `sslmode=verify-full`.');
  if (!isLocal && isWeak(mode) && options.allowInsecure !== true)
    throw new ConfigurationError(
      'tls.mode',
      `TLS mode \`${mode}\` does not verify the server and is refused for hosts other than loopback.`,
      {
        remedy:
          'Use `verify-full` (with `tls.ca` where the CA is not public), or set `tls.allowInsecure: true` knowingly.',
      },
    );
  return mode;
}

function isWeak(mode: TlsMode): boolean {
  return mode === 'disable' || mode === 'prefer' || mode === 'require';
}

function askedMode(options: TlsOptions, settings: LibpqSettings): TlsMode | undefined {
  if (options.mode !== undefined) {
    if (isTlsMode(options.mode)) return options.mode;
    throw wrongOption('tls.mode', `one of ${TLS_MODES.join(', ')}`, options.mode);
  }
  if (settings.sslmode === undefined) return undefined;
  if (isTlsMode(settings.sslmode)) return settings.sslmode;
  if (settings.sslmode === 'no-verify')
    throw new ConfigurationError(
      'sslmode',
      '`sslmode=no-verify` is not a mode of libpq and is refused.',
      {
        remedy:
          'Use `require` with `tls.allowInsecure: true`, or better `verify-full` with `tls.ca`.',
      },
    );
  throw new ConfigurationError(
    'sslmode',
    `Expected \`sslmode\` to be one of ${TLS_MODES.join(', ')}.`,
  );
}

function isTlsMode(value: string): value is TlsMode {
  return (TLS_MODES as readonly string[]).includes(value);
}

function passphrase(options: TlsOptions, settings: LibpqSettings): ResolvedTls['passphrase'] {
  const given = options.passphrase ?? settings.sslpassword;
  if (given === undefined) return null;
  if (isSecret(given)) return given;
  if (typeof given !== 'string') throw wrongSecretOption('tls.passphrase', 'a string', given);
  return secret(given);
}

function minVersion(options: TlsOptions, settings: LibpqSettings): 'TLSv1.2' | 'TLSv1.3' {
  const given: unknown = options.minVersion ?? settings.ssl_min_protocol_version ?? 'TLSv1.2';
  if (given === 'TLSv1.2' || given === 'TLSv1.3') return given;
  throw new ConfigurationError(
    'tls.minVersion',
    'Expected `tls.minVersion` to be TLSv1.2 or TLSv1.3.',
  );
}

function channelBinding(settings: LibpqSettings, mode: TlsMode): ResolvedTls['channelBinding'] {
  const given = settings.channel_binding ?? 'prefer';
  if (given !== 'disable' && given !== 'prefer' && given !== 'require')
    throw new ConfigurationError(
      'channel_binding',
      'Expected `channel_binding` to be disable, prefer or require.',
    );
  if (given === 'require' && mode === 'disable')
    throw new ConfigurationError('channel_binding', '`channel_binding=require` needs TLS.');
  return given;
}

/** True for a directory (or abstract name) of Unix sockets. */
export function isSocketPath(host: string): boolean {
  return host.startsWith('/') || host.startsWith('@') || /^[a-z]:[\\/]/i.test(host);
}

/** True for hosts that cannot be another machine. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  if (isIP(name) === 4) return name.startsWith('127.');
  return name === '::1' || name.startsWith('::ffff:127.');
}
