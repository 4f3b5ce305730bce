import { parseArgs } from 'node:util';

export const USAGE = `usage: own-database --tables schema.table[,schema.table] [options]

Captures every committed change of these tables and delivers it to Certyo, until Ctrl-C.

  --tables          the tables, separated by commas
  --dry-run         only print the SQL that the database needs
  --slot            name of the replication slot and of the publication (certyo_cdc)
  --slot-wait-ms    how long to wait while another process holds the slot (60000)
  --debug           print stacks and causes of errors
  --help

  PG_DSN            the database; or DATABASE_URL, or PGHOST, PGUSER, PGDATABASE and so on
  CERTYO_API_KEY    the API key
  CERTYO_TENANT_ID  the tenant that the key belongs to
  CERTYO_BASE_URL   another API, such as the emulator`;

/** What the command line asks for. */
export interface Arguments {
  readonly tables: readonly string[];
  readonly slot: string | undefined;
  readonly slotWaitMs: number | undefined;
  readonly dryRun: boolean;
  readonly debug: boolean;
  readonly help: boolean;
}

/** A command line that cannot be meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads the command line. Throws UsageError. */
export function readArguments(args: readonly string[]): Arguments {
  const values = parse(args);
  const tables = (values.tables ?? '').split(',').flatMap((name) => name.trim() || []);
  if (tables.length === 0 && values.help !== true) {
    throw new UsageError('No table is named. Say which, for example --tables public.orders');
  }
  return {
    tables,
    slot: values.slot,
    slotWaitMs: values['slot-wait-ms'] === undefined ? undefined : Number(values['slot-wait-ms']),
    dryRun: values['dry-run'] ?? false,
    debug: values.debug ?? false,
    help: values.help ?? false,
  };
}

interface Values {
  readonly tables?: string | undefined;
  readonly slot?: string | undefined;
  readonly 'slot-wait-ms'?: string | undefined;
  readonly 'dry-run'?: boolean | undefined;
  readonly debug?: boolean | undefined;
  readonly help?: boolean | undefined;
}

function parse(args: readonly string[]): Values {
  try {
    return parseArgs({
      // `pnpm start -- --tables …` hands the two dashes on.
      args: args[0] === '--' ? args.slice(1) : [...args],
      options: {
        tables: { type: 'string' },
        slot: { type: 'string' },
        'slot-wait-ms': { type: 'string' },
        'dry-run': { type: 'boolean' },
        debug: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.replaceAll(/\s+/gu, ' '));
  }
}
