import type { TableInfo } from './change-event.ts';

/**
 * What is worked out once for each table, and kept for as long as somebody has the table: events of one version of a table
 * share its description. Asked for each row; most rows are of the table of the row before.
 */
export class PerTable<Value extends object> {
  readonly #make: (table: TableInfo) => Value;
  readonly #values = new WeakMap<TableInfo, Value>();
  #lastTable: TableInfo | null = null;
  #lastValue: Value | undefined = undefined;

  constructor(make: (table: TableInfo) => Value) {
    this.#make = make;
  }

  of(table: TableInfo): Value {
    let value = table === this.#lastTable ? this.#lastValue : this.#values.get(table);
    if (value === undefined) {
      value = this.#make(table);
      this.#values.set(table, value);
    }
    this.#lastTable = table;
    this.#lastValue = value;
    return value;
  }
}
