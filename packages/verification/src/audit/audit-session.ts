import type { EventSource } from '@certyo-cdc/core';
import {
  openStoreSession,
  serverInfo,
  type ServerInfo,
  type SqlExecutor,
  type SqlSession,
  sqlSession,
} from '@certyo-cdc/postgres';

import { LedgerAccess } from '../receipts/ledger-access.ts';
import { type Audited, versionsOf } from './audited.ts';
import { Judge } from './judge.ts';
import { readLedgerTables } from './newest-receipts.ts';
import type { NormalizedAuditOptions } from './options.ts';
import { RowRenderer } from './row-renderer.ts';
import type { Worker } from './scan.ts';
import { SeenRecords } from './seen-records.ts';
import { describeTable, type TableShape } from './table-shape.ts';
import { newTally } from './tally.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** The connections of one audit. */
export class AuditSession implements AsyncDisposable {
  /** Holds the snapshot. */
  readonly coordinator: SqlSession;
  /** Reads what is true now. */
  readonly rows: SqlSession;
  readonly ledger: LedgerAccess;
  /** For statements that look at the whole ledger. */
  readonly wholeLedger: LedgerAccess;
  readonly workers: readonly Worker[];
  readonly #options: NormalizedAuditOptions;

  constructor(options: NormalizedAuditOptions) {
    const open = (): SqlSession =>
      sqlSession(options.place.target, { applicationName: 'certyo-cdc audit' });
    this.#options = options;
    this.coordinator = open();
    this.rows = openStoreSession(options.place, 'certyo-cdc audit');
    this.ledger = new LedgerAccess(options.ledger, 'certyo-cdc audit');
    this.wholeLedger = new LedgerAccess(options.ledger, 'certyo-cdc audit', {
      session: sqlSession(options.ledger.place.target, { applicationName: 'certyo-cdc audit' }),
    });
    this.workers = Array.from({ length: options.workers }, () => ({
      rows: open(),
      ledger: new LedgerAccess(options.ledger, 'certyo-cdc audit'),
    }));
  }

  server(options: CallOptions): Promise<ServerInfo> {
    return serverInfo(this.rows, options);
  }

  /** The tables as they are now. */
  async describe(
    executor: SqlExecutor,
    database: string,
    { signal }: CallOptions,
  ): Promise<readonly TableShape[]> {
    const shapes: TableShape[] = [];
    for (const table of this.#options.tables) {
      shapes.push(await describeTable(executor, table, { database, signal }));
    }
    return shapes;
  }

  /** The tables with what the ledger knows of their versions, ready to be judged. */
  async prepare(
    shapes: readonly TableShape[],
    server: ServerInfo,
    options: CallOptions,
  ): Promise<readonly Audited[]> {
    const { sink, span } = this.#options;
    const source: EventSource = {
      kind: 'audit',
      name: 'audit',
      systemIdentifier: server.systemIdentifier,
    };
    const known = await readLedgerTables(this.ledger, options);
    const tables = new Map(known.map((table) => [table.id, table]));
    return shapes.map((shape) => {
      const renderer = new RowRenderer(shape, sink, source);
      const truncate = renderer.truncateRecord();
      return {
        shape,
        judge: new Judge(renderer, tables, span),
        truncate,
        versions: versionsOf(shape, truncate, known),
        tally: newTally(),
        seen: new SeenRecords(),
        notComparable: new Map(),
        withoutRecord: 0,
        isNamedByKey: true,
        isWholeSeen: true,
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.coordinator.close(),
      this.rows.close(),
      this.ledger.session.close(),
      this.wholeLedger.session.close(),
      ...this.workers.flatMap(({ ledger, rows }) => [rows.close(), ledger.session.close()]),
    ]);
  }
}
