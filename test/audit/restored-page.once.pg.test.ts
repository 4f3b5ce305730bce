import { copyFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { startPostgres } from '@certyo-cdc/testing';
import { expect, test } from 'vitest';
import { auditRigOn, found } from './rig.ts';

test('files of a restored backup: the rows that they hold are older than their records, and found', async () => {
  await using server = await startPostgres({ major: 18 });
  await using rig = await auditRigOn(await server.createDatabase(), { rows: 400 });
  const [files] = await rig.db.query<{ heap: string; index: string }>(
    "SELECT pg_relation_filepath('public.orders') AS heap, pg_relation_filepath('public.orders_pkey') AS index",
  );
  const paths = [files?.heap ?? '', files?.index ?? ''];
  await rig.db.query('VACUUM (FREEZE) public.orders');
  await rig.db.query('CHECKPOINT');
  const backup = async (suffix: (path: string) => readonly [string, string]): Promise<void> => {
    for (const path of paths) {
      const folder = join(server.dataDirectory, dirname(path));
      const name = path.slice(path.lastIndexOf('/') + 1);
      for (const file of await readdir(folder)) {
        if (file !== name && !file.startsWith(`${name}_`)) continue;
        if (file.endsWith('.old')) continue;
        const [from, to] = suffix(join(folder, file));
        await copyFile(from, to);
      }
    }
  };
  await backup((path) => [path, `${path}.old`]);
  await rig.db.query("UPDATE public.orders SET state = 'paid' WHERE id IN (5, 6)");
  await rig.db.query("INSERT INTO public.orders VALUES (9000, 'late', 1, 'new', now())");
  await rig.pipeline.caughtUp();
  expect(await rig.run()).toMatchObject({ verdict: 'passed' });
  await rig.pipeline.drain();
  await server.stop('fast');
  await backup((path) => [`${path}.old`, path]);
  await server.start();
  expect(found(await rig.run())).toEqual(['missing-row 9000', 'out-of-order 5', 'out-of-order 6']);
});
