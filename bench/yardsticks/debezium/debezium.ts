import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DrainMeasure } from '../../runner/drain.ts';
import type { Variant } from '../../runner/paired-rounds.ts';
import type { HttpReceiver } from '../../support/http-receiver.ts';
import type { Usage } from '../../support/meter.ts';
import type { RecordedWal, WalReading } from '../../support/recorded-wal.ts';
import { DEBEZIUM_VERSION, fetchJars } from './jars.ts';

/** Debezium, ready to run. */
export interface Debezium {
  /** Its version and Java's. */
  readonly version: string;
  readonly classPath: string;
}

/** Debezium as its users start it: Java takes up to a quarter of the machine's memory. */
export const DEBEZIUM = 'Debezium, embedded engine';
/** Debezium with the least heap that does not slow it down. */
export const DEBEZIUM_SMALL_HEAP = 'Debezium, heap of 256 MB';

/** What is said under the tables. */
export const DEBEZIUM_NOTES: readonly string[] = [
  'Debezium is the embedded engine (the newest stable version that runs on Java 17; Debezium Server of that series needs Java 21, and its HTTP sink sends one request for each row and waits for the answer) with a sink of ours that sends bulk requests of 1,000 records to the same receiver, the next batch while the one before is on its way. Schemas are off, records are unwrapped to the row (`ExtractNewRecordState`), batches and queue are twice the default. Time and CPU count from the first batch that the engine hands over until the last answer.',
  'Java takes its heap from the memory of the machine unless it is told otherwise, so that Debezium is run twice: as it is, and with a heap of 256 MB and the parallel collector.',
];

/** Records of one request: as many as ours carry. */
const REQUEST_ROWS = 1000;

/** Options of Java, by the name of the variant. */
const JVM: ReadonlyMap<string, readonly string[]> = new Map([
  [DEBEZIUM, []],
  [DEBEZIUM_SMALL_HEAP, ['-Xms64m', '-Xmx256m', '-XX:+UseParallelGC']],
]);

/** Larger batches than by default, and no half second of waiting for the last one. */
const TUNING = {
  'max.batch.size': '4096',
  'max.queue.size': '16384',
  'poll.interval.ms': '100',
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
  return { version: `Debezium ${DEBEZIUM_VERSION}, Java ${major}`, classPath };
}

/** Reads the log with Debezium and sends it to the receiver, until all of it is answered. */
export function debeziumDrains(
  { classPath }: Debezium,
  wal: RecordedWal,
  receiver: HttpReceiver,
  signal: AbortSignal,
): readonly Variant<DrainMeasure>[] {
  return [...JVM].map(([name, jvm]) => ({
    name,
    measure: () =>
      wal.reading(async (reading) => {
        await receiver.begin();
        const usage = await run([...jvm, '-cp', classPath], reading, receiver.url, signal);
        const { records } = await receiver.end();
        if (records !== reading.rows)
          throw new Error(`Debezium sent ${records} of ${reading.rows} rows.`);
        return { rows: reading.rows, ...usage };
      }),
  }));
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

async function run(
  java: readonly string[],
  reading: WalReading,
  receiver: string,
  signal: AbortSignal,
): Promise<Usage> {
  const child = spawn(
    'java',
    [
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
      ...java,
      'DebeziumToHttp',
      `${receiver}/api/v1/records/bulk`,
      String(reading.rows),
      String(REQUEST_ROWS),
    ],
    { stdio: ['pipe', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' },
  );
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.stdin.end(
    Object.entries(properties(reading))
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`Debezium ended with ${String(code)}: ${errors.slice(-4_000)}`);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Usage;
}

/** The engine's properties; see the connector's reference, `documentation/reference/connectors/postgresql.html`. */
function properties({
  database,
  host,
  port,
  publication,
  slot,
  table,
  url,
  user,
}: WalReading): Readonly<Record<string, string>> {
  return {
    name: 'bench',
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'topic.prefix': 'bench',
    'database.hostname': host,
    'database.port': String(port),
    'database.user': user,
    'database.password': decodeURIComponent(new URL(url).password),
    'database.dbname': database,
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
    transforms: 'unwrap',
    'transforms.unwrap.type': 'io.debezium.transforms.ExtractNewRecordState',
    ...TUNING,
  };
}
