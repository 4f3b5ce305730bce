import { chmodSync, cpSync, realpathSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { describe, expect, inject, onTestFinished, test } from 'vitest';

import { findBinaries, packageBinaries } from './binaries.ts';

const major = inject('postgresMajor');

describe('findBinaries', () => {
  test('names the package to install and the variables to set for a major that is not there', async () => {
    await expect(findBinaries(99)).rejects.toThrow(
      /No binaries of PostgreSQL 99 are installed\..*npm install.*TEST_POSTGRES_BIN_99.*TEST_POSTGRES_URL_99/,
    );
  });
});

describe('packageBinaries', () => {
  test('copies a package that the user of the server cannot read, or that is read-only', async () => {
    const { directory, version } = await findBinaries(major);
    const root = await mkdtemp(join(tmpdir(), 'package-'));
    onTestFinished(async () => {
      chmodSync(root, 0o755);
      await rm(root, { recursive: true, force: true });
    });
    const native = dirname(realpathSync(directory));
    cpSync(native, join(root, 'native'), { recursive: true, verbatimSymlinks: true });
    // As root another user runs the server and may not enter; else nobody may write the links.
    chmodSync(root, 0o700);
    const copy = await packageBinaries(root, `test-${process.pid}`);
    onTestFinished(() => rmSync(dirname(dirname(copy.directory)), { recursive: true }));
    expect(copy.version).toBe(version);
    if (process.getuid?.() === 0) expect(copy.directory).not.toContain(root);
  });
});
