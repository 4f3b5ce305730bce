import type { Outcome } from './capture.ts';
import type { QuestionName } from './questions.ts';
import type { ScenarioName } from './scenarios.ts';
import type { ServerAnswer } from './raw-stream.ts';
import type { Fact } from './wire-facts.ts';

/** What was found out about one server. */
export interface Findings {
  /** For example `18.4`. */
  readonly version: string;
  readonly outcomes: Readonly<Record<ScenarioName, Outcome>>;
  readonly answers: Readonly<Record<QuestionName, ServerAnswer>>;
}

export interface Row {
  readonly what: string;
  readonly cell: (found: Findings) => string;
}

export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

const row = (what: string, cell: Row['cell']): Row => ({ what, cell });

const refused = (code: string): string => `refused \`${code}\``;

/** Of what the server refuses itself, its own error comes first. */
function whenRefused({ answers }: Findings, refusal: string, asks: QuestionName | null): string {
  const server = asks === null ? null : answers[asks].refusal;
  return server === null ? refused(refusal) : `no (\`${server}\`), ${refused(refusal)}`;
}

/** The scenario's events were as they should be; with a fact, a message that shows it came. */
function works(
  scenario: ScenarioName,
  asks: QuestionName | null = null,
  fact: Fact | null = null,
): Row['cell'] {
  return (found) => {
    const { refusal, seen } = found.outcomes[scenario];
    if (refusal !== null) return whenRefused(found, refusal, asks);
    return fact === null || seen.has(fact) ? 'yes' : 'not sent';
  };
}

/** A message in the stream of that scenario. */
function message(what: string, fact: Fact, scenario: ScenarioName = 'plain'): Row {
  const asks = {
    streaming: 'streaming',
    twoPhase: 'twoPhase',
    streamedTwoPhase: 'twoPhase',
    messages: 'messages',
  } as const;
  const asked = scenario in asks ? asks[scenario as keyof typeof asks] : null;
  return row(what, works(scenario, asked, fact));
}

/** What the server has and the library leaves alone. */
function notAsked(question: QuestionName, fact: Fact | null = null): Row['cell'] {
  return ({ answers, outcomes }) => {
    const used = Object.values(outcomes).some(
      ({ asked, seen }) =>
        asked.some((text) => UNUSED[question]?.test(text) === true) ||
        (fact !== null && seen.has(fact)),
    );
    if (used) return 'used';
    const { refusal, seen } = answers[question];
    if (refusal !== null) return `no (\`${refusal}\`)`;
    return fact === null || seen.has(fact) ? 'not used' : 'not sent';
  };
}

/** How the library would ask for it. */
const UNUSED: Partial<Record<QuestionName, RegExp>> = {
  protocol4: /proto_version '4'/,
  parallel: /parallel/,
  binary: /binary/,
};

/** The library asked the server with this, and the events were as they should be. */
function asked(text: string, scenario: ScenarioName, asks: QuestionName | null): Row['cell'] {
  return (found) => {
    const { refusal, asked: texts } = found.outcomes[scenario];
    if (refusal !== null) return whenRefused(found, refusal, asks);
    return texts.some((one) => one.includes(text)) ? 'yes' : 'not used';
  };
}

/** Depends on the minor version, too. */
export const SERVER_SECTION = 'The server';

