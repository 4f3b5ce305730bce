/**
 * The settings under which PostgreSQL's text output means one thing only. A role's or database's own settings (ALTER ROLE
 * … SET datestyle = …) would otherwise change what a value looks like, in a replication stream too.
 */
export const PINNED_SETTINGS = {
  DateStyle: 'ISO',
  IntervalStyle: 'iso_8601',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  // 12 and newer print the shortest exact digits under any positive value; 10 and 11 print exact ones under 3 only.
  extra_float_digits: '3',
  lc_monetary: 'C',
  search_path: 'pg_catalog',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  client_encoding: 'UTF8',
} as const;

const ENTRIES = Object.entries(PINNED_SETTINGS);

/** `options` of the start-up packet: these win over what role and database say. */
export function startupOptions(extra: Readonly<Record<string, string>>, before: string): string {
  const pins = [...ENTRIES, ...Object.entries(extra)].map(
    // A backslash keeps a space within one argument (PostgreSQL documentation, 34.1.2, options).
    ([name, value]) => `-c ${name}=${value.replaceAll(/[\\\s]/g, '\\$&')}`,
  );
  return [before, ...pins].filter((part) => part !== '').join(' ');
}

/** Statements that pin the settings for a session, or for the running transaction. */
export function pinStatements(scope: 'session' | 'transaction'): string {
  const local = scope === 'transaction' ? 'LOCAL ' : '';
  return ENTRIES.map(([name, value]) => `SET ${local}${name} = '${value}'`).join('; ');
}

/** Asks for the settings in force, in one row. */
export function readPinsSql(): string {
  const columns = ENTRIES.map(([name]) => `pg_catalog.current_setting('${name}') AS "${name}"`);
  return `SELECT ${columns.join(', ')}`;
}

/** The names of the settings that are not as pinned. */
export function differingPins(row: Readonly<Record<string, string | null>>): readonly string[] {
  return ENTRIES.filter(([name, value]) => {
    const actual = row[name] ?? '';
    // The server completes it with the order of input: `ISO, MDY`.
    return name === 'DateStyle' ? !actual.startsWith(value) : actual !== value;
  }).map(([name]) => name);
}
