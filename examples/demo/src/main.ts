import { startPostgres } from '@certyo-cdc/testing';
import { parseDemoArguments, USAGE } from './arguments.ts';
import { loadDatasets } from './datasets.ts';
import { type DemoResult, isClean, jsonLine, table } from './report.ts';
import { runSource } from './run-source.ts';
import type { SourceName } from './sources.ts';

const asked = parseDemoArguments(process.argv.slice(2));
if (asked.type === 'run') {
  process.exitCode = await run(asked.sources, asked.json);
} else if (asked.type === 'help') {
  process.stdout.write(`${USAGE}\n`);
} else {
  process.stderr.write(`${asked.message}\n\n${USAGE}\n`);
  process.exitCode = 2;
}

async function run(sources: readonly SourceName[], json: boolean): Promise<number> {
  const startedAtMs = Date.now();
  const elapsed = (): string => ((Date.now() - startedAtMs) / 1000).toFixed(1);
  const width = Math.max(...sources.map((name) => name.length));
  const say = (about: string, text: string): void => {
    process.stderr.write(`${elapsed().padStart(6)} s  ${about.padEnd(width)}  ${text}\n`);
  };
  const datasets = await loadDatasets();
  await using postgres = await startPostgres({ major: 18 });
  say('', `PostgreSQL ${postgres.version} is up`);
  const results: Partial<Record<SourceName, DemoResult>> = {};
  for (const name of sources) {
    const result = await runSource(name, postgres, datasets, (text) => say(name, text));
    results[name] = result;
    process.stderr.write(`\n${table(name, result)}\n\n`);
  }
  if (json) process.stdout.write(`${jsonLine(results, Number(elapsed()))}\n`);
  return Object.values(results).every(isClean) ? 0 : 1;
}
