import { writerCost } from './writer-cost/writer-cost.ts';

/** A benchmark: gives its lines for people and one object for machines. */
type Benchmark = (
  args: readonly string[],
  say: (line: string) => void,
) => Promise<Readonly<Record<string, unknown>>>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = { 'writer-cost': writerCost };

const [name = '', ...args] = process.argv.slice(2);
const benchmark = BENCHMARKS[name];
if (benchmark === undefined) {
  process.stderr.write(
    `pnpm bench <${Object.keys(BENCHMARKS).join('|')}> [--json]\n\nwriter-cost [--major n] [--rounds n] [--seconds n]\n`,
  );
  process.exitCode = 2;
} else {
  const isJson = args.includes('--json');
  const result = await benchmark(
    args.filter((arg) => arg !== '--json'),
    (line) => (isJson ? process.stderr : process.stdout).write(`${line}\n`),
  );
  if (isJson) process.stdout.write(`${JSON.stringify({ benchmark: name, ...result })}\n`);
}
