import { describe, expect, test } from 'vitest';

import { HttpStatusError } from '../errors/delivery-error.ts';
import { createCertyoClient } from './certyo-client.ts';
import { certyoSink } from './certyo-sink.ts';
import { rowChange } from './test-event.ts';
import { reply, startTestServer } from './test-server.ts';

const signal = new AbortController().signal;

describe('redirects', () => {
  describe.each([301, 302, 303, 307, 308])('%d to another origin', (status) => {
    test('neither key nor body leaves, for POST and GET', async () => {
      await using other = await startTestServer((_request, response) => reply(response, 202, {}));
      await using api = await startTestServer((request, response) => {
        response.writeHead(status, { location: `${other.url}${request.path}` });
        response.end();
      });
      const options = { baseUrl: api.url, apiKey: 'key-canary', tenantId: 'tenant' };
      await using client = createCertyoClient(options);
      const refused = { name: 'HttpStatusError', code: 'REDIRECT_REFUSED', status };

      const record = {
        database: 'd',
        collection: 'c',
        recordId: '1',
        recordPayload: { value: 'body-canary' },
      };
      await expect(client.ingestRecord(record)).rejects.toMatchObject(refused);
      await expect(client.ingestRecords([record])).rejects.toMatchObject(refused);
      await expect(client.listSnapshots({ recordId: '1' })).rejects.toMatchObject(refused);

      const sink = certyoSink({ client });
      for (const count of [1, 2]) {
        const items = Array.from({ length: count }, (_, index) =>
          sink.prepare(rowChange({ key: { id: index } })),
        ).flatMap((prepared) => prepared.map(({ item }) => item));
        const verdicts = await sink.deliver(items, { attempt: 1, signal });
        expect(verdicts.map((verdict) => verdict.type)).toEqual(items.map(() => 'halt'));
        expect(verdicts[0]).toMatchObject({ error: expect.any(HttpStatusError) as unknown });
      }

      expect(api.requests.length).toBe(5);
      expect(api.requests[0]?.headers['x-api-key']).toBe('key-canary');
      expect(other.connections()).toBe(0);
      expect(other.requests).toEqual([]);
    });
  });
});
