import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { CdcError, type CertyoClient, createCertyoClient } from '@certyo-cdc/core';

import type { EvidenceReport, EvidenceStep } from './report.ts';
import { verifyEvidence } from './verify-evidence.ts';

/** What `--help` prints. */
const HELP = `Usage: certyo-evidence verify <file> [options]

Verifies the evidence of a record: offline as far as public information allows. What only Certyo can tell is named, and asked
where CERTYO_API_KEY and CERTYO_TENANT_ID are set (CERTYO_BASE_URL for another address).

Options:
  --offline   ask nobody, whatever is set
  --json      print the report as one JSON object
  --help      print this

Exit code: 0 nothing failed, 1 something failed, 2 wrong usage, 3 Certyo could not be asked, 130 interrupted.
`;

/** What the command uses of its surroundings. */
export interface CliSurroundings {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

interface Request {
  readonly file: string;
  readonly isJson: boolean;
  readonly isOffline: boolean;
}

/** Runs the command; resolves with the exit code. */
export async function runCli(surroundings: CliSurroundings): Promise<number> {
  const { args, env, signal, stderr, stdout } = surroundings;
  const request = parse(args);
  if (request === 'help') {
    stdout(HELP);
    return 0;
  }
  if (typeof request === 'string') {
    stderr(`certyo-evidence: ${request}\nRun certyo-evidence --help for how it is used.\n`);
    return 2;
  }
  let text: string;
  try {
    text = await readFile(request.file, { encoding: 'utf8', signal });
  } catch {
    if (signal.aborted) return interrupted(stderr);
    stderr(`certyo-evidence: ${request.file} cannot be read.\n`);
    return 2;
  }
  let client: CertyoClient | undefined;
  try {
    const isAsked = env['CERTYO_API_KEY'] !== undefined && !request.isOffline;
    client = isAsked ? createCertyoClient({ env }) : undefined;
    const report = await verifyEvidence(text, { client, signal });
    stdout(
      request.isJson ? `${JSON.stringify(report)}\n` : reportText(report, client !== undefined),
    );
    return report.ok ? 0 : 1;
  } catch (error) {
    if (signal.aborted) return interrupted(stderr);
    if (!CdcError.is(error)) throw error;
    stderr(`certyo-evidence: ${error.message}\n`);
    return 3;
  } finally {
    await client?.close();
  }
}

/** As shells tell it. */
const INTERRUPTED = 130;

function interrupted(stderr: CliSurroundings['stderr']): number {
  stderr('certyo-evidence: interrupted.\n');
  return INTERRUPTED;
}

function parse(args: readonly string[]): Request | 'help' | (string & {}) {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        offline: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return 'help';
    const [command, file, ...rest] = positionals;
    if (command !== 'verify' || file === undefined || rest.length > 0) {
      return 'Expected `verify` and the name of one file.';
    }
    return { file, isJson: values.json === true, isOffline: values.offline === true };
  } catch (error) {
    return error instanceof Error ? error.message : 'The command line cannot be understood.';
  }
}

/** What stands in a file must not write lines of its own, nor control the terminal: shown as an escape. */
function printable(line: string): string {
  return line.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

const SIGNS: Readonly<Record<EvidenceStep['state'], string>> = {
  passed: 'ok    ',
  failed: 'FAILED',
  'needs-certyo': 'certyo',
  'not-possible': 'open  ',
};

function reportText({ complete, ok, steps }: EvidenceReport, isOnline: boolean): string {
  const lines = steps.map(({ about, detail, state, step }) =>
    printable(`${SIGNS[state]}  ${step}${about === '' ? '' : ` (${about})`}: ${detail}`),
  );
  const count = (state: EvidenceStep['state']): string =>
    String(steps.filter((step) => step.state === state).length);
  const rest = complete
    ? ''
    : ` ${count('needs-certyo')} steps need Certyo${isOnline ? '' : ', which was not asked'}; ${count('not-possible')} lack what they need.`;
  const verdict = ok ? 'Nothing failed.' : `${count('failed')} steps FAILED.`;
  return `${lines.join('\n')}\n\n${verdict} ${count('passed')} steps passed.${rest}\n`;
}
