import { startPostgres } from '@certyo-cdc/testing';
import { expect, inject, test } from 'vitest';
import { columnInDocument, disagreements, readDocument } from './support/document.ts';
import { columnOf } from './support/find-out.ts';
import { CONFORMANCE_SETTINGS } from './support/scenarios.ts';

test('docs/conformance.md says what this server and the library do', async () => {
  const major = inject('postgresMajor');
  await using server = await startPostgres({ major, settings: CONFORMANCE_SETTINGS });
  const found = await columnOf(server);
  const documented = columnInDocument(await readDocument(), major);
  expect(found.size).toBeGreaterThan(50);
  expect(disagreements(found, documented)).toEqual([]);
});
