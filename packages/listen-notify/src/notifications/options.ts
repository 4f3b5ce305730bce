import type { SourceEvent } from '@certyo-cdc/core';
import { ConfigurationError } from '@certyo-cdc/core';
import { OptionReader } from '@certyo-cdc/core/internal';
import {
  type ConnectionOptions,
  resolveConnection,
  type ResolvedConnection,
} from '@certyo-cdc/postgres';
import { checkChannelName } from '../listener/channel-name.ts';
import {
  type ListenerOptions,
  type ListenerSettings,
  normalizeListenerOptions,
} from '../listener/listener-options.ts';
import { WHEN_FULL, type WhenFull } from './notification-buffer.ts';

/** Options of `notifications`. */
export interface NotificationsOptions {
  /**
   * How to reach PostgreSQL: itself, or a pooler in session mode.
   * @default PG_DSN, DATABASE_URL or libpq's PG* variables
   */
  readonly connection?: ConnectionOptions | string | undefined;
  /** The channels: names as they are (not folded to lower case), at most 63 bytes each. */
  readonly channels: readonly string[];
  /** Ends the iteration: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Notifications that may wait to be taken; each has at most 8 kB. @default 10000 */
  readonly maxBuffered?: number | undefined;
  /**
   * What happens with the one for which there is no room: `fail` ends the iteration with `NotificationsOverflowError`;
   * `missed` puts one item of type `missed` in the place of all that wait. @default 'fail'
   */
  readonly whenFull?: WhenFull | undefined;
  /** How the connection is watched. */
  readonly listener?: ListenerOptions | undefined;
  /** Observes the connection: losses and warnings. Must not throw. */
  readonly onEvent?: ((event: SourceEvent) => void) | undefined;
  /** Environment to read instead of `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

const OPTIONS = [
  'connection',
  'channels',
  'signal',
  'maxBuffered',
  'whenFull',
  'listener',
  'onEvent',
  'env',
] as const satisfies readonly (keyof NotificationsOptions)[];

/** The options as settled. */
export interface NotificationsSettings {
  readonly connection: ResolvedConnection;
  readonly channels: readonly string[];
  readonly signal: AbortSignal;
  readonly maxBuffered: number;
  readonly whenFull: WhenFull;
  readonly listener: ListenerSettings;
  readonly onEvent: (event: SourceEvent) => void;
}

/** Reads the options strictly. Throws `ConfigurationError`; touches neither network nor files. */
export function normalizeNotificationsOptions(
  options: NotificationsOptions,
): NotificationsSettings {
  const reader = new OptionReader('', options, OPTIONS);
  reader.assertFunction('onEvent');
  return {
    connection: resolveConnection(options.connection, options.env ?? process.env),
    channels: channelNames(reader.value('channels')),
    signal: options.signal ?? new AbortController().signal,
    maxBuffered: reader.positiveInteger('maxBuffered', 10_000),
    whenFull: reader.oneOf('whenFull', WHEN_FULL, 'fail'),
    listener: normalizeListenerOptions(options.listener),
    onEvent: options.onEvent ?? (() => undefined),
  };
}

function channelNames(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new ConfigurationError(
      'channels',
      'Expected `channels` to be a list of at least one channel.',
      { remedy: "For example: channels: ['orders']." },
    );
  }
  return [...new Set(value.map((name: unknown) => checkChannelName(name, 'channels')))];
}
