import { SourceProtocolError } from '@certyo-cdc/core';
import type { RelationMessage } from '../protocol/pgoutput.ts';
import type { DescribedTables, ShownTable } from './described-tables.ts';
import {
  type CommitPlace,
  type OldRow,
  type ValueText,
  writeBegin,
  writeCommit,
  writeDelete,
  writeInsert,
  writeMessage,
  writeRelation,
  writeTruncate,
  writeUpdate,
} from './pgoutput-writer.ts';
import type { MessageTranslator, Translation } from './translator.ts';
import {
  positionOf,
  readWal2Json,
  timeOf,
  valueText,
  type Wal2JsonColumn,
  type Wal2JsonMessage,
} from './wal2json-message.ts';

interface Transaction extends CommitPlace {
  readonly xid: number;
  hasBegun: boolean;
}

const NOTHING: Translation = { type: 'messages', messages: [] };

/** Turns what wal2json sends (format version 2) into messages of pgoutput. */
export class Wal2JsonTranslator implements MessageTranslator {
  readonly #tables: DescribedTables;
  readonly #wantsMessages: boolean;
  #transaction: Transaction | null = null;

  constructor(tables: DescribedTables, wantsMessages: boolean) {
    this.#tables = tables;
    this.#wantsMessages = wantsMessages;
  }

  async translate(bytes: Buffer): Promise<Translation> {
    const message = readWal2Json(bytes.toString('utf8'));
    switch (message.action) {
      case 'B':
        return this.#begin(message);
      case 'C':
        return this.#commit();
      case 'I':
      case 'U':
      case 'D':
      case 'T':
        return this.#change(message);
      case 'M':
        return this.#wantsMessages ? this.#message(message) : NOTHING;
      default:
        throw new SourceProtocolError(`wal2json sent a message of action "${message.action}".`);
    }
  }

  /** Like pgoutput, nothing is said of a transaction before it shows a change. */
  #begin(message: Wal2JsonMessage): Translation {
    this.#transaction = {
      xid: Number(message.xid),
      commitLsn: positionOf(message, 'lsn'),
      endLsn: positionOf(message, 'nextlsn'),
      committedAt: timeOf(message),
      hasBegun: false,
    };
    return NOTHING;
  }

  #commit(): Translation {
    const transaction = this.#open();
    this.#transaction = null;
    return transaction.hasBegun
      ? { type: 'messages', messages: [writeCommit(transaction)] }
      : { type: 'progress', to: transaction.endLsn };
  }

  async #change(message: Wal2JsonMessage): Promise<Translation> {
    const transaction = this.#open();
    const { relation, isNew } = await this.#tables.describe(shownTable(message), transaction.xid);
    return this.#within(transaction, [
      ...(isNew ? [writeRelation(relation)] : []),
      writeChange(message, relation),
    ]);
  }

  #message(message: Wal2JsonMessage): Translation {
    const isTransactional = message.transactional === true;
    const written = writeMessage({
      isTransactional,
      lsn: positionOf(message, 'lsn'),
      prefix: message.prefix ?? '',
      content: message.content ?? '',
    });
    if (isTransactional) return this.#within(this.#open(), [written]);
    return { type: 'messages', messages: [written] };
  }

  #within(transaction: Transaction, messages: readonly Buffer[]): Translation {
    const begin = transaction.hasBegun ? [] : [writeBegin(transaction.xid, transaction)];
    transaction.hasBegun = true;
    return { type: 'messages', messages: [...begin, ...messages] };
  }

  #open(): Transaction {
    if (this.#transaction === null) {
      throw new SourceProtocolError('A message of wal2json came outside of a transaction.');
    }
    return this.#transaction;
  }
}

function shownTable({ action, columns, identity, schema, table }: Wal2JsonMessage): ShownTable {
  return {
    schema: schema ?? '',
    name: table ?? '',
    columns:
      columns?.map((column) => ({
        name: column.name,
        typeOid: Number(column.typeoid),
        typeName: column.type,
        position: Number(column.position),
      })) ?? null,
    mayLack: action === 'U',
    identity: identity?.map(({ name }) => name) ?? null,
  };
}

function writeChange(message: Wal2JsonMessage, relation: RelationMessage): Buffer {
  const { oid } = relation;
  if (message.action === 'T') return writeTruncate(oid);
  if (message.action === 'I') return writeInsert(oid, rowOf(message.columns, relation, undefined));
  const old = oldRow(message.identity ?? [], relation);
  if (message.action === 'D') return writeDelete(oid, old);
  const row = rowOf(message.columns, relation, undefined);
  return writeUpdate(oid, old.isKey && isUnchanged(old.values, row) ? null : old, row);
}

/** wal2json always shows the old key; pgoutput only where it changed. */
function isUnchanged(old: readonly ValueText[], row: readonly ValueText[]): boolean {
  return old.every((value, i) => value === null || value === row[i]);
}

function oldRow(identity: readonly Wal2JsonColumn[], relation: RelationMessage): OldRow {
  const isKey = relation.replicaIdentity !== 'f';
  return { isKey, values: rowOf(identity, relation, isKey ? null : undefined) };
}

function rowOf(
  columns: readonly Wal2JsonColumn[] | undefined,
  relation: RelationMessage,
  missing: null | undefined,
): readonly ValueText[] {
  const shown = new Map((columns ?? []).map((column) => [column.name, column]));
  return relation.columns.map(({ name }) => {
    const column = shown.get(name);
    return column === undefined ? missing : valueText(column);
  });
}
