import { ConfigurationError } from '../errors/configuration-error.ts';
import { refuseUnknownOptions, wrongOption, wrongSecretOption } from '../internal/option-checks.ts';
import { isSecret, secret, type Secret } from '../internal/secret.ts';

/**
 * Which columns of a table are seen, and how. Applied before anything else sees the row: mapper, payload, recordId,
 * lane, idempotency key.
 */
export interface ColumnPolicy {
  /** Only these columns; one that is added to the table later is left out. */
  readonly only?: readonly string[] | undefined;
  /** Not these columns. */
  readonly exclude?: readonly string[] | undefined;
  /** Replaces the value of a column, null included, with a fixed text. Not for key columns. */
  readonly mask?: Readonly<Record<string, string>> | undefined;
  /** Cuts the text of a column to so many characters (code points). Not for key columns. */
  readonly truncate?: Readonly<Record<string, number>> | undefined;
  /**
   * Replaces values with `hmac-sha256:` and their HMAC-SHA-256 under a secret key; null stays null. Equal values stay
   * equal. For a key column the recordId is made of the HMAC.
   */
  readonly hmac?:
    | { readonly columns: readonly string[]; readonly key: string | Secret }
    | undefined;
}

/** Policies by `schema.table`; `*` applies to every table, besides the table's own. */
export type ColumnPolicies = Readonly<Record<string, ColumnPolicy>>;

/** What is done to the value of a column. */
export type ColumnTransform =
  | { readonly type: 'mask'; readonly text: string }
  | { readonly type: 'truncate'; readonly characters: number }
  | { readonly type: 'hmac'; readonly key: Secret };

/** A policy as it is applied. */
export interface NormalizedColumnPolicy {
  /** Where it was given, for messages. */
  readonly option: string;
  readonly only: ReadonlySet<string> | null;
  readonly exclude: ReadonlySet<string>;
  readonly transforms: ReadonlyMap<string, ColumnTransform>;
  /** True when every column that it names must be in the table. */
  readonly isExact: boolean;
}

const MIN_HMAC_KEY_BYTES = 16;

/** Checks policies by table. */
export function normalizeColumnPolicies(
  policies: ColumnPolicies | undefined,
): ReadonlyMap<string, NormalizedColumnPolicy> {
  if (policies === undefined) return new Map();
  if (typeof policies !== 'object' || policies === null || Array.isArray(policies)) {
    throw wrongOption('columns', 'an object of policies by `schema.table`', policies);
  }
  return new Map(
    Object.entries(policies).map(([table, policy]) => {
      if (table !== '*' && !table.includes('.')) {
        throw new ConfigurationError(
          `columns.${table}`,
          `Expected the names in \`columns\` to be \`schema.table\` or \`*\`, got \`${table}\`.`,
        );
      }
      return [table, normalizeColumnPolicy(`columns['${table}']`, policy, table !== '*')];
    }),
  );
}

/** Checks one policy. */
export function normalizeColumnPolicy(
  option: string,
  policy: ColumnPolicy,
  isExact: boolean,
): NormalizedColumnPolicy {
  if (typeof policy !== 'object' || policy === null) throw wrongOption(option, 'a policy', policy);
  refuseUnknownOptions(option, policy, ['only', 'exclude', 'mask', 'truncate', 'hmac']);
  const transforms = new Map<string, ColumnTransform>();
  const add = (column: string, transform: ColumnTransform): void => {
    if (transforms.has(column)) {
      throw new ConfigurationError(
        option,
        `Column \`${column}\` has two of mask, truncate and hmac in \`${option}\`.`,
      );
    }
    transforms.set(column, transform);
  };
  for (const [column, text] of entries(`${option}.mask`, policy.mask)) {
    if (typeof text !== 'string') throw wrongOption(`${option}.mask.${column}`, 'a text', text);
    add(column, { type: 'mask', text });
  }
  for (const [column, characters] of entries(`${option}.truncate`, policy.truncate)) {
    if (typeof characters !== 'number' || !Number.isSafeInteger(characters) || characters < 0) {
      throw wrongOption(`${option}.truncate.${column}`, 'an integer from 0', characters);
    }
    add(column, { type: 'truncate', characters });
  }
  if (policy.hmac !== undefined) {
    const key = hmacKey(`${option}.hmac.key`, policy.hmac.key);
    for (const column of names(`${option}.hmac.columns`, policy.hmac.columns) ?? []) {
      add(column, { type: 'hmac', key });
    }
  }
  const only = names(`${option}.only`, policy.only);
  const exclude = names(`${option}.exclude`, policy.exclude) ?? [];
  if (only !== null && exclude.length > 0) {
    throw new ConfigurationError(
      option,
      `Options \`${option}.only\` and \`${option}.exclude\` exclude each other.`,
    );
  }
  return {
    option,
    only: only === null ? null : new Set(only),
    exclude: new Set(exclude),
    transforms,
    isExact,
  };
}

function names(option: string, value: unknown): readonly string[] | null {
  if (value === undefined) return null;
  if (!Array.isArray(value) || !value.every((name) => typeof name === 'string' && name !== '')) {
    throw wrongOption(option, 'an array of column names', value);
  }
  return value as readonly string[];
}

function entries(option: string, value: unknown): readonly (readonly [string, unknown])[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongOption(option, 'an object by column name', value);
  }
  return Object.entries(value);
}

function hmacKey(option: string, value: unknown): Secret {
  const text: unknown = isSecret(value) ? value.reveal() : value;
  if (typeof text !== 'string' || Buffer.byteLength(text) < MIN_HMAC_KEY_BYTES) {
    throw wrongSecretOption(option, `a secret of at least ${MIN_HMAC_KEY_BYTES} bytes`, text);
  }
  return isSecret(value) ? value : secret(text);
}
