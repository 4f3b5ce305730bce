import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** The newest stable version whose classes run on Java 17. */
export const DEBEZIUM_VERSION = '3.6.1.Final';

const MAVEN_CENTRAL = 'https://repo1.maven.org/maven2';
const DOWNLOAD_TIMEOUT_MS = 120_000;

/**
 * What the engine and its PostgreSQL connector load of what their POMs name, with the SHA-256 of each; the rest (Kafka
 * Connect's web server, compression, Protobuf) is never asked for.
 */
const JARS: Readonly<Record<string, string>> = {
  'org/apache/kafka/connect-api/4.3.0/connect-api-4.3.0.jar':
    '7938f71e76e3b03cfba284a987a07d925533710166499264652e05eaba709429',
  'org/apache/kafka/connect-json/4.3.0/connect-json-4.3.0.jar':
    '4af42f973b7ed4def6d394055e9b46ea7da38f69c9d5a45fa4614b492a01ad2e',
  'org/apache/kafka/connect-runtime/4.3.0/connect-runtime-4.3.0.jar':
    '9c4a4a815302a23db37785729594f6362719fda62e6a74d812d1e2719995ec99',
  'io/debezium/debezium-api/3.6.1.Final/debezium-api-3.6.1.Final.jar':
    '893c73a44dd05b3a102830efb53b2636c63cfdf890860411dcc4969282c9544b',
  'org/apache/kafka/connect-transforms/4.3.0/connect-transforms-4.3.0.jar':
    'a1b6b347e26997e4e5ede01752a9ac572e8d938b48bf3a4b22c27890dca65b7e',
  'io/debezium/debezium-connect-plugins/3.6.1.Final/debezium-connect-plugins-3.6.1.Final.jar':
    '712d34752f945fb4062354a9faf04424dd3660411137b3bb160b0a68d4a7ee8e',
  'io/debezium/debezium-config/3.6.1.Final/debezium-config-3.6.1.Final.jar':
    '0d4b6335aca11e8ba40aa00d39b23b863ef968e79d47ed7a133b9461f8218405',
  'io/debezium/debezium-connector-common/3.6.1.Final/debezium-connector-common-3.6.1.Final.jar':
    '365a695d512b085cff2cd12e28e44a7a3e733b43bfb27f3608508d7800e2de45',
  'io/debezium/debezium-connector-postgres/3.6.1.Final/debezium-connector-postgres-3.6.1.Final.jar':
    'e7bb97f00f97ec78d7c39b19e2b0797739438433b6acaa0941e18dbc2da0d854',
  'io/debezium/debezium-embedded/3.6.1.Final/debezium-embedded-3.6.1.Final.jar':
    'a883a35d75aa1f393d2550a77c845226496d5886a07a77fe6f9bc118a2dddbfe',
  'io/debezium/debezium-openlineage-api/3.6.1.Final/debezium-openlineage-api-3.6.1.Final.jar':
    '7e7e0fb3c3a12b3e8bfe2d42df278ff2a9fab8c58fa12199590e35fdb88b2062',
  'io/debezium/debezium-util/3.6.1.Final/debezium-util-3.6.1.Final.jar':
    '9501581790412207cda72b2b57874e0430e2f9e4c5e94a054f7b06e07c112e5f',
  'com/fasterxml/jackson/core/jackson-annotations/2.21/jackson-annotations-2.21.jar':
    '53ca085f4a150f703f49e1aabd935bd03b43e1ea3d55d135438292af22cef56b',
  'com/fasterxml/jackson/core/jackson-core/2.21.2/jackson-core-2.21.2.jar':
    '12e8655b100267b44d0f14d01b1f5082a5105e616174dc4307be1a761e92407b',
  'com/fasterxml/jackson/core/jackson-databind/2.21.2/jackson-databind-2.21.2.jar':
    '8c982f01f148d805f0aaac2339011244757e0df7c6ff8951f2fa3f433b8ed849',
  'com/fasterxml/jackson/module/jackson-module-blackbird/2.21.2/jackson-module-blackbird-2.21.2.jar':
    '5ed62cdcd357a24b73de9280e167aa014d7b4c17d04823844d482274cf07097e',
  'org/apache/kafka/kafka-clients/4.3.0/kafka-clients-4.3.0.jar':
    '97a5b492d4ad658fd2dfba969fa0e403c2e38c971fb1e083da4e391471925fc1',
  'org/apache/maven/maven-artifact/3.9.15/maven-artifact-3.9.15.jar':
    'f154c31f15ac97c37b9cdf9f8d63cde5053c470d2daf54df7dfd3bb3c9e501c6',
  'org/postgresql/postgresql/42.7.11/postgresql-42.7.11.jar':
    '1981b31d3993c58702783c1cddf10a34e48c1f413d70ff1cb6def0a143484647',
  'com/datadoghq/sketches-java/0.8.2/sketches-java-0.8.2.jar':
    'b24c3d175556eb381ef2b2f0a7dffe7cb1fb7a9f893f41260822b5ec6cb13cca',
  'org/slf4j/slf4j-api/1.7.36/slf4j-api-1.7.36.jar':
    'd3ef575e3e4979678dc01bf1dcce51021493b4d11fb7f1be8ad982877c16a1c0',
  'org/slf4j/slf4j-simple/1.7.36/slf4j-simple-1.7.36.jar':
    '2f39bed943d624dfa8f4102d0571283a10870b6aa36f197a8a506f147010c10f',
};

/**
 * Downloads the jars that a folder does not hold yet.
 *
 * @returns Their paths; or why they cannot be had, as a sentence.
 */
export async function fetchJars(
  folder: string,
  { say, signal }: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<readonly string[] | string> {
  await mkdir(folder, { recursive: true });
  const missing = Object.entries(JARS).filter(
    ([path]) => !existsSync(join(folder, basename(path))),
  );
  if (missing.length > 0) say(`  Debezium: ${missing.length} jars from Maven Central`);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)]);
  for (const [path, sha256] of missing) {
    try {
      const bytes = await download(`${MAVEN_CENTRAL}/${path}`, deadline);
      if (createHash('sha256').update(bytes).digest('hex') !== sha256)
        return `Maven Central gave another ${basename(path)} than the one that was checked.`;
      await keep(join(folder, basename(path)), bytes);
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      return `${basename(path)} cannot be had from Maven Central (${reason}).`;
    }
  }
  return Object.keys(JARS).map((path) => join(folder, basename(path)));
}

async function download(url: string, signal: AbortSignal): Promise<Uint8Array> {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** Under its name only when it is whole: an interrupted download is made again. */
async function keep(file: string, bytes: Uint8Array): Promise<void> {
  const part = `${file}.${process.pid}.part`;
  await writeFile(part, bytes);
  await rename(part, file);
}