export const SECTIONS: readonly Section[] = [
  {
    title: SERVER_SECTION,
    rows: [
      row('tested with', ({ version }) => version),
      row('warned of at the start, for its defects', ({ outcomes }) =>
        outcomes.plain.warned.includes('SERVER_DEFECTS') ? '`SERVER_DEFECTS`' : 'no',
      ),
    ],
  },
  {
    title: 'Messages',
    rows: [
      message('Begin', 'B'),
      message('Commit', 'C'),
      message('Origin', 'O'),
      message('Relation', 'R'),
      message('Type', 'Y'),
      message('Insert', 'I'),
      message('Update, without old row', 'U'),
      message('Update, with old key', 'U:K'),
      message('Update, with old row', 'U:O'),
      message('Delete, with old key', 'D:K'),
      message('Delete, with old row', 'D:O'),
      message('Truncate', 'T'),
      message('Truncate, CASCADE', 'T:cascade'),
      message('Truncate, RESTART IDENTITY', 'T:restart'),
      message('Message, transactional', 'M:transactional', 'messages'),
      message('Message, not transactional', 'M:alone', 'messages'),
      message('Stream Start', 'S', 'streaming'),
      message('Stream Stop', 'E', 'streaming'),
      message('Stream Commit', 'c', 'streaming'),
      message('Stream Abort, of the whole', 'A', 'streaming'),
      message('Stream Abort, of a subtransaction', 'A:sub', 'streaming'),
      row('Stream Abort, with position (parallel)', notAsked('parallel', 'A:lsn')),
      message('Begin Prepare', 'b', 'twoPhase'),
      message('Prepare', 'P', 'twoPhase'),
      message('Commit Prepared', 'K', 'twoPhase'),
      message('Rollback Prepared', 'r', 'twoPhase'),
      message('Stream Prepare', 'p', 'streamedTwoPhase'),
      message('Column `n`: null', 'col:n'),
      message('Column `u`: unchanged, not sent', 'col:u'),
      message('Column `t`: text', 'col:t'),
      row('Column `b`: binary', notAsked('binary', 'col:b')),
    ],
  },
  {
    title: 'Options of the stream',
    rows: [
      row('`proto_version` 1', asked("proto_version '1'", 'plain', null)),
      row('`proto_version` 2', asked("proto_version '2'", 'streaming', 'streaming')),
      row('`proto_version` 3', asked("proto_version '3'", 'twoPhase', 'twoPhase')),
      row('`proto_version` 4', notAsked('protocol4')),
      row('`streaming` on: option `streaming`', asked("streaming 'on'", 'streaming', 'streaming')),
      row('`streaming` parallel', notAsked('parallel')),
      row('`two_phase`: option `twoPhase`', asked("two_phase 'on'", 'twoPhase', 'twoPhase')),
      row('both', works('streamedTwoPhase', 'twoPhase')),
      row('`messages`: option `messages`', asked("messages 'true'", 'messages', 'messages')),
      row('`origin` none: option `origin`', asked("origin 'none'", 'originNone', 'origin')),
      row('`origin` any (default)', works('plain', null, 'O')),
      row('`binary`', notAsked('binary')),
    ],
  },
  {
    title: 'The publication',
    rows: [
      row('FOR TABLE', works('plain')),
      row('FOR ALL TABLES, made by hand', works('allTables')),
      row('FOR TABLES IN SCHEMA: option `schemas`', works('schemas', 'inSchema')),
      row('row filter: `where` of a table', works('rowFilter', 'rowFilter')),
      row('column list: `columns` of a table', works('columnList', 'columnList')),
      row("`publish_via_partition_root` on: `partitions: 'root'`", works('viaRoot', 'viaRoot')),
      row("`publish_via_partition_root` off: `partitions: 'leaf'`", works('leaf', 'partitioned')),
      row('a partition by its own name', works('partitionByName')),
      row('`publish` without an action', works('someActions')),
      row('`publish_generated_columns`: option `includeGenerated`', ({ outcomes, answers }) => {
        const { refusal } = outcomes.generated;
        if (refusal !== null) return refused(refusal);
        const server = answers.generated.refusal;
        return server === null ? 'yes' : `no (\`${server}\`), left out`;
      }),
    ],
  },
  {
    title: 'The slot',
    rows: [
      row('permanent', works('plain')),
      row('temporary', works('temporary')),
      row('`two_phase`', works('twoPhase', 'twoPhaseSlot')),
      row('`failover`: option `failover`', works('failover', 'failover')),
    ],
  },
  {
    title: 'Copies',
    rows: [
      row('first copy: option `copy`', works('copy')),
      row('`source.backfill()`', works('backfill')),
    ],
  },
];
