/**
 * `pnpm bench [name …] [--quick] [--rounds n] [--json] [--out dir]`: each benchmark beside what else there is, in turn.
 *
 * With `--out` it writes the docs: a page with tables, and its charts. With `--json` the last line is one object: the figures of each benchmark under its name, the machine and the date.
 */
import { inspect, parseArgs } from 'node:util';

import type { Benchmark } from './runner/benchmark.ts';
import { describeMachine } from './runner/machine.ts';
import type { ReportSection } from './runner/report-section.ts';
import { writeReport } from './runner/report.ts';
import { DEFAULT_BENCHMARKS, OTHER_BENCHMARKS } from './runner/registry.ts';

const ALL = [...DEFAULT_BENCHMARKS, ...OTHER_BENCHMARKS];

const { positionals, values } = parseArgs({
  // pnpm hands `--` on.
  args: process.argv.slice(2).filter((arg) => arg !== '--'),
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const unknown = positionals.filter((name) => !ALL.some((benchmark) => benchmark.name === name));
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
const isWrong = rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0);

if (values.help || unknown.length > 0 || isWrong) {
  process.stderr.write(usage());
  process.exitCode = values.help ? 0 : 2;
} else {
  await main(
    positionals.length === 0
      ? DEFAULT_BENCHMARKS
      : ALL.filter(({ name }) => positionals.includes(name)),
  );
}

async function main(benchmarks: readonly Benchmark[]): Promise<void> {
  const machine = describeMachine();
  const date = new Date().toISOString();
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort(new Error('Interrupted.'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const say = (line: string): void => {
    (values.json ? process.stderr : process.stdout).write(`${line}\n`);
  };
  say(
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GiB, ${machine.system}, Node ${machine.node}; load before ${machine.loadBefore}`,
  );
  const sections: ReportSection[] = [];
  const failed: string[] = [];
  for (const benchmark of benchmarks) {
    const { name, summary } = benchmark;
    const startedAt = performance.now();
    const ownRounds = rounds ?? (values.quick ? benchmark.rounds.quick : benchmark.rounds.full);
    say(`\n${name}: ${summary}`);
    try {
      const result = await benchmark.run({
        isQuick: values.quick,
        rounds: ownRounds,
        say: (line) => say(`  ${line}`),
        signal: interrupted.signal,
      });
      const { quick: isQuick } = values;
      sections.push({ name, summary, result, machine, date, rounds: ownRounds, isQuick });
      say(`  ${JSON.stringify(result.figures)}`);
    } catch (error) {
      if (interrupted.signal.aborted) {
        process.exitCode = 130;
        return;
      }
      // What the others find out in hours is not lost for one.
      failed.push(name);
      process.exitCode = 1;
      say(`  failed: ${inspect(error)}`);
    }
    say(`  took ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  }
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  if (values.out !== undefined) {
    await writeReport(
      values.out,
      sections,
      ALL.map(({ name }) => name),
    );
  }
  if (values.json) {
    const figures = sections.map(({ name, result }) => [name, result.figures] as const);
    const last = { ...Object.fromEntries(figures), ...(failed.length > 0 ? { failed } : {}) };
    process.stdout.write(`${JSON.stringify({ ...last, machine, date })}\n`);
  }
}

function usage(): string {
  const list = ALL.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`).join('\n');
  return `pnpm bench [name …] [--quick] [--rounds n] [--json] [--out dir]\n\n${list}\n\nCERTYO_BENCH_PROFILES=dir keeps a CPU profile of each process.\n`;
}
