import type { PostgresServer, TestDatabase } from '@certyo-cdc/testing';
import { until } from './capture.ts';
import { askServer, askStatements, type ServerAnswer } from './raw-stream.ts';
import { manyRows } from './scenarios.ts';
import type { WireTap } from './wire-tap.ts';

const writeOne = async (db: TestDatabase, tap: WireTap): Promise<void> => {
  await db.query(`INSERT INTO t VALUES (1, 'a')`);
  await until('the row is sent', () => tap.seen.has('C'));
};

/** A transaction that is streamed while it is in progress, and rolled back then. */
const rollBack = async (db: TestDatabase, tap: WireTap): Promise<void> => {
  const writer = await db.client();
  await writer.query('BEGIN');
  await writer.query(manyRows(1));
  await until('a transaction in progress is streamed', () => tap.seen.has('S'));
  await writer.query('ROLLBACK');
  await until('its end is told', () => tap.seen.has('A'));
};

type Question = (server: PostgresServer) => Promise<ServerAnswer>;

const stream =
  (options: string, write = writeOne): Question =>
  (server) =>
    askServer(server, options, write);

const statements =
  (...all: readonly string[]): Question =>
  async (server) => ({ refusal: await askStatements(server, all), seen: new Map() });

/** What a server is asked without the library in between. */
export const QUESTION_NAMES = [
  'streaming',
  'twoPhase',
  'messages',
  'origin',
  'protocol4',
  'parallel',
  'binary',
  'rowFilter',
  'columnList',
  'inSchema',
  'partitioned',
  'viaRoot',
  'generated',
  'twoPhaseSlot',
  'failover',
] as const;

export type QuestionName = (typeof QUESTION_NAMES)[number];

export const QUESTIONS: Readonly<Record<QuestionName, Question>> = {
  streaming: stream("proto_version '2', streaming 'on'", rollBack),
  twoPhase: stream("proto_version '3', two_phase 'on'"),
  messages: stream("proto_version '1', messages 'true'"),
  origin: stream("proto_version '1', origin 'none'"),
  protocol4: stream("proto_version '4'"),
  parallel: stream("proto_version '4', streaming 'parallel'", rollBack),
  binary: stream("proto_version '1', binary 'true'"),
  rowFilter: statements('CREATE PUBLICATION p FOR TABLE t WHERE (id > 1)'),
  columnList: statements('CREATE PUBLICATION p FOR TABLE t (id)'),
  inSchema: statements('CREATE PUBLICATION p FOR TABLES IN SCHEMA s'),
  partitioned: statements('CREATE PUBLICATION p FOR TABLE parts'),
  viaRoot: statements(
    'CREATE PUBLICATION p FOR TABLE parts WITH (publish_via_partition_root = true)',
  ),
  generated: statements(
    'CREATE PUBLICATION p FOR TABLE t WITH (publish_generated_columns = stored)',
  ),
  twoPhaseSlot: statements(
    "SELECT pg_create_logical_replication_slot('$slot', 'pgoutput', false, true)",
  ),
  failover: statements(
    "SELECT pg_create_logical_replication_slot('$slot', 'pgoutput', false, false, true)",
  ),
};
