import { MappingError } from '../errors/value-error.ts';
import type { RowChange, TableInfo } from '../event/change-event.ts';
import type { JsonRow, JsonValue } from '../event/json.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { ColumnTransform, NormalizedColumnPolicy } from './column-policy.ts';
import { applyTransform } from './internal/apply-transform.ts';
import { joinMembers, splitMembers } from './internal/json-members.ts';
import type { RecordMapper } from './record-mapper.ts';
import { RowChangeView } from './row-change-view.ts';
import { byTable, tableLabel } from '../event/table-label.ts';

/** A row change as a policy lets it be seen. */
class RestrictedRowChange extends RowChangeView {
  readonly #inner: RowChange;
  readonly #policy: NormalizedColumnPolicy;
  #before: JsonRow | null | undefined;
  #after: JsonRow | null | undefined;

  constructor(inner: RowChange, policy: NormalizedColumnPolicy) {
    super(inner);
    this.#inner = inner;
    this.#policy = policy;
  }

  /** Columns of the key stay, whatever the lists say: without them there is no record. */
  override get key(): JsonRow {
    return this.#restrictKey(this.#inner.key);
  }

  override get previousKey(): JsonRow | null {
    const key = this.#inner.previousKey;
    return key === null ? null : this.#restrictKey(key);
  }

  override get before(): JsonRow | null {
    this.#before ??= this.#restrictRow(this.#inner.before);
    return this.#before;
  }

  override get after(): JsonRow | null {
    this.#after ??= this.#restrictRow(this.#inner.after);
    return this.#after;
  }

  override get unavailable(): readonly string[] {
    return this.#inner.unavailable.filter(
      (name) => this.#keeps(name) && this.#policy.transforms.get(name)?.type !== 'mask',
    );
  }

  override canonicalRow(
    includes: (column: string) => boolean = () => true,
    image: 'before' | 'after' = 'after',
  ): string {
    const { transforms } = this.#policy;
    const wanted = (name: string): boolean => this.#keeps(name) && includes(name);
    const { after, before, key, previousKey, unavailable } = this.#inner;
    const isOld = image === 'before';
    const row = isOld ? (before ?? previousKey ?? key) : (after ?? before ?? key);
    const replaced = new Map<string, string>();
    for (const [name, transform] of transforms) {
      const isKnown = Object.hasOwn(row, name);
      const isMaskedUnknown = !isOld && transform.type === 'mask' && unavailable.includes(name);
      if (!wanted(name) || (!isKnown && !isMaskedUnknown)) continue;
      replaced.set(name, this.#write(transform, row[name] ?? null));
    }
    // What the server printed stays as it is; only the replaced members are written anew.
    const text = this.#inner.canonicalRow((name) => wanted(name) && !replaced.has(name), image);
    if (replaced.size === 0) return text;
    return joinMembers(new Map([...splitMembers(text), ...replaced]));
  }

  override toJSON(): JsonValue {
    const inner = this.#inner.toJSON() as { readonly [name: string]: JsonValue };
    const { key, previousKey, before, after, unavailable } = this;
    return { ...inner, key, previousKey, before, after, unavailable };
  }

  #keeps(column: string): boolean {
    const { only, exclude } = this.#policy;
    return only === null ? !exclude.has(column) : only.has(column);
  }

  #restrictRow(row: JsonRow | null): JsonRow | null {
    if (row === null) return null;
    const restricted = emptyRow();
    for (const [name, value] of Object.entries(row)) {
      if (!this.#keeps(name)) continue;
      const transform = this.#policy.transforms.get(name);
      restricted[name] = transform === undefined ? value : applyTransform(transform, value);
    }
    return restricted;
  }

  #restrictKey(key: JsonRow): JsonRow {
    const restricted = emptyRow();
    for (const [name, value] of Object.entries(key)) {
      const transform = this.#policy.transforms.get(name);
      if (transform !== undefined && transform.type !== 'hmac') {
        throw new MappingError(
          this.id,
          `\`${this.#policy.option}.${transform.type}\` names \`${name}\`, a key column: different rows would become one record.`,
          { remedy: 'Use `hmac` for key columns.' },
        );
      }
      restricted[name] = transform === undefined ? value : applyTransform(transform, value);
    }
    return restricted;
  }

  #write(transform: ColumnTransform, value: JsonValue): string {
    return canonicalJson(applyTransform(transform, value));
  }
}

function emptyRow(): Record<string, JsonValue> {
  return Object.create(null) as Record<string, JsonValue>;
}

/** Gives every event as the policies for its table let it be seen: of every table, of the table, of its mapping. */
export function restrictWith(
  policies: ReadonlyMap<string, NormalizedColumnPolicy>,
  mapper: RecordMapper | null,
): (event: RowChange) => RowChange {
  // By table, from when its columns have been compared with them.
  const policiesOf = new WeakMap<TableInfo, readonly NormalizedColumnPolicy[]>();
  let last: TableInfo | null = null;
  let applicable: readonly NormalizedColumnPolicy[] = [];
  return (event) => {
    const { table } = event;
    if (table !== last) {
      applicable = policiesOf.get(table) ?? applicableTo(event);
      policiesOf.set(table, applicable);
      last = table;
    }
    let restricted = event;
    for (const policy of applicable) restricted = new RestrictedRowChange(restricted, policy);
    return restricted;
  };

  function applicableTo(event: RowChange): readonly NormalizedColumnPolicy[] {
    const found = [
      policies.get('*'),
      byTable(policies, event.table),
      mapper?.policyOf(event.table),
    ].filter((policy) => policy !== undefined && policy !== null);
    const name = tableLabel(event.table);
    for (const policy of found) if (policy.isExact) checkColumns(event, policy, name);
    return found;
  }
}

/** A name that the table does not have is a typing mistake by which a column would get through. */
function checkColumns(event: RowChange, policy: NormalizedColumnPolicy, table: string): void {
  const known = new Set(event.table.columns.map((column) => column.name));
  const named = [...(policy.only ?? []), ...policy.exclude, ...policy.transforms.keys()];
  const missing = named.find((column) => !known.has(column));
  if (missing === undefined) return;
  throw new MappingError(
    event.id,
    `\`${policy.option}\` names \`${missing}\`, a column that ${table} does not have.`,
    { remedy: 'Correct the name, or remove it when the column is gone.' },
  );
}
