import { startPostgres } from '@certyo-cdc/testing';
import {
  columnInDocument,
  disagreements,
  DOCUMENTED_MAJORS,
  readDocument,
  renderDocument,
  writeDocument,
} from '../conformance/support/document.ts';
import { type Column, columnOf } from '../conformance/support/find-out.ts';
import { CONFORMANCE_SETTINGS } from '../conformance/support/scenarios.ts';
import type { Campaign } from './runner/campaign.ts';
import { eachRun } from './runner/each-run.ts';

/** The majors that the tests do not run on have binaries for one platform. */
const isHere = process.platform === 'linux' && process.arch === 'x64';

/** `UPDATE_DOCUMENT=1` writes what it finds instead of comparing. */
const updates = process.env['UPDATE_DOCUMENT'] === '1';

export const campaign: Campaign = {
  name: 'conformance',
  description:
    'Every message and option of pgoutput on PostgreSQL 12 to 18 is as docs/conformance.md says.',
  runs: DOCUMENTED_MAJORS.length,
  // The first two: the tests compare the others with their own servers.
  share: 4,
  run: (options) =>
    eachRun(options, async ({ run }) => {
      const major = DOCUMENTED_MAJORS[run % DOCUMENTED_MAJORS.length] ?? 18;
      if (!isHere && major < 18) return { skipped: 1 };
      await using server = await startPostgres({ major, settings: CONFORMANCE_SETTINGS });
      const found = await columnOf(server);
      const text = await readDocument();
      if (updates) {
        const columns = new Map<number, Column>(
          DOCUMENTED_MAJORS.map((other) => [other, columnInDocument(text, other)]),
        );
        await writeDocument(renderDocument(columns.set(major, found)));
        return { cells: found.size };
      }
      const differing = disagreements(found, columnInDocument(text, major));
      if (differing.length > 0) {
        const list = differing.join('; ');
        throw new Error(
          `docs/conformance.md is not what PostgreSQL ${server.version} does: ${list}`,
        );
      }
      return { cells: found.size };
    }),
};
