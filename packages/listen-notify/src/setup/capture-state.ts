import { tableLabel } from '@certyo-cdc/core/internal';
import {
  hasCapturedSince,
  quoteIdentifier,
  type Replacement,
  type SqlExecutor,
} from '@certyo-cdc/postgres';
import { type CaptureCatalog, readCaptureCatalog } from './capture-catalog.ts';
import { captureProblems, type CaptureProblem } from './capture-problems.ts';
import type { CaptureSettings } from './capture-settings.ts';
import { type LogPart, logPart } from './log-names.ts';
import { captureKey, CAPTURES } from './noted-replacement.ts';

/**
 * Which rows of the catalog make up the capture, by oid and xmin: what was dropped and made again, or switched off for a
 * moment, looks the same but is another row, and what was written in between is not in the log.
 */
export interface CaptureFingerprint {
  /** By table label: the table's oid, then row and truncate triggers of it and its partitions. */
  readonly tables: Readonly<Record<string, CapturedTable>>;
  /** Those that the functions of the triggers call, by name. The doorbell is left out: nothing is lost by it. */
  readonly functions: Readonly<Record<string, string>>;
}

/** The capture of one table. */
export interface CapturedTable {
  readonly oid: string;
  /** By the oid of the table or partition and the trigger's name: of the trigger and its function. */
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

const OF_TRIGGERS: readonly LogPart[] = ['capture', 'truncate'];

const CALLED_BY_THEM: readonly LogPart[] = ['describe', 'key', 'reorder'];

function fingerprint(catalog: CaptureCatalog, settings: CaptureSettings): CaptureFingerprint {
  const namesOf = (parts: readonly LogPart[]): ReadonlySet<string> =>
    new Set(parts.map((part) => logPart(settings, part).name));
  const lossy = namesOf(OF_TRIGGERS);
  const called = namesOf(CALLED_BY_THEM);
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
      triggers: Object.fromEntries(
        triggers.map((trigger) => [captureKey(trigger), trigger.version]),
      ),
    };
  }
  const functions = [...catalog.functions.values()]
    .filter(({ name }) => called.has(name))
    .map(({ name, version }): readonly [string, string] => [name, version]);
  return { tables, functions: Object.fromEntries(functions) };
}

/** Names of the triggers and functions of a fingerprint. */
export function capturingNames({ functions, tables }: CaptureFingerprint): readonly string[] {
  const triggers = Object.values(tables).flatMap((table) => Object.keys(table.triggers));
  return [...new Set([...triggers.map((key) => splitKey(key).name), ...Object.keys(functions)])];
}

function splitKey(key: string): { readonly relation: string; readonly name: string } {
  const at = key.indexOf(' ');
  return { relation: key.slice(0, at), name: key.slice(at + 1) };
}

/**
 * Says what happened to the capture since `stored`, or null. A table that is not captured any more was left out
 * knowingly; a partition that is gone was detached or dropped; a new one has had its trigger since it was attached. What
 * setup has replaced, and noted, captures as before.
 */
export function captureChange(
  stored: CaptureFingerprint,
  now: CaptureFingerprint,
  replacements: readonly Replacement[],
): string | null {
  const hasCaptured = (
    item: { readonly relation: string; readonly name: string },
    before: string,
    version: string | undefined,
  ): boolean =>
    version !== undefined &&
    hasCapturedSince(
      replacements,
      { ...item, version, needs: CAPTURES },
      (known) => known === before,
    );
  for (const [label, table] of Object.entries(stored.tables)) {
    const current = now.tables[label];
    if (current === undefined) continue;
    if (current.oid !== table.oid)
      return `The table ${label} is not the one that was captured: it was dropped and made again.`;
    const present = new Set(Object.keys(current.triggers).map((key) => splitKey(key).relation));
    for (const [key, version] of Object.entries(table.triggers)) {
      const item = splitKey(key);
      const isRoot = item.relation === table.oid;
      if (!isRoot && !present.has(item.relation)) continue;
      if (hasCaptured(item, version, current.triggers[key])) continue;
      const [trigger] = version.split('/', 1);
      const what = current.triggers[key]?.startsWith(`${trigger ?? ''}/`)
        ? 'The function of the trigger'
        : 'The trigger';
      return `${what} ${quoteIdentifier(item.name)} of ${isRoot ? label : `a partition of ${label}`} was dropped, disabled, altered or made again.`;
    }
  }
  for (const [name, version] of Object.entries(stored.functions)) {
    if (!hasCaptured({ relation: '0', name }, version, now.functions[name]))
      return `The function ${name}() of the change log was altered or made again.`;
  }
  return null;
}
