/** Where a server is and how to get in as superuser. */
export interface PostgresAddress {
  readonly major: number;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Null where none is asked for. */
  readonly password: string | null;
}
