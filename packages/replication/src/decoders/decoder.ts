import { ConfigurationError } from '@certyo-cdc/core';
import { relationNamed } from '../ddl/ddl-statements.ts';
import type { KnownRelations } from '../stream/known-relation.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { DecoderbufsTranslator } from './decoderbufs.ts';
import { DescribedTables } from './described-tables.ts';
import type { MessageTranslator } from './translator.ts';
import { Wal2JsonTranslator } from './wal2json.ts';

/** The output plugins that the source understands. */
export const DECODERS = ['pgoutput', 'wal2json', 'decoderbufs'] as const;

/** An output plugin of the server. */
export type Decoder = (typeof DECODERS)[number];

/** What only pgoutput can do; the values that ask for it. */
interface AskedFor {
  readonly decoder: Decoder;
  readonly streaming: boolean;
  readonly twoPhase: boolean;
  readonly origin: 'any' | 'none';
  readonly schemas: readonly string[];
  readonly copy: object | null;
  readonly messages: boolean | readonly string[];
  readonly ddl: boolean;
  readonly tables: readonly {
    readonly columns?: readonly string[] | null | undefined;
    readonly where?: string | null | undefined;
  }[];
}

/** Refuses options that a decoder cannot serve. */
export function refuseForDecoder(settings: AskedFor): void {
  const { decoder } = settings;
  if (decoder === 'pgoutput') return;
  const isAsked: Readonly<Record<string, boolean>> = {
    streaming: settings.streaming,
    twoPhase: settings.twoPhase,
    origin: settings.origin !== 'any',
    schemas: settings.schemas.length > 0,
    copy: settings.copy !== null,
    tables: settings.tables.some((table) => table.columns != null || table.where != null),
    messages: decoder === 'decoderbufs' && settings.messages !== false,
    ddl: decoder === 'decoderbufs' && settings.ddl,
  };
  const option = Object.keys(isAsked).find((name) => isAsked[name]);
  if (option === undefined) return;
  const what = option === 'tables' ? 'columns or where in `tables`' : `\`${option}\``;
  throw new ConfigurationError(
    option,
    `The option ${what} needs decoder: 'pgoutput'; ${decoder} cannot serve it.`,
  );
}

/** Turns what the decoder sends into pgoutput's messages, for one session; null where it is pgoutput. */
export function translatorFor(
  settings: Pick<AskedFor, 'decoder' | 'messages' | 'ddl'>,
  query: TextQuery,
  known: () => KnownRelations,
): MessageTranslator | null {
  const tables = new DescribedTables(query, (table) => relationNamed(known(), table));
  switch (settings.decoder) {
    case 'pgoutput':
      return null;
    case 'wal2json':
      return new Wal2JsonTranslator(tables, settings.messages !== false || settings.ddl);
    case 'decoderbufs':
      return new DecoderbufsTranslator(tables);
  }
}
