import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { auditReportHtml } from '@certyo-cdc/verification';
import { describe, expect, test } from 'vitest';
import { auditRig } from './audit-rig.ts';

const run = promisify(execFile);
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const chromium = process.env['CHROMIUM'] ?? CHROMIUM.find((path) => existsSync(path));

const ARGUMENTS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--hide-scrollbars',
];

describe('auditReportHtml', () => {
  // `apt-get install chromium`, or CHROMIUM with its path.
  test.skipIf(chromium === undefined)(
    'opens in Chromium (skipped where none is installed), on a screen and on paper',
    async () => {
      await using rig = await auditRig({ rows: 500 });
      await rig.db.query('ALTER TABLE public.orders DROP COLUMN placed');
      await rig.db.query("UPDATE public.orders SET state = 'paid' WHERE id <= 450");
      await rig.pipeline.caughtUp();
      await rig.anchor();
      await rig.db.query("UPDATE public.orders SET state = 'sent' WHERE id BETWEEN 40 AND 60");
      await rig.pipeline.caughtUp();
      await rig.db.query(
        "UPDATE certyo.receipts SET accepted_at = accepted_at - (abs(hashtext(record_id)) % 40) * interval '1 day'",
      );
      await rig.unseen(
        "UPDATE public.orders SET customer = '<script>document.title = 1</script>' WHERE id IN (7, 70)",
        'UPDATE public.orders SET total = -1 WHERE id = 9',
        'DELETE FROM public.orders WHERE id = 8',
        "INSERT INTO public.orders VALUES (90001, 'nobody', 1, 'new')",
        "UPDATE public.orders SET state = 'new' WHERE id = 50",
      );
      const report = await rig.run({ values: true, client: rig.client });
      const page = auditReportHtml(report, { title: 'Orders & "more"' });
      const folder = await mkdtemp(join(tmpdir(), 'certyo-report-'));
      try {
        const file = join(folder, 'audit.html');
        await writeFile(file, page);
        const url = pathToFileURL(file).href;
        const browser = (...more: string[]): Promise<{ readonly stdout: string }> =>
          run(chromium ?? '', [...ARGUMENTS, `--user-data-dir=${folder}/profile`, ...more, url], {
            maxBuffer: 50_000_000,
          });
        const { stdout: dom } = await browser('--dump-dom');
        expect(dom).toContain('<title>Orders &amp; "more"</title>');
        expect(dom).toContain('&lt;script&gt;document.title');
        expect(dom).toContain('Exceptions were found');
        expect(dom).not.toContain('<script');
        expect(dom.match(/<rect class="anchored"/gu)?.length).toBeGreaterThan(30);
        expect(dom).toMatch(/Missing row<\/span>/u);
        const picture = process.env['AUDIT_SCREENSHOT'] ?? join(folder, 'audit.png');
        await browser(`--screenshot=${picture}`, '--window-size=1200,1600');
        const paper = process.env['AUDIT_PDF'] ?? join(folder, 'audit.pdf');
        await browser(`--print-to-pdf=${paper}`, '--no-pdf-header-footer');
        expect((await stat(picture)).size).toBeGreaterThan(20_000);
        expect((await stat(paper)).size).toBeGreaterThan(10_000);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );

  test('shows no value that was not asked for, refuses what is no report', async () => {
    await using rig = await auditRig({ rows: 20 });
    await rig.unseen("UPDATE public.orders SET customer = 'a secret' WHERE id = 7");
    const page = auditReportHtml(await rig.run());
    expect(page).toContain('Changed without a record');
    expect(page).not.toContain('a secret');
    expect(page).not.toMatch(/https?:/u);
    expect(() => auditReportHtml({} as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error,
    );
  });
});
