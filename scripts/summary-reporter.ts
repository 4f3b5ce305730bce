import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';

/** What one vitest run came to. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly { readonly test: string; readonly reason: string }[];
}

/** Writes a `Summary` as JSON to the file that `CERTYO_TEST_SUMMARY` names. */
export default class SummaryReporter implements Reporter {
  readonly #skipped: { test: string; reason: string }[] = [];
  #passed = 0;
  #failed = 0;

  onTestCaseResult(test: TestCase): void {
    const result = test.result();
    if (result.state === 'passed') {
      this.#passed++;
    } else if (result.state === 'failed') {
      this.#failed++;
    } else if (result.state === 'skipped') {
      const project = test.project.name === '' ? '' : `[${test.project.name}] `;
      this.#skipped.push({
        test: `${project}${test.module.relativeModuleId} > ${test.fullName}`,
        reason: result.note ?? 'no reason given',
      });
    }
  }

  // A hook that fails, or a file that cannot be loaded, has no test case of its own.
  onTestSuiteResult(suite: TestSuite): void {
    this.#failed += suite.errors().length;
  }

  onTestModuleEnd(module: TestModule): void {
    this.#failed += module.errors().length;
  }

  onTestRunEnd(_modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const file = process.env['CERTYO_TEST_SUMMARY'];
    if (file === undefined) {
      return;
    }
    const summary: Summary = {
      passed: this.#passed,
      failed: this.#failed + errors.length,
      skipped: this.#skipped,
    };
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(summary, null, 2));
  }
}
