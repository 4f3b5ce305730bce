import { SourceProtocolError } from '@certyo-cdc/core';
import { pgTimeFromUnixMs } from '../protocol/pg-time.ts';
import type { RelationMessage } from '../protocol/pgoutput.ts';
import {
  type DecoderbufsColumn,
  type DecoderbufsMessage,
  readDecoderbufs,
} from './decoderbufs-message.ts';
import { datumText } from './decoderbufs-value.ts';
import type { DescribedTables } from './described-tables.ts';
import {
  type OldRow,
  streamed,
  type ValueText,
  writeDelete,
  writeInsert,
  writeRelation,
  writeStreamCommit,
  writeStreamStart,
  writeStreamStop,
  writeUpdate,
} from './pgoutput-writer.ts';
import type { MessageTranslator, Translation } from './translator.ts';

const NOTHING: Translation = { type: 'messages', messages: [] };

/**
 * Turns what decoderbufs sends into messages of pgoutput.
 *
 * It does not say where a transaction was committed before the commit itself, and that names the changes. So they are handed
 * on like those of a transaction in progress, which wait in the spool for their commit.
 */
export class DecoderbufsTranslator implements MessageTranslator {
  readonly #tables: DescribedTables;
  #xid: number | null = null;
  #hasBegun = false;

  constructor(tables: DescribedTables) {
    this.#tables = tables;
  }

  async translate(bytes: Buffer, lsn: bigint): Promise<Translation> {
    const message = readDecoderbufs(bytes);
    if (message.operation === 'begin') {
      this.#xid = message.xid;
      this.#hasBegun = false;
      return NOTHING;
    }
    if (this.#xid === null) {
      throw new SourceProtocolError('A message of decoderbufs came outside of a transaction.');
    }
    return message.operation === 'commit'
      ? this.#commit(message, lsn)
      : this.#change(message, this.#xid);
  }

  /** It is sent with the position behind the commit. */
  #commit({ committedAt, xid }: DecoderbufsMessage, endLsn: bigint): Translation {
    this.#xid = null;
    if (!this.#hasBegun) return { type: 'progress', to: endLsn };
    const commit = writeStreamCommit(xid, {
      // Within the record of the commit, of which only the end is known.
      commitLsn: endLsn - 1n,
      endLsn,
      committedAt: pgTimeFromUnixMs(0) + committedAt,
    });
    return { type: 'messages', messages: [writeStreamStop(), commit] };
  }

  async #change(message: DecoderbufsMessage, xid: number): Promise<Translation> {
    const { columns, oldColumns, table } = message;
    if (table === null) throw new SourceProtocolError('A change of decoderbufs names no table.');
    const { isNew, relation } = await this.#tables.describe(
      {
        ...table,
        columns: (message.operation === 'delete' ? oldColumns : columns).map((column) => ({
          ...column,
          position: null,
        })),
        mayLack: false,
        identity: null,
      },
      xid,
    );
    const messages = [
      ...(this.#hasBegun ? [] : [writeStreamStart(xid)]),
      ...(isNew ? [streamed(xid, writeRelation(relation))] : []),
      streamed(xid, writeChange(message, relation)),
    ];
    this.#hasBegun = true;
    return { type: 'messages', messages };
  }
}

function writeChange(message: DecoderbufsMessage, relation: RelationMessage): Buffer {
  const { columns, oldColumns, operation } = message;
  if (operation === 'insert') return writeInsert(relation.oid, rowOf(columns, relation));
  const isKey = relation.replicaIdentity !== 'f';
  const old: OldRow = { isKey, values: rowOf(oldColumns, relation) };
  if (operation === 'delete') return writeDelete(relation.oid, old);
  return writeUpdate(relation.oid, oldColumns.length === 0 ? null : old, rowOf(columns, relation));
}

function rowOf(
  columns: readonly DecoderbufsColumn[],
  relation: RelationMessage,
): readonly ValueText[] {
  const shown = new Map(columns.map((column) => [column.name, column]));
  return relation.columns.map(({ name }) => {
    const column = shown.get(name);
    return column === undefined ? null : datumText(column, column.datum);
  });
}
