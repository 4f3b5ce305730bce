/** The right to be the only one, for a while. */
export interface Lease {
  /** Grows with every holder of the name. */
  readonly token: bigint;
  /**
   * An SQL expression that is 'true' while the lease lasts, by the server's clock; evaluated together with a read it tells
   * whether that read was still ours to make.
   */
  readonly guardSql: string;
  /**
   * Whether the lease certainly lasts, by this process's clocks, counted from before its last renewal was sent. Ask right
   * before anything is handed over: the process may have been stopped since it read.
   */
  isHeld(): boolean;
  /** Aborts when the lease has ended without `release`: with a `SourceConnectionError` SOURCE_BUSY. It never comes back. */
  readonly lost: AbortSignal;
  /**
   * Ends the lease, so that the next one need not wait for its end. When the server does not answer it ends by itself. Idempotent.
   */
  release(options: { readonly signal: AbortSignal }): Promise<void>;
}
