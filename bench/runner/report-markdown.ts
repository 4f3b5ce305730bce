import type { Chart, Table } from './benchmark.ts';
import type { Machine } from './machine.ts';
import { aimsMarkdown } from './report-aims.ts';
import type { ReportSection } from './report-section.ts';

const HEAD = `# Benchmarks

Made by \`pnpm bench --out docs\`; see \`bench/\`. Each figure is the median of several rounds, with the least and the most beside
it. All variants take turns in every round, on one machine and one server, and another one begins in each; a ratio is made of
two figures of the same round, and then the median of those is taken. CPU is user and system time of the client process from the
moment its stream is open to the last acknowledgement. Starting it is not counted, but for PostgreSQL's own programs, whose CPU is
that of the whole process (and psql's time counts from its start); peak RSS is that of the whole life of a process. Everything runs
on the same cores: server, client and receiver take time from each other, as they would on a small machine.`;

/** The docs: a page of GitHub Markdown. */
export function reportMarkdown(sections: readonly ReportSection[], byHand: string): string {
  const machines = [...new Set(sections.map(({ machine }) => machineLine(machine)))];
  const blocks = [
    HEAD,
    machines.length === 1 ? `Machine: ${machines[0] ?? ''}.` : '',
    aimsMarkdown(sections),
    ...sections.map((section) => sectionMarkdown(section, machines.length > 1)),
    byHand.trim(),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function sectionMarkdown(section: ReportSection, namesMachine: boolean): string {
  const { date, isQuick, machine, name, result, rounds, summary } = section;
  const what = [
    date.slice(0, 10),
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'}`,
    ...(isQuick ? ['**quick sizes: shows that it runs, not how fast**'] : []),
    ...(machine.loadBefore > machine.cores / 10
      ? [`load of the machine before: ${machine.loadBefore}`]
      : []),
    ...(namesMachine ? [machineLine(machine)] : []),
  ];
  return [
    `## ${name}`,
    `${summary} (${what.join('; ')}.)`,
    ...result.tables.map(tableMarkdown),
    ...result.charts.map(chartMarkdown),
    (result.notes ?? []).map((note) => `- ${note}`).join('\n'),
  ]
    .filter((block) => block !== '')
    .join('\n\n');
}

function machineLine({ cores, cpu, kernel, memoryGb, node, system }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGb} GiB, ${system}, kernel ${kernel}, Node ${node}`;
}

function tableMarkdown({ header, rows, title }: Table): string {
  const lines = [
    header,
    // Numbers stand under each other.
    header.map((_, column) => (rows.every((row) => isNumeric(row[column])) ? '--:' : '---')),
    ...rows,
  ].map((cells) => `| ${cells.map(cellMarkdown).join(' | ')} |`);
  return `**${title}**\n\n${lines.join('\n')}`;
}

function isNumeric(cell: string | number | undefined): boolean {
  return typeof cell === 'number' || (cell !== undefined && /^[\d.,]+( |$)/.test(cell));
}

function cellMarkdown(cell: string | number): string {
  const text = typeof cell === 'number' ? cell.toLocaleString('en') : cell;
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
}

function chartMarkdown({ name, title }: Chart): string {
  return `![${title}](benchmarks/${name}.svg)`;
}
