import { GapError, type JsonValue, type SourceEvent, SourceSetupError } from '@certyo-cdc/core';
import { readReplacements, type SqlExecutor } from '@certyo-cdc/postgres';
import type { CaptureProblem } from '../setup/capture-problems.ts';
import type { CaptureSettings } from '../setup/capture-settings.ts';
import { logPart } from '../setup/log-names.ts';
import {
  captureChange,
  type CaptureFingerprint,
  capturingNames,
  readCaptureState,
} from '../setup/capture-state.ts';

export interface CaptureWatchOptions {
  readonly session: SqlExecutor;
  readonly settings: CaptureSettings;
  readonly versionNumber: number;
  /** Of the checkpoint, or null where there is none. */
  readonly stored: CaptureFingerprint | null;
  readonly onEvent: (event: SourceEvent) => void;
}

/**
 * Notices that what fills the log was dropped, disabled or altered, even for a moment (N-12): what was written meanwhile is
 * not in the log.
 */
export class CaptureWatch {
  readonly #options: CaptureWatchOptions;
  readonly #warned = new Set<string>();
  #fingerprint: CaptureFingerprint | null;
  #labels: ReadonlyMap<number, string> = new Map();
  #hasBegun = false;

  constructor(options: CaptureWatchOptions) {
    this.#options = options;
    this.#fingerprint = options.stored;
  }

  /** To be kept with the checkpoint. */
  toJSON(): JsonValue {
    return this.#fingerprint as unknown as JsonValue;
  }

  /** The captured table with this oid, or null. */
  labelOf(oid: number): string | null {
    return this.#labels.get(oid) ?? null;
  }

  /** Compares with the catalog as it is now. Throws `GapError`; before anything was read, `SourceSetupError`. */
  async check(options: { readonly signal: AbortSignal }): Promise<void> {
    const { session, settings, versionNumber } = this.#options;
    const { fingerprint, problems } = await readCaptureState(session, settings, {
      ...options,
      versionNumber,
    });
    const known = this.#fingerprint;
    const change = known === null ? null : await this.#change(known, fingerprint, options.signal);
    if (change !== null) throw gap(change, problems);
    const lossy = problems.filter((problem) => problem.losesChanges);
    // What is there, and was all the time, captures as another version of this library does.
    const isOther = known !== null && lossy.every(({ differs }) => isKnown(known, differs));
    if (lossy.length > 0 && !(isOther && this.#hasBegun)) {
      const what = lossy.map((problem) => problem.what).join(' ');
      if (known !== null && !isOther) throw gap(what, lossy);
      throw new SourceSetupError(what, {
        remedy: `Run source.setup(), or:\n${statements(problems)}`,
      });
    }
    this.#hasBegun = true;
    for (const { losesChanges, sql, what } of problems)
      this.#warn(
        what,
        losesChanges
          ? 'Another version of this library has set it up; changes are captured as before.'
          : `Run source.setup(), or: ${sql.join(' ')}`,
      );
    this.#fingerprint = fingerprint;
    this.#labels = new Map(
      Object.entries(fingerprint.tables).map(([label, { oid }]) => [Number(oid), label]),
    );
  }

  async #change(
    known: CaptureFingerprint,
    now: CaptureFingerprint,
    signal: AbortSignal,
  ): Promise<string | null> {
    const change = captureChange(known, now, []);
    if (change === null) return null;
    const { session, settings } = this.#options;
    const replacements = await readReplacements(session, logPart(settings, 'replacements'), {
      names: capturingNames(known),
      signal,
    });
    return captureChange(known, now, replacements);
  }

  #warn(what: string, remedy: string): void {
    if (this.#warned.has(what)) return;
    this.#warned.add(what);
    this.#options.onEvent({
      type: 'source-warned',
      code: 'CAPTURE_SETUP',
      message: `${what} ${remedy}`,
    });
  }
}

/** Reads what `toJSON` gave; null for anything else. */
export function captureFingerprint(value: unknown): CaptureFingerprint | null {
  const stored = value as Partial<CaptureFingerprint> | null | undefined;
  return typeof stored?.tables === 'object' && typeof stored.functions === 'object'
    ? (stored as CaptureFingerprint)
    : null;
}

/** Whether what differs from what this version makes is in the fingerprint, so that it is known to have been there. */
function isKnown({ tables }: CaptureFingerprint, differs: string | undefined): boolean {
  if (differs === undefined || differs === 'function') return differs !== undefined;
  return Object.values(tables).some(({ triggers }) => triggers[differs] !== undefined);
}

function gap(what: string, problems: readonly CaptureProblem[]): GapError {
  const sql = problems.length === 0 ? '' : `Run source.setup(), or:\n${statements(problems)}\n`;
  return new GapError('GAP_TRIGGER', `${what} Changes may be missing.`, {
    remedy: `${sql}Then copy the tables again under a new pipeline name (option copy).`,
  });
}

function statements(problems: readonly CaptureProblem[]): string {
  return problems.flatMap(({ sql }) => sql.map((statement) => `  ${statement}`)).join('\n');
}
