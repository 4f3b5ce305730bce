import { describe, expect, test } from 'vitest';

import { testDatabase } from './test-database.ts';

describe('testDatabase', () => {
  test('says what to do in a project without a server', async () => {
    await expect(testDatabase()).rejects.toThrow(
      "This vitest project has no PostgreSQL. Name the test file x.pg.test.ts, or add `globalSetup: ['@certyo-cdc/testing/vitest-setup']` to the project.",
    );
  });
});
