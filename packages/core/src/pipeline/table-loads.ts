import type { TableInfo } from '../event/change-event.ts';
import type { TableLoad } from './work-item.ts';

/** Counts unfinished items by table. Events of one table mostly come in a row and share its descriptor. */
export class TableLoads {
  readonly #loads: Map<string, TableLoad> = new Map();
  #lastTable: TableInfo | null = null;
  #lastLoad: TableLoad = { unfinished: 0 };

  of(table: TableInfo): TableLoad {
    if (table === this.#lastTable) return this.#lastLoad;
    const name = JSON.stringify([table.database, table.schema, table.name]);
    let load = this.#loads.get(name);
    if (load === undefined) {
      load = { unfinished: 0 };
      this.#loads.set(name, load);
    }
    this.#lastTable = table;
    this.#lastLoad = load;
    return load;
  }
}
