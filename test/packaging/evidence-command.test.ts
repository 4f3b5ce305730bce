import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { run } from './setup/run.ts';

const consumer = inject('consumer');

test('certyo-evidence runs where the package is installed, and needs no key', async () => {
  const bin = join(consumer, 'node_modules', '.bin', 'certyo-evidence');
  const help = await run(bin, ['--help'], { cwd: consumer });
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('Usage: certyo-evidence verify <file>');
  const file = join(consumer, 'no-evidence.json');
  writeFileSync(file, '{"format":"certyo-cdc-evidence"}');
  const refused = await run(bin, ['verify', file], { cwd: consumer });
  expect(refused.code).toBe(1);
  expect(refused.stdout).toContain('FAILED  form');
});
