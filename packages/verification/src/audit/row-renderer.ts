import { hash } from 'node:crypto';

import {
  CdcError,
  type CertyoItem,
  type ColumnInfo,
  ConfigurationError,
  type EventSource,
  type RowChange,
  type Sink,
  type TableVersion,
} from '@certyo-cdc/core';
import { payloadOf, recordIdOf } from '@certyo-cdc/core/internal';
import {
  createRowChange,
  createRowDescriptor,
  createTruncate,
  type RowDescriptor,
  tupleFromTexts,
  type TupleText,
} from '@certyo-cdc/postgres';

import type { TableShape } from './table-shape.ts';

/** Which columns make a row, and under which names. */
export interface RowView {
  /** Places among the columns that are read. */
  readonly places: readonly number[];
  readonly descriptor: RowDescriptor;
}

/** A row as the sink would send it. */
export interface RenderedRow {
  readonly item: CertyoItem;
  /** SHA-256 over its payload. */
  readonly fingerprint: string;
  readonly table: TableVersion;
  /** False where the recordId is not simply the key. */
  readonly isNamedByKey: boolean;
}

/** A column of a view: one that is read, with the name and type that it had. */
export interface ViewColumn {
  readonly place: number;
  readonly column: ColumnInfo;
}

/** Makes records of rows by the sink's own code. */
export class RowRenderer {
  readonly shape: TableShape;
  /** The row as sources show it now. */
  readonly now: RowView;
  readonly #sink: Sink<CertyoItem>;
  readonly #source: EventSource;

  constructor(shape: TableShape, sink: Sink<CertyoItem>, source: EventSource) {
    this.shape = shape;
    this.#sink = sink;
    this.#source = source;
    this.now = this.view(
      shape.info.columns.map((column) => ({
        place: shape.columns.findIndex(({ name }) => name === column.name),
        column,
      })),
      shape.key.map(({ name }) => name),
    );
  }

  /** @param keyNames As the columns of the view are named. */
  view(columns: readonly ViewColumn[], keyNames: readonly string[]): RowView {
    return {
      places: columns.map(({ place }) => place),
      descriptor: createRowDescriptor({
        table: { ...this.shape.info, columns: columns.map(({ column }) => column) },
        registry: this.shape.types,
        keyColumns: keyNames,
      }),
    };
  }

  /** The record of a row; null where a rule skips it. */
  render(texts: readonly TupleText[], view: RowView, version: string = ''): RenderedRow | null {
    const event = this.event(texts, view, version);
    const item = this.#prepare(event);
    if (item === null) return null;
    const table = item.origin?.table ?? null;
    if (table === null) {
      throw new ConfigurationError('sink', 'Expected `sink` to keep receipts: give it `receipts`.');
    }
    return {
      item,
      fingerprint: hash('sha256', payloadOf(item), 'hex'),
      table,
      isNamedByKey: recordIdOf(event, event.key) === item.recordId,
    };
  }

  /** The event of a row as it was found. */
  event(texts: readonly TupleText[], view: RowView, version: string): RowChange {
    return createRowChange({
      descriptor: view.descriptor,
      operation: 'snapshot',
      id: this.idOf(texts, version),
      version,
      transaction: null,
      source: this.#source,
      before: null,
      after: tupleFromTexts(view.places.map((place) => texts[place] ?? null)),
    });
  }

  /** The event of a row that is gone, of which only the key is known. */
  goneEvent(texts: readonly TupleText[], version: string): RowChange {
    return createRowChange({
      descriptor: this.now.descriptor,
      operation: 'delete',
      id: this.idOf(texts, version),
      version,
      transaction: null,
      source: this.#source,
      before: tupleFromTexts(this.now.places.map((place) => texts[place] ?? null)),
      after: null,
    });
  }

  /** The id of an event's record; null where there is none. */
  recordIdOf(event: RowChange): string | null {
    try {
      return this.#prepare(event)?.recordId ?? null;
    } catch (error) {
      // A mapping that reads what is not shown.
      if (CdcError.is(error)) return null;
      throw error;
    }
  }

  /** Where the records of the table are, and the one that says that it was emptied. */
  truncateRecord(): CertyoItem {
    const event = createTruncate({
      id: `audit/${this.shape.label}`,
      version: '0',
      transaction: null,
      source: this.#source,
      table: this.shape.info,
      cascade: null,
      restartIdentity: null,
    });
    const [prepared] = this.#sink.prepare(event);
    if (prepared === undefined) throw new ConfigurationError('sink', 'The sink skips truncates.');
    return prepared.item;
  }

  /** The same for the same row and version. */
  idOf(texts: readonly TupleText[], version: string): string {
    const key = JSON.stringify(this.shape.key.map(({ index }) => String(texts[index])));
    const { label } = this.shape;
    return `${this.#source.systemIdentifier ?? ''}/audit/${label}/${hash('sha256', key, 'hex')}/${version}`;
  }

  #prepare(event: RowChange): CertyoItem | null {
    return this.#sink.prepare(event)[0]?.item ?? null;
  }
}
