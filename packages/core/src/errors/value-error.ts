import { CdcError, type CdcErrorOptions } from './cdc-error.ts';

/** A value cannot be represented without altering it. Names the column, never the value. */
export class ValueError extends CdcError {
  override readonly name = 'ValueError' as const;
  override readonly code = 'VALUE_UNREPRESENTABLE' as const;
  override readonly retryable = false as const;
  readonly column: string | null;

  constructor(column: string | null, message: string, options?: CdcErrorOptions) {
    super(message, options);
    this.column = column;
  }
}

/**
 * A change does not carry a large value that it left unchanged (unchanged TOAST), and the sink's option `unavailable` says that
 * such a row is not to be delivered without it. Names the columns, never a value.
 */
export class UnavailableValueError extends CdcError {
  override readonly name = 'UnavailableValueError' as const;
  override readonly code = 'VALUE_UNAVAILABLE' as const;
  override readonly retryable = false as const;
  /** The table as `schema.table`. */
  readonly table: string;
  readonly columns: readonly string[];

  constructor(table: string, columns: readonly string[]) {
    super(
      `A change of ${table} does not show the unchanged value of ${columns.map((column) => `"${column}"`).join(', ')}.`,
      {
        remedy: `To have such values in later changes, run: ALTER TABLE ${table} REPLICA IDENTITY FULL; to deliver this change without them, set unavailable: { '${table}': 'omit' }.`,
      },
    );
    this.table = table;
    this.columns = columns;
  }
}

/** A record mapper threw, or the row does not match its schema. */
export class MappingError extends CdcError {
  override readonly name = 'MappingError' as const;
  override readonly code = 'MAPPING_FAILED' as const;
  override readonly retryable = false as const;
  readonly eventId: string;

  constructor(eventId: string, message: string, options?: CdcErrorOptions) {
    super(message, options);
    this.eventId = eventId;
  }
}
