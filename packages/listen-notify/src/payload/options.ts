import { type ChangeSource, ConfigurationError } from '@certyo-cdc/core';
import { OptionReader, tableLabel } from '@certyo-cdc/core/internal';
import {
  type ConnectionOptions,
  parseTableName,
  type QualifiedName,
  readObjectName,
  readStateSchema,
  readTableList,
  resolveConnection,
  type ResolvedConnection,
  type SetupOptions,
  type TableName,
  type TeardownOptions,
} from '@certyo-cdc/postgres';
import {
  type ListenerOptions,
  type ListenerSettings,
  normalizeListenerOptions,
} from '../listener/listener-options.ts';

/** A change source that may have a set-up of its own, as those of this library have. */
export interface CatchUpSource extends ChangeSource {
  setup?(options?: SetupOptions): Promise<readonly string[]>;
  teardown?(options?: TeardownOptions): Promise<readonly string[]>;
}

/** How `setup` and `teardown` go about it. */
export type PayloadSetupOptions = SetupOptions;

/** Options of `listenNotifySource` in payload mode. */
export interface PayloadSourceOptions {
  /** Rows come in notifications, ahead of the source that finds them anyway. */
  readonly mode: 'payload';
  /**
   * The source that finds every change, for example `pollingSource(…)`. What it guarantees is what payload mode guarantees;
   * checkpoint, name, ids and versions are its own.
   */
  readonly catchUp: CatchUpSource;
  /** The tables whose changes are notified: those of `catchUp`. */
  readonly tables: readonly TableName[];
  /**
   * How to reach the database that `catchUp` captures: PostgreSQL itself, or a pooler in session mode.
   * @default PG_DSN, DATABASE_URL or libpq's PG* variables
   */
  readonly connection?: ConnectionOptions | string | undefined;
  /**
   * Part of the names of what `setup()` makes, and of the channel: `[a-z0-9_]`, at most 40 characters. @default 'payload'
   */
  readonly notifier?: string | undefined;
  /** Schema of the trigger function and its secret. @default 'certyo' */
  readonly stateSchema?: string | undefined;
  /** How the listening connection is watched. */
  readonly listener?: ListenerOptions | undefined;
  /** Environment to read instead of `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

const OPTIONS = [
  'mode',
  'catchUp',
  'tables',
  'connection',
  'notifier',
  'stateSchema',
  'listener',
  'env',
] as const satisfies readonly (keyof PayloadSourceOptions)[];

/** The options as settled. */
export interface PayloadSettings {
  readonly catchUp: CatchUpSource;
  readonly tables: readonly QualifiedName[];
  readonly connection: ResolvedConnection;
  readonly notifier: string;
  readonly stateSchema: string;
  readonly listener: ListenerSettings;
}

/** Reads the options strictly. Throws `ConfigurationError`; touches neither network nor files. */
export function normalizePayloadOptions(options: PayloadSourceOptions): PayloadSettings {
  const reader = new OptionReader('', options, OPTIONS);
  reader.oneOf('mode', ['payload'], 'payload');
  if (reader.value('catchUp') === undefined) {
    throw new ConfigurationError(
      'catchUp',
      'Payload mode needs `catchUp`, the source that finds every change: a notification alone may be lost.',
      { remedy: "For example: catchUp: pollingSource({ tables: ['public.orders'] })." },
    );
  }
  reader.assertMethods('catchUp', ['open']);
  return Object.freeze({
    catchUp: options.catchUp,
    tables: tables(reader.value('tables')),
    connection: resolveConnection(options.connection, options.env ?? process.env),
    notifier: readObjectName(reader, 'notifier', 'payload'),
    stateSchema: readStateSchema(reader),
    listener: normalizeListenerOptions(options.listener),
  });
}

function tables(value: unknown): readonly QualifiedName[] {
  const parsed = readTableList(value).map((table) => parseTableName(table as TableName));
  return [...new Map(parsed.map((table) => [tableLabel(table), table])).values()];
}
