import type { TableInfo } from '../event/change-event.ts';
import { PerTable } from '../event/per-table.ts';
import type { TableLoad } from './work-item.ts';

/** Counts unfinished items by table, whichever version of it an event is of. */
export class TableLoads {
  readonly #loads: Map<string, TableLoad> = new Map();
  readonly #byTable: PerTable<TableLoad> = new PerTable((table) => this.#named(table));

  of(table: TableInfo): TableLoad {
    return this.#byTable.of(table);
  }

  #named({ database, name, schema }: TableInfo): TableLoad {
    const key = JSON.stringify([database, schema, name]);
    const load = this.#loads.get(key) ?? { unfinished: 0 };
    this.#loads.set(key, load);
    return load;
  }
}
