import { isSourceName, SOURCE_NAMES, type SourceName } from './sources.ts';

export const USAGE: string = `usage: demo [--source ${SOURCE_NAMES.join('|')}] [--json]

A real PostgreSQL and a Certyo emulator are started; films, airports and earthquakes are inserted, updated and deleted
while a pipeline delivers every change; the pipeline is killed and started again; in the end what Certyo holds is
compared with what the database committed, version by version. Polling does not see every version of a row: there the
last state of every row is compared, and that everything else was some committed version of it.

  --source  only this way to capture changes; by default each of them, in a database of its own
  --json    print one JSON object as the last line`;

/** What the demo was asked for. */
export type DemoArguments =
  | { readonly type: 'help' }
  | { readonly type: 'wrong'; readonly message: string }
  | { readonly type: 'run'; readonly json: boolean; readonly sources: readonly SourceName[] };

/** Reads the command line. */
export function parseDemoArguments(args: readonly string[]): DemoArguments {
  let json = false;
  let sources: readonly SourceName[] = SOURCE_NAMES;
  const rest = args.flatMap((arg) =>
    arg.startsWith('--source=') ? ['--source', arg.slice('--source='.length)] : [arg],
  );
  for (let i = 0; i < rest.length; i++) {
    const arg = rest[i];
    if (arg === '--help') return { type: 'help' };
    if (arg === '--json') json = true;
    else if (arg === '--source') {
      const name = rest[(i += 1)];
      if (!isSourceName(name)) {
        const message = `Expected \`--source\` to be one of ${SOURCE_NAMES.join(', ')}, got \`${String(name)}\`.`;
        return { type: 'wrong', message };
      }
      sources = [name];
    } else return { type: 'wrong', message: `Unknown option ${String(arg)}.` };
  }
  return { type: 'run', json, sources };
}
