/**
 * All tests that this machine can run: build, vitest (unit, every PostgreSQL major, end to end), campaigns at a
 * twentieth, packaging. Arguments go to vitest: `pnpm test packages/core -t 'I3'`.
 *
 * The last line is `N passed, N failed, N skipped`.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Summary } from './summary-reporter.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Stage {
  readonly name: string;
  /** The vitest configuration of the stage; undefined for a stage that is one command. */
  readonly config?: string;
  readonly command?: readonly string[];
}

const STAGES: readonly Stage[] = [
  { name: 'build', command: ['pnpm', 'build'] },
  { name: 'tests', config: 'vitest.config.ts' },
  { name: 'campaigns', config: 'test/campaigns/vitest.config.ts' },
  { name: 'packaging', config: 'test/packaging/vitest.config.ts' },
];

/** Without arguments all stages; else the tests, and those of the stages with a folder that an argument names. */
function chooseStages(args: readonly string[]): readonly Stage[] {
  if (args.length === 0) {
    return STAGES;
  }
  return STAGES.filter(
    ({ name }) => name === 'tests' || args.some((arg) => arg.startsWith(`test/${name}`)),
  );
}

function run(command: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0] ?? '', command.slice(1), {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Whether this run has built the packages: packaging need not do it again. */
let built = false;

async function runStage(stage: Stage, args: readonly string[]): Promise<Summary> {
  if (stage.command !== undefined) {
    const code = await run(stage.command, {});
    built = code === 0;
    return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: [] };
  }
  const file = join(root, '.cache', 'test', `${stage.name}.json`);
  rmSync(file, { force: true });
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const code = await run(
    [
      process.execPath,
      vitest,
      'run',
      '--config',
      stage.config ?? '',
      '--reporter=default',
      '--reporter=./scripts/summary-reporter.ts',
      // What one stage does not have another one may; see below.
      ...(args.length > 0 ? ['--passWithNoTests'] : []),
      ...args,
    ],
    { CERTYO_TEST_SUMMARY: file, ...(built ? { CERTYO_BUILT: '1' } : {}) },
  );
  const summary: Summary = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as Summary)
    : { passed: 0, failed: 0, skipped: [] };
  // A run that fails without a failed test (no test found, a coverage or configuration error) is a failure too.
  return code !== 0 && summary.failed === 0 ? { ...summary, failed: 1 } : summary;
}

const args = process.argv.slice(2);
const summaries: Summary[] = [];
for (const stage of chooseStages(args)) {
  const startedAt = performance.now();
  process.stdout.write(`\n=== ${stage.name}\n`);
  const summary = await runStage(stage, args);
  summaries.push(summary);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(
    `=== ${stage.name}: ${summary.passed} passed, ${summary.failed} failed, ` +
      `${summary.skipped.length} skipped in ${seconds} s\n`,
  );
}

const skipped = summaries.flatMap((summary) => summary.skipped);
if (skipped.length > 0) {
  process.stdout.write('\nSkipped:\n');
  for (const { test, reason } of skipped) {
    process.stdout.write(`  ${test}: ${reason}\n`);
  }
}
const passed = summaries.reduce((sum, summary) => sum + summary.passed, 0);
let failed = summaries.reduce((sum, summary) => sum + summary.failed, 0);
if (passed + failed + skipped.length === 0) {
  process.stdout.write(`\nNo test matches ${args.join(' ')}\n`);
  failed = 1;
}
process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped\n`);
process.exitCode = failed === 0 ? 0 : 1;
