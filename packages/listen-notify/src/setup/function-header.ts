import { PINNED_SETTINGS, quoteLiteral } from '@certyo-cdc/postgres';

/** Not of a function: the client's encoding is between it and the server, and strings in the functions hold no backslash. */
const NOT_OF_FUNCTIONS: ReadonlySet<string> = new Set([
  'client_encoding',
  'search_path',
  'standard_conforming_strings',
]);

/**
 * Under these settings the text of a row means one thing, whatever the writer's session has set. All of them cost about
 * a microsecond per call, measured; comparing first would save half of that, but hardly any session has them all.
 */
const PINS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(PINNED_SETTINGS)
    .filter(([setting]) => !NOT_OF_FUNCTIONS.has(setting))
    .map(([setting, value]) => [setting.toLowerCase(), value]),
);

export interface FunctionBody {
  /** For example `"certyo"."change_log_capture"()`. */
  readonly signature: string;
  readonly returns: string;
  /**
   * With the owner's rights: 'values' under the settings that texts of values depend on, 'path' under a safe search_path
   * only; 'caller' with the rights and settings of whoever calls it, which is another function of the log.
   */
  readonly runs: 'values' | 'path' | 'caller';
  readonly body: string;
}

/** Names and values as pg_proc.proconfig has them, names in lower case. */
export function functionSettings({ runs }: FunctionBody): Readonly<Record<string, string>> {
  if (runs === 'caller') return {};
  return { search_path: 'pg_catalog, pg_temp', ...(runs === 'values' ? PINS : {}) };
}

/** Writers need no grant on anything of the log; nobody else can call its functions. */
export function functionSql(functionBody: FunctionBody): readonly string[] {
  const { body, returns, runs, signature } = functionBody;
  const { search_path: path, ...pins } = functionSettings(functionBody);
  const lines = [
    ...(runs === 'caller' ? [] : ['SECURITY DEFINER']),
    ...(path === undefined ? [] : [`SET search_path = ${path}`]),
    ...Object.entries(pins).map(([setting, value]) => `SET ${setting} = ${quoteLiteral(value)}`),
  ];
  return [
    `CREATE OR REPLACE FUNCTION ${signature} RETURNS ${returns} LANGUAGE plpgsql
${lines.map((line) => `  ${line}\n`).join('')}AS $certyo$${body}$certyo$;`,
    `REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC;`,
  ];
}
