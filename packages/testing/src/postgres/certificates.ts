/** A certificate with its key, both as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Certificates for a server and its clients, all of one certification authority made for the test. */
export interface TestCertificates {
  /** The authority's certificate as PEM. */
  readonly ca: string;
  /** The server's, for `localhost`, `127.0.0.1` and `::1` unless said otherwise. */
  readonly server: KeyPair;
  /** A certificate for a database user, which is its common name. */
  client(user: string): Promise<KeyPair>;
}
