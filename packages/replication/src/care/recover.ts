/** What a caller has decided about one gap. */
export interface Recover {
  /** The fingerprint that the `GapError` printed. */
  readonly gap: string;
  readonly by: 'accept' | 'copy';
}
