import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reportMarkdown } from './report-markdown.ts';
import type { ReportSection } from './report-section.ts';
import { chartSvg } from './report-svg.ts';

/** Written by hand, taken over as it is: what was tried for speed and did not help. */
const BY_HAND: URL = new URL('../what-did-not-help.md', import.meta.url);

/**
 * Writes `benchmarks.md`, a chart for each that a benchmark asks for under `benchmarks/`, and what all of it was made
 * from (`benchmarks/results.json`). Benchmarks that were not run this time keep what they had: a run of one replaces its
 * own section only.
 *
 * @param order The names of all benchmarks, in the order of the docs.
 */
export async function writeReport(
  folder: string,
  sections: readonly ReportSection[],
  order: readonly string[],
): Promise<void> {
  const charts = join(folder, 'benchmarks');
  await mkdir(charts, { recursive: true });
  const file = join(charts, 'results.json');
  const kept = await readSections(file);
  const all = mergeSections(kept, sections, order);
  for (const { result } of kept) {
    for (const { name } of result.charts) await rm(join(charts, `${name}.svg`), { force: true });
  }
  for (const { result } of all) {
    for (const chart of result.charts)
      await writeFile(join(charts, `${chart.name}.svg`), chartSvg(chart));
  }
  await writeFile(file, `${JSON.stringify(all, null, 2)}\n`);
  await writeFile(join(folder, 'benchmarks.md'), reportMarkdown(all, await readText(BY_HAND)));
}

/** Those of now in place of those of then, in the given order; what it does not name is gone. */
export function mergeSections(
  kept: readonly ReportSection[],
  now: readonly ReportSection[],
  order: readonly string[],
): readonly ReportSection[] {
  return order.flatMap(
    (name) =>
      now.find((section) => section.name === name) ??
      kept.find((section) => section.name === name) ??
      [],
  );
}

async function readSections(file: string): Promise<readonly ReportSection[]> {
  const text = await readText(file);
  return text === '' ? [] : (JSON.parse(text) as readonly ReportSection[]);
}

/** The file's text; '' where there is none. */
async function readText(file: string | URL): Promise<string> {
  try {
    return await readFile(typeof file === 'string' ? file : fileURLToPath(file), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
