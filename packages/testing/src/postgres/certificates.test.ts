import { X509Certificate } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { createCertificates } from './certificates.ts';

describe('createCertificates', () => {
  test('makes a server certificate for the local host, signed by its own authority', async () => {
    const { ca, server } = await createCertificates();
    const authority = new X509Certificate(ca);
    const certificate = new X509Certificate(server.cert);
    expect(authority.ca).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(certificate.checkIssued(authority)).toBe(true);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkHost('db.example')).toBeUndefined();
    expect(new Date(certificate.validTo).getTime()).toBeGreaterThan(Date.now());
  });

  test('makes client certificates whose common name is the user', async () => {
    const { ca, client } = await createCertificates();
    const certificate = new X509Certificate((await client('someone')).cert);
    expect(certificate.subject).toBe('CN=someone');
    expect(certificate.verify(new X509Certificate(ca).publicKey)).toBe(true);
  });

  test('makes expired certificates and such for other hosts when asked', async () => {
    const notAfter = new Date('2020-01-01T00:00:00Z');
    const { server } = await createCertificates({ hosts: ['db.example'], notAfter });
    const certificate = new X509Certificate(server.cert);
    expect(new Date(certificate.validTo)).toEqual(notAfter);
    expect(certificate.checkHost('db.example')).toBe('db.example');
    expect(certificate.checkHost('localhost')).toBeUndefined();
  });

  test('two calls make two authorities', async () => {
    const [one, two] = await Promise.all([createCertificates(), createCertificates()]);
    const authority = new X509Certificate(two.ca);
    expect(new X509Certificate(one.server.cert).verify(authority.publicKey)).toBe(false);
  });
});
