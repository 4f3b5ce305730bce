import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Chart } from './benchmark.ts';
import { mergeSections, writeReport } from './report.ts';
import { aimsMarkdown } from './report-aims.ts';
import { reportMarkdown } from './report-markdown.ts';
import type { ReportSection } from './report-section.ts';
import { axisTicks, logTicks, shortNumber } from './report-scale.ts';
import { chartSvg } from './report-svg.ts';

const value = { median: 90_000, least: 80_000, most: 95_500 };

const CHARTS: readonly Chart[] = [
  {
    kind: 'bars',
    name: 'rates',
    title: 'Rows & <seconds>',
    unit: 'rows/s',
    bars: [
      { label: 'ours', value },
      { label: '"theirs"', value: { median: Number.NaN, least: 0, most: 0 } },
    ],
  },
  {
    kind: 'lines',
    name: 'growth',
    title: 'Growth',
    x: { label: 'events', isLogarithmic: true },
    y: { label: 'µs' },
    lines: [
      { label: 'cost', points: [10, 1_000, 100_000].map((x) => ({ x, y: 12 })) },
      { label: 'nothing', points: [] },
    ],
  },
];

const section = (name: string, over: Partial<ReportSection> = {}): ReportSection => ({
  name,
  summary: 'Rows against rows.',
  result: {
    figures: { ratio: 1.1 },
    tables: [{ title: 'Rates', header: ['who', 'rows/s'], rows: [['a|b', 91_000]] }],
    charts: [],
    notes: ['The same rows.', 'One skipped.'],
  },
  machine: {
    cpu: 'A CPU',
    cores: 2,
    memoryGb: 24,
    system: 'Linux',
    kernel: '6',
    node: 'v20',
    loadBefore: 0,
  },
  date: '2026-11-21T12:00:00.000Z',
  rounds: 5,
  isQuick: false,
  ...over,
});

/** Every element that is opened is closed, in order, and no attribute holds what cannot be drawn. */
function expectWellFormed(xml: string): void {
  const open: string[] = [];
  for (const [, closes, name = '', , closesItself] of xml.matchAll(
    /<(\/?)([a-z]+)((?:\s[\w:-]+="[^"<]*")*)\s*(\/?)>/gi,
  )) {
    if (closes === '/') expect(open.pop()).toBe(name);
    else if (closesItself !== '/') open.push(name);
  }
  expect(open).toEqual([]);
  expect(xml.replaceAll(/<\/?[a-z]+(?:\s[\w:-]+="[^"<]*")*\s*\/?>/gi, '')).not.toMatch(/[<>]/);
  expect(xml).not.toMatch(/NaN|Infinity|undefined|&(?!amp;|lt;|gt;|quot;)/);
}

describe('chartSvg', () => {
  test('draws well-formed XML, whatever is in the labels and figures', () => {
    for (const chart of CHARTS) expectWellFormed(chartSvg(chart));
  });

  test('draws a chart of nothing', () => {
    const [bars, lines] = CHARTS;
    if (bars?.kind !== 'bars' || lines?.kind !== 'lines') throw new Error('Other charts.');
    expectWellFormed(chartSvg({ ...bars, bars: [] }));
    expectWellFormed(chartSvg({ ...lines, lines: [] }));
  });
});

describe('aimsMarkdown', () => {
  test('says what was met and what was missed, as far as it was run', () => {
    const figures = {
      vsFastestDrain: 0.95,
      vsFastestDrainSpread: { least: 0.9, most: 1.1 },
      rssVsDebezium: 0.5,
      vsDebezium: null,
      // What it would be compared with is not installed.
      cpuVsPgLogicalReplication: Number.NaN,
    };
    const lines = aimsMarkdown([
      section('pipeline', { result: { figures, tables: [], charts: [] } }),
    ]).split('\n');
    expect(lines.slice(2)).toEqual([
      expect.stringMatching(/vsFastestDrain.* \| 0\.95 \| 0\.9 to 1\.1 \| ≥ 0\.9 \| met \|$/),
      expect.stringMatching(/rssVsDebezium.* \| 0\.5 \|  \| ≤ 0\.25 \| \*\*missed\*\* \|$/),
    ]);
  });
});

describe('reportMarkdown', () => {
  test('has a table whose numbers are on the right, the notes, and what was written by hand', () => {
    const text = reportMarkdown([section('copy')], '## What did not help\n\nNothing.\n');
    expect(text).toContain('## copy\n\nRows against rows. (2026-11-21; 5 rounds.)');
    expect(text).toContain(`| who | rows/s |\n| --- | --: |\n| a\\|b | 91,000 |`);
    expect(text).toContain('- The same rows.\n- One skipped.');
    expect(text.endsWith('Nothing.\n')).toBe(true);
  });

  test('says where quick sizes, a busy machine or several machines make figures doubtful', () => {
    const other = { ...section('copy').machine, cpu: 'Another', loadBefore: 3 };
    const text = reportMarkdown(
      [section('a', { isQuick: true }), section('b', { machine: other })],
      '',
    );
    expect(text).toContain('quick sizes');
    expect(text).toContain('load of the machine before: 3; Another, 2 cores');
  });
});

describe('writeReport', () => {
  test('replaces the section that was run, and keeps the others with their charts', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'report-'));
    try {
      const order = ['decode', 'copy'];
      const withCharts = section('copy', {
        result: { figures: {}, tables: [], charts: CHARTS.slice(0, 1) },
      });
      await writeReport(folder, [withCharts], order);
      await writeReport(folder, [section('decode')], order);
      expect(await readdir(join(folder, 'benchmarks'))).toEqual(['rates.svg', 'results.json']);
      const text = await readFile(join(folder, 'benchmarks.md'), 'utf8');
      expect(text.indexOf('## decode')).toBeLessThan(text.indexOf('## copy'));
      expect(text).toContain('(benchmarks/rates.svg)');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('forgets benchmarks that there are no more', () => {
    const names = (sections: readonly ReportSection[]): string[] =>
      sections.map(({ name, date }) => `${name} ${date}`);
    const merged = mergeSections(
      [section('gone'), section('b', { date: 'then' }), section('a', { date: 'then' })],
      [section('b', { date: 'now' })],
      ['a', 'b'],
    );
    expect(names(merged)).toEqual(['a then', 'b now']);
  });
});

describe('axisTicks', () => {
  test('reaches beyond the largest number in round steps', () => {
    expect(axisTicks(95)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(axisTicks(0.3)).toEqual([0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]);
    expect(axisTicks(0)).toEqual([0, 1]);
    expect(axisTicks(Number.NaN)).toEqual([0, 1]);
  });
});

describe('logTicks', () => {
  test('covers the numbers with powers of ten', () => {
    expect(logTicks(10, 100_000)).toEqual([10, 100, 1_000, 10_000, 100_000]);
    expect(logTicks(3, 3)).toEqual([1, 10]);
    expect(logTicks(0, 5)).toEqual([1, 10]);
  });
});

describe('shortNumber', () => {
  test('keeps three digits', () => {
    expect([0, 0.123_4, 9_999, 91_234, 1_234_567, Number.NaN].map(shortNumber)).toEqual([
      '0',
      '0.123',
      '10000',
      '91.2k',
      '1.23M',
      '?',
    ]);
  });
});
