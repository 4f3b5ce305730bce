import type { TestProject } from 'vitest/node';

import { openPostgres } from '../postgres/open-postgres.ts';
import type {} from './shared-postgres.ts';

/**
 * Global setup for vitest: opens the server that the test files of a project share, by openPostgres().
 *
 * vitest calls it only for projects whose tests are going to run. The major comes from
 * `provide: { postgresMajor: 17 }` in the project's configuration; 18 without.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { postgresMajor } = project.getProvidedContext();
  const server = await openPostgres({ major: postgresMajor });
  const { major, host, port, user, password } = server;
  project.provide('postgres', { major, host, port, user, password });
  return async () => {
    await server[Symbol.asyncDispose]();
  };
}
