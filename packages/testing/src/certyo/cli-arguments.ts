import { parseArgs } from 'node:util';
import type { CertyoApiKey } from './key-ring.ts';
import type { CertyoEmulatorOptions } from './options.ts';

/** What `--help` prints. */
export const HELP = `Usage: certyo-emulator [options]

Runs a Certyo API on this machine, for development without an account. Everything is gone when it stops.

Options:
  --port <n>               port to listen on, 0 takes a free one      (default 4020)
  --host <address>         address to listen on                       (default 127.0.0.1)
  --key <key=tenant[:client]>  an API key and its tenant, repeatable  (default certyo_sk_test_emulator=test-tenant)
  --batch-count <n>        records that close a batch                 (default 1000)
  --batch-age-ms <n>       age that closes a batch                    (default 60000)
  --anchor-delay-ms <n>    from a closed batch to its block           (default 15000)
  --retention <mode>       full, digest or counts                     (default full)
  --control-port <n>       port of the control endpoint, off unless given
  --json                   print one JSON line instead of the lines to export
  --help                   print this
`;

/** A command line that cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError' as const;
}

/** What a command line asks for. */
export type CliRequest =
  | { readonly type: 'help' }
  | { readonly type: 'run'; readonly json: boolean; readonly options: CertyoEmulatorOptions };

const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  key: { type: 'string', multiple: true },
  'batch-count': { type: 'string' },
  'batch-age-ms': { type: 'string' },
  'anchor-delay-ms': { type: 'string' },
  retention: { type: 'string' },
  'control-port': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const RETENTIONS = ['full', 'digest', 'counts'] as const;

/** Reads a command line. @throws UsageError */
export function parseCliArguments(args: readonly string[]): CliRequest {
  const values = parse(args);
  if (values.help === true) return { type: 'help' };
  const { retention } = values;
  const known = RETENTIONS.find((name) => name === retention);
  if (retention !== undefined && known === undefined) {
    throw new UsageError(
      `--retention must be one of ${RETENTIONS.join(', ')}, got "${retention}".`,
    );
  }
  const keys = (values.key ?? []).map(toKey);
  return {
    type: 'run',
    json: values.json === true,
    options: {
      host: values.host,
      port: toInteger('--port', values.port, 0, 65_535) ?? 4020,
      keys: keys.length === 0 ? undefined : keys,
      batchCount: toInteger('--batch-count', values['batch-count'], 1),
      batchAgeMs: toInteger('--batch-age-ms', values['batch-age-ms'], 0),
      anchorDelayMs: toInteger('--anchor-delay-ms', values['anchor-delay-ms'], 0),
      retention: known,
      controlPort: toInteger('--control-port', values['control-port'], 0, 65_535),
    },
  };
}

function parse(args: readonly string[]): ReturnType<typeof parseStrictly> {
  try {
    return parseStrictly(args);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Only the first sentence: the rest explains Node's rules for positional arguments.
    throw new UsageError(message.split('. ')[0] ?? message);
  }
}

// eslint-disable-next-line typescript/explicit-function-return-type
const parseStrictly = (args: readonly string[]) =>
  parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values;

function toInteger(
  name: string,
  text: string | undefined,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new UsageError(`${name} must be an integer ${range}, got "${text}".`);
}

/** Never quotes the text: it holds a key. The key may contain `=`, the tenant may not. */
function toKey(text: string): CertyoApiKey {
  const separator = text.lastIndexOf('=');
  const key = text.slice(0, Math.max(separator, 0));
  const [tenantId = '', clientId, ...rest] = text.slice(separator + 1).split(':');
  if (separator < 1 || tenantId === '' || clientId === '' || rest.length > 0) {
    throw new UsageError(
      '--key must look like key=tenant or key=tenant:client, for example certyo_sk_test_1=acme-corp.',
    );
  }
  return { key, tenantId, clientId };
}
