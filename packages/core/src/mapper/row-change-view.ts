import type {
  EventSource,
  RowChange,
  RowOperation,
  TableInfo,
  TransactionInfo,
} from '../event/change-event.ts';
import type { JsonRow, JsonValue } from '../event/json.ts';

const FIELDS = [
  'id',
  'version',
  'lsn',
  'operation',
  'table',
  'transaction',
  'source',
  'key',
  'previousKey',
  'before',
  'after',
  'unavailable',
] as const;

/** A row change that has every field of its own, so that a spread copies them; each is still read only when it is looked at. */
export class RowChangeView implements RowChange {
  readonly #inner: RowChange;

  constructor(inner: RowChange) {
    this.#inner = inner;
    for (const name of FIELDS) {
      // JSON knows no undefined member.
      if (name === 'lsn' && inner.lsn === undefined) continue;
      // That of the class, or of one that is derived from it.
      const get = (): unknown => Reflect.get(new.target.prototype as object, name, this);
      Object.defineProperty(this, name, { enumerable: true, get });
    }
  }

  get id(): string {
    return this.#inner.id;
  }

  get version(): string {
    return this.#inner.version;
  }

  get lsn(): string | undefined {
    return this.#inner.lsn;
  }

  get operation(): RowOperation {
    return this.#inner.operation;
  }

  get table(): TableInfo {
    return this.#inner.table;
  }

  get transaction(): TransactionInfo | null {
    return this.#inner.transaction;
  }

  get source(): EventSource {
    return this.#inner.source;
  }

  get key(): JsonRow {
    return this.#inner.key;
  }

  get previousKey(): JsonRow | null {
    return this.#inner.previousKey;
  }

  get before(): JsonRow | null {
    return this.#inner.before;
  }

  get after(): JsonRow | null {
    return this.#inner.after;
  }

  get unavailable(): readonly string[] {
    return this.#inner.unavailable;
  }

  canonicalRow(includes?: (column: string) => boolean, image?: 'before' | 'after'): string {
    return this.#inner.canonicalRow(includes, image);
  }

  toJSON(): JsonValue {
    return this.#inner.toJSON();
  }
}

/** The event, or a view of it, which a spread copies. */
export function spreadable(event: RowChange): RowChange {
  return Object.hasOwn(event, 'after') ? event : new RowChangeView(event);
}
