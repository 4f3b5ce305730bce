import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEBEZIUM_VERSION, fetchJars } from './jars.ts';

/** What one run has to do. */
export interface DebeziumTask {
  /** URL of the database, without TLS. */
  readonly database: string;
  /** A pgoutput slot that nobody else reads from. */
  readonly slot: string;
  readonly publication: string;
  readonly table: string;
  /** Where bulk requests go. */
  readonly receiver: string;
  /** Rows that the slot holds. */
  readonly rows: number;
  readonly signal: AbortSignal;
}

/** What one run came to. */
export interface DebeziumMeasure {
  /** From the first batch that the engine handed over to the last answer. */
  readonly seconds: number;
  /** Of the whole process in that time. */
  readonly cpuSeconds: number;
  /** Of the process's whole life. */
  readonly maxRssBytes: number;
}

/** Debezium, ready to run. */
export interface Debezium {
  /** Its version and Java's. */
  readonly version: string;
  run(task: DebeziumTask): Promise<DebeziumMeasure>;
}

/** Records of one request: as many as ours carry. */
const REQUEST_ROWS = 1000;

/**
 * The heap is what the engine needs for these queues, not the quarter of the machine's memory that Java takes by
 * default; with more of it, and with the other collectors, it was not faster. See the notes of the report.
 */
const JVM = ['-Xms64m', '-Xmx256m', '-XX:+UseParallelGC'];

/** What the documentation of Debezium recommends for throughput, over its defaults. */
const TUNING = {
  'max.batch.size': '4096',
  'max.queue.size': '16384',
  'poll.interval.ms': '10',
};

const source = new URL('DebeziumToHttp.java', import.meta.url);
const cache = fileURLToPath(
  new URL(`../../../.cache/debezium-${DEBEZIUM_VERSION}`, import.meta.url),
);

/**
 * Debezium's embedded engine, the newest stable version that runs on Java 17, with a sink that sends bulk requests like
 * ours. Debezium Server, whose HTTP sink sends one request for each row and waits for its answer, would be slower, and
 * its releases of this series need Java 21.
 *
 * @returns Why it cannot be had, as a sentence, where there is no JDK or no way to its jars.
 */
export async function openDebezium(options: {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<Debezium | string> {
  const java = spawnSync('javac', ['-version'], { encoding: 'utf8' });
  const major = /^javac (\d+)/.exec(`${java.stdout ?? ''}${java.stderr ?? ''}`)?.[1];
  if (major === undefined) return 'There is no JDK (javac) on this machine.';
  if (Number(major) < 17) return `Debezium ${DEBEZIUM_VERSION} needs Java 17, this is ${major}.`;
  const jars = await fetchJars(join(cache, 'jars'), options);
  if (typeof jars === 'string') return jars;
  const classPath = [compile(jars), ...jars].join(':');
  return {
    version: `Debezium ${DEBEZIUM_VERSION}, Java ${major}`,
    run: (task) => run(classPath, task),
  };
}

/** Compiles our sink once for each of its texts. */
function compile(jars: readonly string[]): string {
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const folder = join(cache, `classes-${hash}`);
  if (existsSync(join(folder, 'DebeziumToHttp.class'))) return folder;
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync(
    'javac',
    ['-cp', jars.join(':'), '-d', folder, fileURLToPath(source)],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`javac failed: ${stderr}`);
  return folder;
}

async function run(classPath: string, task: DebeziumTask): Promise<DebeziumMeasure> {
  const child = spawn(
    'java',
    [
      ...JVM,
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
      '-cp',
      classPath,
      'DebeziumToHttp',
      task.receiver,
      String(task.rows),
      String(REQUEST_ROWS),
    ],
    { stdio: ['pipe', 'pipe', 'pipe'], signal: task.signal, killSignal: 'SIGKILL' },
  );
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.stdin.end(
    Object.entries(properties(task))
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`Debezium ended with ${String(code)}: ${errors.slice(-4_000)}`);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as DebeziumMeasure;
}

/** The engine's properties; see the connector's reference, `documentation/reference/connectors/postgresql.html`. */
function properties({
  database,
  publication,
  slot,
  table,
}: DebeziumTask): Readonly<Record<string, string>> {
  const url = new URL(database);
  return {
    name: 'bench',
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'topic.prefix': 'bench',
    'database.hostname': url.hostname,
    'database.port': url.port,
    'database.user': decodeURIComponent(url.username),
    'database.password': decodeURIComponent(url.password),
    'database.dbname': decodeURIComponent(url.pathname.slice(1)),
    'plugin.name': 'pgoutput',
    'slot.name': slot,
    'publication.name': publication,
    'publication.autocreate.mode': 'disabled',
    'table.include.list': table,
    // The slot was made before the rows were written: they come from the WAL, and nothing is copied.
    'snapshot.mode': 'no_data',
    'offset.storage': 'org.apache.kafka.connect.storage.MemoryOffsetBackingStore',
    'offset.flush.interval.ms': '1000',
    // Without it every record carries the description of its own form.
    'converter.schemas.enable': 'false',
    ...TUNING,
  };
}
