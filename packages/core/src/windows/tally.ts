import type { ChangeEvent, TableInfo, TransactionInfo } from '../event/change-event.ts';
import { tableLabel } from '../event/table-label.ts';
import type { EventCounts, EventOutcome, TextRange } from './window-store.ts';

/** What hears of the outcome of an item. */
export interface Counted {
  count(outcome: EventOutcome): void;
}

/** The events of one table and operation. */
class Cell implements Counted, EventCounts {
  readonly table: string;
  readonly operation: ChangeEvent['operation'];
  captured: number = 0;
  delivered: number = 0;
  skipped: number = 0;
  parked: number = 0;

  constructor(table: string, operation: ChangeEvent['operation']) {
    this.table = table;
    this.operation = operation;
  }

  count(outcome: EventOutcome): void {
    this[outcome] += 1;
  }
}

const RANK: Readonly<Record<EventOutcome, number>> = { skipped: 0, delivered: 1, parked: 2 };

/** An event that several items are made of: parked when one of them is, else delivered when one of them is. */
export class SharedOutcome implements Counted {
  readonly #event: Counted;
  #left: number;
  #outcome: EventOutcome = 'skipped';

  constructor(event: Counted, items: number) {
    this.#event = event;
    this.#left = items;
  }

  count(outcome: EventOutcome): void {
    if (RANK[outcome] > RANK[this.#outcome]) this.#outcome = outcome;
    this.#left -= 1;
    if (this.#left === 0) this.#event.count(this.#outcome);
  }
}

/** Counts events by table and operation. Those of one table mostly come in a row and share its descriptor. */
export class Tally {
  readonly #cells: Map<string, Cell> = new Map();
  #versions: TextRange | null = null;
  #committed: TextRange | null = null;
  #lastTable: TableInfo | null = null;
  #lastCell: Cell | null = null;
  #lastTransaction: TransactionInfo | null = null;

  /** Counts the event as captured. Its outcome goes to what is returned, once. */
  capture(event: ChangeEvent<object>): Counted {
    this.#versions = widened(this.#versions, event.version);
    const { transaction } = event;
    if (transaction !== this.#lastTransaction) {
      this.#lastTransaction = transaction;
      const committedAt = transaction?.committedAt ?? null;
      if (committedAt !== null) this.#committed = widened(this.#committed, committedAt);
    }
    const cell = this.#cellOf(event);
    cell.captured += 1;
    return cell;
  }

  /** Takes in what another one has counted. */
  add(other: Tally): void {
    for (const [key, cell] of other.#cells) {
      const own = this.#cells.get(key) ?? new Cell(cell.table, cell.operation);
      own.captured += cell.captured;
      own.delivered += cell.delivered;
      own.skipped += cell.skipped;
      own.parked += cell.parked;
      this.#cells.set(key, own);
    }
    this.#versions = joined(this.#versions, other.#versions);
    this.#committed = joined(this.#committed, other.#committed);
  }

  get versions(): TextRange | null {
    return this.#versions;
  }

  get committed(): TextRange | null {
    return this.#committed;
  }

  /** Sorted by table and operation. */
  counts(): readonly EventCounts[] {
    return [...this.#cells]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, { captured, delivered, operation, parked, skipped, table }]) => ({
        table,
        operation,
        captured,
        delivered,
        skipped,
        parked,
      }));
  }

  #cellOf(event: ChangeEvent<object>): Cell {
    const table = 'table' in event ? event.table : null;
    const last = this.#lastCell;
    if (last !== null && table === this.#lastTable && last.operation === event.operation) {
      return last;
    }
    const label = table === null ? `$${event.operation}s` : tableLabel(table);
    const key = `${label} ${event.operation}`;
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = new Cell(label, event.operation);
      this.#cells.set(key, cell);
    }
    this.#lastTable = table;
    this.#lastCell = cell;
    return cell;
  }
}

/** The sum of two tallies, either of which may be given up for it. */
export function sumOf(one: Tally | null, other: Tally | null): Tally | null {
  if (one === null || other === null) return one ?? other;
  one.add(other);
  return one;
}

function widened(range: TextRange | null, text: string): TextRange {
  if (range === null) return { first: text, last: text };
  if (text > range.last) return { first: range.first, last: text };
  return text < range.first ? { first: text, last: range.last } : range;
}

function joined(one: TextRange | null, other: TextRange | null): TextRange | null {
  if (one === null || other === null) return one ?? other;
  return widened(widened(one, other.first), other.last);
}
