import type { TestProject } from 'vitest/node';

import { openPostgres } from '../postgres/open-postgres.ts';
import type {} from './shared-postgres.ts';

/** Starts the shared server of a project; vitest calls it only for projects whose tests are going to run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { postgresMajor } = project.getProvidedContext();
  const server = await openPostgres({ major: postgresMajor });
  const { major, host, port, user, password } = server;
  project.provide('postgres', { major, host, port, user, password });
  return async () => {
    await server[Symbol.asyncDispose]();
  };
}
