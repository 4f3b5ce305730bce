import type { PostgresServer } from '@certyo-cdc/testing';
import { type Outcome, runScenario } from './capture.ts';
import { QUESTION_NAMES, type QuestionName, QUESTIONS } from './questions.ts';
import type { ServerAnswer } from './raw-stream.ts';
import { type Findings, SECTIONS } from './rows.ts';
import { SCENARIO_NAMES, type ScenarioName, SCENARIOS } from './scenarios.ts';

/** What stands in a table's column of one server, by `section: row`. */
export type Column = ReadonlyMap<string, string>;

/** Runs every scenario and every question against a server. */
async function findOut(server: PostgresServer): Promise<Findings> {
  const outcomes: Partial<Record<ScenarioName, Outcome>> = {};
  for (const name of SCENARIO_NAMES) {
    try {
      outcomes[name] = await runScenario(server, SCENARIOS[name]);
    } catch (cause) {
      throw new Error(`PostgreSQL ${server.version}, ${name}: ${String(cause)}`, { cause });
    }
  }
  const answers: Partial<Record<QuestionName, ServerAnswer>> = {};
  for (const name of QUESTION_NAMES) answers[name] = await QUESTIONS[name](server);
  return { version: server.version, outcomes, answers } as Findings;
}

/** The column of this server. */
export async function columnOf(server: PostgresServer): Promise<Column> {
  const found = await findOut(server);
  return new Map(
    SECTIONS.flatMap(({ title, rows }) =>
      rows.map(({ what, cell }): [string, string] => [`${title}: ${what}`, cell(found)]),
    ),
  );
}
