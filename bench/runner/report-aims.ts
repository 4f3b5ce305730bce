import type { ReportSection } from './report-section.ts';

/** What a figure is to be. */
interface Aim {
  /** `benchmark.figure`, deeper ones with more dots. */
  readonly path: string;
  readonly says: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

const AIMS: readonly Aim[] = [
  {
    path: 'decode.vsPgLogicalReplication',
    says: 'rows/s of decoding over pg-logical-replication',
    atLeast: 3,
  },
  { path: 'decode.vsPgwire', says: 'rows/s of decoding over pgwire', atLeast: 2 },
  {
    path: 'source.cpuVsPgLogicalReplication',
    says: 'CPU of a row, source to null sink, over pg-logical-replication',
    atMost: 0.5,
  },
  {
    path: 'pipeline.vsFastestDrain',
    says: 'rows/s of the whole pipeline over the faster of pg_recvlogical and a reader that throws away each piece as it comes',
    atLeast: 0.9,
  },
  {
    path: 'pipeline.vsFastestDrainWithReceipts',
    says: 'the same with every receipt stored in PostgreSQL before it is acknowledged',
    atLeast: 0.6,
  },
  {
    path: 'pipeline.cpuVsPgLogicalReplication',
    says: 'CPU of a row, whole pipeline, over pg-logical-replication that only decodes',
    atMost: 0.75,
  },
  {
    path: 'pipeline.vsDebezium',
    says: 'rows/s of the whole pipeline over Debezium',
    atLeast: 5,
  },
  {
    path: 'pipeline.rssVsDebezium',
    says: 'peak RSS of the whole pipeline over that of Debezium as it is by default',
    atMost: 0.25,
  },
  {
    path: 'latency.1000.p50',
    says: 'ms from when the writer knew of the commit, at 1,000 changes/s, p50',
    atMost: 5,
  },
  { path: 'latency.1000.p99', says: 'the same, p99', atMost: 20 },
  {
    path: 'copy.vsPsqlCopy',
    says: 'rows/s of the first copy over psql COPY',
    atLeast: 0.8,
  },
  { path: 'memory.peakMb', says: 'peak RSS over one large transaction, MB', atMost: 200 },
  {
    path: 'growth.costPerEvent.events.mostOverLeast',
    says: 'CPU of an event with more events, most over least',
    atMost: 1.3,
  },
  {
    path: 'growth.costPerEvent.tables.mostOverLeast',
    says: 'CPU of an event with more tables, most over least',
    atMost: 1.3,
  },
  {
    path: 'growth.costPerByte.mostOverLeastAroundLine',
    says: 'CPU of an event over a fixed part and one for each byte, most over least',
    atMost: 1.3,
  },
  {
    path: 'growth.costPerColumn.mostOverLeastAroundLine',
    says: 'CPU of an event over a fixed part and one for each column, most over least',
    atMost: 1.3,
  },
];

/** A table of what was aimed at and what came of it; '' where nothing of it was run. */
export function aimsMarkdown(sections: readonly ReportSection[]): string {
  const rows = AIMS.flatMap((aim) => {
    const [name = '', ...path] = aim.path.split('.');
    const figures = sections.find((section) => section.name === name)?.result.figures;
    const value = at(figures, path);
    // What was not run is neither met nor missed.
    if (typeof value !== 'number' || !Number.isFinite(value)) return [];
    return [row(aim, value, at(figures, spreadOf(path)))];
  });
  if (rows.length === 0) return '';
  return [
    '| Figure | | Median | Least to most | Aim | |',
    '| --- | --- | --: | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function row({ atLeast, atMost, path, says }: Aim, value: number, spread: unknown): string {
  const isMet = value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
  const [least, most] = [at(spread, ['least']), at(spread, ['most'])];
  const aim = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
  const range = typeof least === 'number' && typeof most === 'number' ? `${least} to ${most}` : '';
  return `| \`${path}\` | ${says} | ${value} | ${range} | ${aim} | ${isMet ? 'met' : '**missed**'} |`;
}

function spreadOf(path: readonly string[]): readonly string[] {
  return [...path.slice(0, -1), `${path.at(-1) ?? ''}Spread`];
}

function at(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}
