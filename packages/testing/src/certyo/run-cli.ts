import { CdcError } from '@certyo-cdc/core';
import type { CertyoEmulator } from './certyo-emulator.ts';
import { HELP, parseCliArguments, UsageError } from './cli-arguments.ts';
import { startCertyoEmulator } from './start-certyo-emulator.ts';

/** What the command uses of its surroundings. */
export interface CliSurroundings {
  readonly args: readonly string[];
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Runs the command until it is told to stop; resolves with the exit code (0, 1 could not start, 2 wrong usage). */
export async function runCli(surroundings: CliSurroundings): Promise<number> {
  const { args, stdout, stderr, signal } = surroundings;
  let emulator: CertyoEmulator;
  let json: boolean;
  try {
    const request = parseCliArguments(args);
    if (request.type === 'help') {
      stdout(HELP);
      return 0;
    }
    json = request.json;
    emulator = await startCertyoEmulator(request.options);
  } catch (error) {
    if (error instanceof UsageError || CdcError.is(error)) {
      stderr(`certyo-emulator: ${error.message}\nRun certyo-emulator --help for all options.\n`);
      return 2;
    }
    stderr(`certyo-emulator: ${startFailure(error)}\n`);
    return 1;
  }
  stdout(json ? `${JSON.stringify(startLine(emulator))}\n` : startText(emulator));
  await untilAborted(signal);
  const { counters } = emulator;
  await emulator.close();
  stdout(
    json
      ? `${JSON.stringify({ stopped: true, counters })}\n`
      : `Stopped: ${counters.effects} records accepted, ${counters.anchored} anchored.\n`,
  );
  return 0;
}

function startLine(emulator: CertyoEmulator): object {
  const { url, apiKey, tenantId, controlUrl, environment } = emulator;
  return { url, apiKey, tenantId, controlUrl, environment };
}

function startText(emulator: CertyoEmulator): string {
  const lines = Object.entries(emulator.environment).map(
    ([name, value]) => `export ${name}=${quote(String(value))}`,
  );
  if (emulator.controlUrl !== null) lines.push(`# control: ${emulator.controlUrl}`);
  return `# The Certyo emulator runs; stop it with Ctrl+C.\n${lines.join('\n')}\n`;
}

/** For a POSIX shell. */
function quote(text: string): string {
  return /^[\w.:/@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function startFailure(error: unknown): string {
  const { code, port, message } = error as { code?: string; port?: number; message?: string };
  if (code === 'EADDRINUSE') {
    return `Port ${port ?? ''} is in use. Choose another with --port (0 takes a free one).`;
  }
  if (code === 'EACCES') return `Port ${port ?? ''} may not be used. Choose one above 1023.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return 'The address of --host is not one of this machine.';
  }
  return `Could not start: ${message ?? String(error)}`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
