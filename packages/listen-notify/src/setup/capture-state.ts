import { tableLabel } from '@certyo-cdc/core/internal';
import { quoteIdentifier, type SqlExecutor } from '@certyo-cdc/postgres';
import { type CaptureCatalog, type CatalogTrigger, readCaptureCatalog } from './capture-catalog.ts';
import { captureProblems, type CaptureProblem } from './capture-problems.ts';
import type { CaptureSettings } from './capture-settings.ts';
import { logPart } from './log-names.ts';

/**
 * Which rows of the catalog make up the capture, by oid and xmin: what was dropped and made again, or switched off for a
 * moment, looks the same but is another row, and what was written in between is not in the log.
 */
export interface CaptureFingerprint {
  /** By table label: the table's oid, then row and truncate triggers of it and its partitions. */
  readonly tables: Readonly<Record<string, CapturedTable>>;
  /** By name; the doorbell and what reads the catalog are left out: nothing is lost by them. */
  readonly functions: Readonly<Record<string, string>>;
}

/** The capture of one table. */
export interface CapturedTable {
  readonly oid: string;
  /** By the oid of the table or partition and the trigger's name. */
  readonly triggers: Readonly<Record<string, string>>;
}

/** What fills the log now. */
export interface CaptureState {
  readonly fingerprint: CaptureFingerprint;
  /** In the order in which their SQL has to run; empty when nothing is missing. */
  readonly problems: readonly CaptureProblem[];
  /** Partitions of the captured tables, unquoted. */
  readonly partitions: readonly { readonly schema: string; readonly name: string }[];
}

/** Reads what fills the log, and what is wrong with it. Takes no grant beyond CONNECT. */
export async function readCaptureState(
  session: SqlExecutor,
  settings: CaptureSettings,
  options: { readonly signal: AbortSignal; readonly versionNumber: number },
): Promise<CaptureState> {
  const catalog = await readCaptureCatalog(session, settings, options);
  return {
    fingerprint: fingerprint(catalog, settings),
    problems: captureProblems(catalog, settings, options.versionNumber),
    partitions: catalog.tables
      .filter(({ oid, root_oid: root }) => oid !== root)
      .map(({ name, schema }) => ({ schema, name })),
  };
}

function fingerprint(catalog: CaptureCatalog, settings: CaptureSettings): CaptureFingerprint {
  const lossy = new Set([logPart(settings, 'capture').name, logPart(settings, 'truncate').name]);
  const tables: Record<string, CapturedTable> = {};
  for (const root of catalog.tables.filter((table) => table.oid === table.root_oid)) {
    const members = new Set(
      catalog.tables.filter((table) => table.root_oid === root.oid).map((table) => table.oid),
    );
    const triggers = catalog.triggers.filter(
      (trigger) => members.has(trigger.table_oid) && lossy.has(trigger.function),
    );
    tables[tableLabel(root)] = {
      oid: root.oid,
      triggers: Object.fromEntries(triggers.map((trigger) => [keyOf(trigger), trigger.identity])),
    };
  }
  const functions = [...catalog.functions.values()]
    .filter(({ name }) => lossy.has(name))
    .map(({ identity, name }): readonly [string, string] => [name, identity]);
  return { tables, functions: Object.fromEntries(functions) };
}

function keyOf({ name, table_oid: table }: CatalogTrigger): string {
  return `${table} ${name}`;
}

/**
 * Says what happened to the capture since `stored`, or null. A table that is not captured any more was left out
 * knowingly; a partition that is gone was detached or dropped; a new one has had its trigger since it was attached.
 */
export function captureChange(stored: CaptureFingerprint, now: CaptureFingerprint): string | null {
  for (const [label, table] of Object.entries(stored.tables)) {
    const current = now.tables[label];
    if (current === undefined) continue;
    if (current.oid !== table.oid)
      return `The table ${label} is not the one that was captured: it was dropped and made again.`;
    const present = new Set(Object.keys(current.triggers).map((key) => key.split(' ', 1)[0]));
    for (const [key, identity] of Object.entries(table.triggers)) {
      const [oid = ''] = key.split(' ', 1);
      const isRoot = oid === table.oid;
      if (current.triggers[key] === identity || (!isRoot && !present.has(oid))) continue;
      return `The trigger ${quoteIdentifier(key.slice(oid.length + 1))} of ${isRoot ? label : `a partition of ${label}`} was dropped, disabled, altered or made again.`;
    }
  }
  for (const [name, identity] of Object.entries(stored.functions)) {
    if (now.functions[name] !== identity)
      return `The function ${name}() of the change log was altered or made again.`;
  }
  return null;
}
