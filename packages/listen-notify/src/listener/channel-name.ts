import { ConfigurationError } from '@certyo-cdc/core';
import { quoteIdentifier } from '@certyo-cdc/postgres';

/** Longest name of a channel, bytes: `LISTEN` cuts a longer one in silence, and `pg_notify` refuses it (N-11). */
const MAX_CHANNEL_BYTES = 63;

/** Checks the name of a channel and gives it back. It is taken as it is, not folded to lower case. */
export function checkChannelName(name: unknown, option: string): string {
  const isFit =
    typeof name === 'string' &&
    name !== '' &&
    !name.includes('\0') &&
    !/\p{Surrogate}/u.test(name) &&
    Buffer.byteLength(name) <= MAX_CHANNEL_BYTES;
  if (isFit) return name;
  throw new ConfigurationError(
    option,
    `Expected \`${option}\` to hold the name of a channel: 1 to ${MAX_CHANNEL_BYTES} bytes of text.`,
  );
}

/** LISTEN takes no parameters; without quotes it would fold the name to lower case (N-11). */
export function listenSql(channel: string): string {
  return `LISTEN ${quoteIdentifier(channel)}`;
}
