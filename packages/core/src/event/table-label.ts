/** How a table is named in ids, collections, checkpoints and messages. */
export interface NamedTable {
  readonly schema: string;
  readonly name: string;
}

/**
 * The name of a table as one text that no other table has: `public.orders`. A part that is not a plain lower-case
 * identifier is quoted as in SQL, because a dot or quote in a name would make two tables look like one: `"a.b".c` is not
 * `a."b.c"`.
 */
export function tableLabel({ name, schema }: NamedTable): string {
  // Asked for each row, and rows of one table come one after the other.
  if (schema !== last.schema || name !== last.name) {
    last = { schema, name, label: `${part(schema)}.${part(name)}` };
  }
  return last.label;
}

let last: NamedTable & { readonly label: string } = { schema: '', name: '', label: '"".""' };

function part(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/**
 * What a user has set for a table, by its label or by `schema.table` without quotes.
 *
 * The unquoted form counts too, because a policy that were not found would let columns through.
 */
export function byTable<T>(settings: ReadonlyMap<string, T>, table: NamedTable): T | undefined {
  return settings.get(tableLabel(table)) ?? settings.get(`${table.schema}.${table.name}`);
}
