import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SpoolFolder } from './spool.ts';

async function settings(): Promise<{ readonly directory: string; readonly maxBytes: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'certyo-spool-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return { directory, maxBytes: 1_000_000 };
}

const FRAME = Buffer.from([0x64, 0, 0, 0, 5, 0x77]);

describe(SpoolFolder, () => {
  test('R-24: opening a stream leaves the spool of another one alone, also where their slots cannot be told apart', async () => {
    const shared = await settings();
    const primary = new SpoolFolder(shared, 'x');
    const spool = primary.create();
    await spool.append(FRAME);
    // As for a transaction that is prepared.
    await spool.rest();
    const copy = new SpoolFolder(shared, 'x');
    await copy.clear();
    await expect(spool.read(0)).resolves.toHaveLength(6);
    await primary.close();
  });

  test('R-24: what removes old files from folders for temporary ones may take an empty spool away', async () => {
    const shared = await settings();
    const folder = new SpoolFolder(shared, 'x');
    const first = folder.create();
    await first.append(FRAME);
    await first.drop();
    // The next transaction that is streamed comes weeks later.
    await rm(shared.directory, { recursive: true });
    const second = folder.create();
    await second.append(FRAME);
    await expect(second.read(0)).resolves.toHaveLength(6);
    await folder.close();
    expect(await readdir(shared.directory)).toEqual([]);
  });

  test('R-24: what processes left that are gone is removed, also of one with the number of this one', async () => {
    const shared = await settings();
    const folder = new SpoolFolder(shared, 'x');
    await folder.create().append(FRAME);
    const [name = ''] = await readdir(shared.directory);
    const parent = join(shared.directory, name);
    const [own = ''] = await readdir(parent);
    const living = `${process.ppid}-living`;
    // No process has a number beyond 2^22.
    for (const left of [`${process.pid}-left`, '99999999-left', living]) {
      await mkdir(join(parent, left));
      await writeFile(join(parent, left, '1.spool'), FRAME);
    }
    await new SpoolFolder(shared, 'x').clear();
    expect((await readdir(parent)).toSorted()).toEqual([own, living].toSorted());
    await folder.close();
    expect(await readdir(parent)).toEqual([living]);
  });
});
