import type { ClientConfig } from 'pg';
import { describe, expect, inject, test } from 'vitest';

import { createCertificates } from './certificates.ts';
import { startPostgres } from './start-postgres.ts';

const major = inject('postgresMajor');

describe('startPostgres with tls', () => {
  test('a client that verifies the host name connects, and one with another authority does not', async () => {
    await using server = await startPostgres({ major, tls: true, password: 'pw' });
    const ca = server.certificates?.ca ?? '';
    for (const servername of ['localhost', undefined]) {
      const ssl = { ca, ...(servername === undefined ? {} : { servername }) };
      const client = await server.client({ ssl });
      const { rows } = await client.query<{ ssl: boolean; version: string }>(
        'SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
      );
      expect(rows).toEqual([{ ssl: true, version: 'TLSv1.3' }]);
    }
    const { ca: foreign } = await createCertificates();
    await expect(server.client({ ssl: { ca: foreign } })).rejects.toMatchObject({
      code: expect.stringMatching(/CERT|SIGNATURE|ISSUER|VERIFY/),
    });
  });

  test('a certificate for another host, and one that has expired, are refused by the client', async () => {
    const elsewhere = await createCertificates({ hosts: ['db.example'] });
    const expired = await createCertificates({ notAfter: new Date('2020-01-01T00:00:00Z') });
    for (const [tls, code] of [
      [elsewhere, 'ERR_TLS_CERT_ALTNAME_INVALID'],
      [expired, 'CERT_HAS_EXPIRED'],
    ] as const) {
      await using server = await startPostgres({ major, tls });
      await expect(server.client({ ssl: { ca: tls.ca } })).rejects.toMatchObject({ code });
    }
  });

  test('a client certificate logs its user in, also for replication', async () => {
    await using server = await startPostgres({
      major,
      tls: true,
      hba: ['hostssl all,replication app 127.0.0.1/32 cert', 'hostnossl all all all reject'],
    });
    await server.query('CREATE ROLE app LOGIN REPLICATION');
    const ca = server.certificates?.ca ?? '';
    const pair = await server.certificates?.client('app');
    const config: ClientConfig = { user: 'app', ssl: { ca, ...pair } };
    const client = await server.client(config);
    expect((await client.query('SELECT current_user AS name')).rows).toEqual([{ name: 'app' }]);
    const replication: ClientConfig & { replication: string } = {
      ...config,
      replication: 'database',
    };
    const walsender = await server.client(replication);
    expect((await walsender.query('IDENTIFY_SYSTEM')).rows).toHaveLength(1);
    const other = await server.certificates?.client('somebody');
    await expect(server.client({ user: 'app', ssl: { ca, ...other } })).rejects.toMatchObject({
      code: '28000',
    });
    await expect(server.client({ user: 'app' })).rejects.toMatchObject({ code: '28000' });
  });
});
