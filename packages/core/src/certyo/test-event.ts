import type { ColumnInfo, RowChange, TableInfo } from '../event/change-event.ts';
import type { JsonRow, JsonValue } from '../event/json.ts';
import { canonicalJson } from '../json/canonical-json.ts';

/** A table with the columns of its rows, for tests. */
export function table(columns: readonly string[], keys: readonly string[] = ['id']): TableInfo {
  return {
    database: 'shop',
    schema: 'public',
    name: 'orders',
    oid: 16_384,
    columns: columns.map((name): ColumnInfo => ({
      name,
      typeOid: 25,
      typeName: 'text',
      isKey: keys.includes(name),
      nullable: !keys.includes(name),
    })),
  };
}

/** What a test says of an event; the rest is filled in. */
export type ChangeFields = Partial<Omit<RowChange, 'toJSON'>>;

/** A row change. The canonical text is written as the contract says. */
export function rowChange(fields: ChangeFields = {}): RowChange {
  const key = fields.key ?? { id: 1 };
  const operation = fields.operation ?? 'insert';
  const after = fields.after ?? (operation === 'delete' ? null : { ...key, note: 'x' });
  const before = fields.before ?? null;
  const shown: JsonRow = after ?? before ?? key;
  const unavailable = fields.unavailable ?? [];
  const event: RowChange = {
    id: 'memory:1',
    version: '1.0000000001',
    transaction: { xid: '7', committedAt: '2026-01-31T12:00:00.123456Z' },
    source: { kind: 'memory', name: 'memory', systemIdentifier: null },
    previousKey: null,
    canonicalRow(includes = () => true, image = 'after') {
      if (image === 'before') {
        const old = before ?? fields.previousKey ?? key;
        return canonicalJson(
          Object.fromEntries(Object.entries(old).filter(([name]) => includes(name))),
        );
      }
      const names = Object.keys(shown).filter((name) => includes(name));
      const hidden = unavailable.filter((name) => includes(name));
      const row: Record<string, JsonValue> = {};
      for (const name of names) row[name] = shown[name] ?? null;
      return canonicalJson(hidden.length === 0 ? row : { ...row, _unavailable: hidden });
    },
    toJSON: () => ({ id: event.id }),
    ...fields,
    table: fields.table ?? table([...Object.keys(shown), ...unavailable], Object.keys(key)),
    operation,
    key,
    before,
    after,
    unavailable,
  };
  return event;
}
