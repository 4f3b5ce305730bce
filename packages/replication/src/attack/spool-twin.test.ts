import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SpoolFolder } from '../stream/spool.ts';

/**
 * A primary and its standby (or a server and a copy of its files) have one system identifier, so slots of one name and
 * database on both give one owner: open-stream.ts makes it of these three.
 */
test('opening a stream on a standby does not remove the spool of the one that reads the primary', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'certyo-attack-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const owner = ['7400000000000000001', 'app', 'certyo_cdc'].join('/');
  const primary = new SpoolFolder({ directory, maxBytes: 1_000_000 }, owner);
  const spool = primary.create();
  await spool.append(Buffer.from([0x64, 0, 0, 0, 5, 0x77]));
  // As for a transaction that is prepared.
  await spool.rest();
  const standby = new SpoolFolder({ directory, maxBytes: 1_000_000 }, owner);
  await standby.clear();
  await expect(spool.read(0)).resolves.toHaveLength(6);
});
