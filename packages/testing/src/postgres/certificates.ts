import { isIP } from 'node:net';

import { ConfigurationError } from '@certyo-cdc/core';
import type { generate as Generate } from 'selfsigned';

/** A certificate with its key, both as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Certificates for a server and its clients, all of one certification authority made for the test. */
export interface TestCertificates {
  /** The authority's certificate as PEM. */
  readonly ca: string;
  readonly server: KeyPair;
  /** A certificate for a database user, which is its common name. */
  readonly client: (user: string) => Promise<KeyPair>;
}

/** How createCertificates() makes them. */
export interface CertificateOptions {
  /**
   * Names and addresses that the server's certificate is for.
   * @default ['localhost', '127.0.0.1', '::1']
   */
  readonly hosts?: readonly string[] | undefined;
  /**
   * End of the validity of the server's certificate; one in the past makes an expired certificate.
   * @default in one day
   */
  readonly notAfter?: Date | undefined;
}

const DAY_MS = 86_400_000;
const LOCAL_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '::1'];

interface Purpose {
  readonly commonName: string;
  readonly notAfter: Date;
  readonly ca: KeyPair | null;
  readonly extensions: CertificateExtensions;
}

type CertificateExtensions = NonNullable<NonNullable<Parameters<typeof Generate>[1]>['extensions']>;

async function makePair({ commonName, notAfter, ca, extensions }: Purpose): Promise<KeyPair> {
  // Loaded when needed: most tests do without TLS.
  const { generate } = await import('selfsigned');
  const { cert, private: key } = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Math.min(Date.now(), notAfter.getTime()) - DAY_MS),
    notAfterDate: notAfter,
    extensions,
    ...(ca === null ? {} : { ca }),
  });
  return { cert, key };
}

const LEAF: CertificateExtensions = [
  { name: 'basicConstraints', cA: false, critical: true },
  { name: 'keyUsage', digitalSignature: true, critical: true },
];

/**
 * Makes a certification authority and a server's certificate of it, for `startPostgres({ tls })`.
 *
 * Those of a second call are of another authority: with them a client's trust can be seen to fail.
 */
export async function createCertificates({
  hosts = LOCAL_HOSTS,
  notAfter = new Date(Date.now() + DAY_MS),
}: CertificateOptions = {}): Promise<TestCertificates> {
  const [firstHost] = hosts;
  if (firstHost === undefined) {
    throw new ConfigurationError('hosts', 'Expected `hosts` to name at least one host, got none.');
  }
  const ca = await makePair({
    commonName: 'Authority of a test',
    notAfter: new Date(Date.now() + DAY_MS),
    ca: null,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await makePair({
    commonName: firstHost,
    notAfter,
    ca,
    extensions: [
      ...LEAF,
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: hosts.map((host) =>
          isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host },
        ),
      },
    ],
  });
  return {
    ca: ca.cert,
    server,
    client: async (user) =>
      await makePair({
        commonName: user,
        notAfter: new Date(Date.now() + DAY_MS),
        ca,
        extensions: [...LEAF, { name: 'extKeyUsage', clientAuth: true }],
      }),
  };
}
