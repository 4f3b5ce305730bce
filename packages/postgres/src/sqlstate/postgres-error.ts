/** The fields of a server's error that hold no row values. */
export interface ServerErrorFields {
  /** SQLSTATE. */
  readonly code: string;
  readonly severity: string | null;
  readonly message: string;
  readonly schema: string | null;
  readonly table: string | null;
  readonly column: string | null;
  readonly dataType: string | null;
  readonly constraint: string | null;
  /** Function of the server's source that raised it. */
  readonly routine: string | null;
}

/**
 * An error of PostgreSQL without `detail`, `hint`, `where`, `query` and parameters, which quote row values (`Failing row
 * contains (…)`). It stands in for the driver's own error wherever one is kept or shown.
 */
export class PostgresServerError extends Error {
  override readonly name = 'PostgresServerError' as const;
  readonly code: string;
  readonly severity: string | null;
  readonly table: string | null;
  readonly constraint: string | null;
  readonly routine: string | null;

  constructor(message: string, fields: ServerErrorFields) {
    super(message);
    this.code = fields.code;
    this.severity = fields.severity;
    this.table = fields.table;
    this.constraint = fields.constraint;
    this.routine = fields.routine;
  }
}

/** Reads what node-postgres makes of an ErrorResponse; null for anything else. */
export function serverErrorFields(error: unknown): ServerErrorFields | null {
  if (typeof error !== 'object' || error === null) return null;
  const fields = error as Readonly<Record<string, unknown>>;
  const code = fields['code'];
  const isSqlState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code);
  // Node's own codes may have five letters too (EPIPE); only the server's errors have a severity.
  if (!isSqlState || typeof fields['severity'] !== 'string') return null;
  const text = (name: string): string | null => {
    const value = fields[name];
    return typeof value === 'string' ? value : null;
  };
  return {
    code,
    severity: text('severity'),
    message: text('message') ?? '',
    schema: text('schema'),
    table: text('table'),
    column: text('column'),
    dataType: text('dataType'),
    constraint: text('constraint'),
    routine: text('routine'),
  };
}

/** The SQLSTATE of an error of the server; null for anything else. */
export function sqlStateOf(error: unknown): string | null {
  return serverErrorFields(error)?.code ?? null;
}
