import type { SlotHealth } from '@certyo-cdc/core';

/** From where on the state of a slot is worth a warning. */
export interface CareThresholds {
  readonly retainedBytes: number | false;
  readonly exhaustedInMs: number | false;
  readonly unacknowledgedMs: number | false;
}

/** What `source-warned` carries. */
export interface Warning {
  readonly code: string;
  readonly message: string;
  /** Tells warnings of one code apart, where there may be several. */
  readonly subject?: string | undefined;
}

/** A part of `max_slot_wal_keep_size` below which what is left is little, however slowly it shrinks. */
const LITTLE = 0.2;

/** What is wrong with a slot, with what to do about it; one warning per code. R-11 */
export function slotWarnings(health: SlotHealth, thresholds: CareThresholds): readonly Warning[] {
  const { slot } = health;
  if (health.invalidation !== null || health.walStatus === 'lost') {
    const reason = health.invalidation ?? 'the log it needs was removed';
    return [
      {
        code: 'SLOT_LOST',
        message: `The server has invalidated the slot "${slot}" (${reason}): the pipeline stops in a gap with its next read, and its error says how to go on.`,
      },
    ];
  }
  const warnings: Warning[] = [];
  const warn = (code: string, message: string): void => void warnings.push({ code, message });
  const kept = sizeText(health.retainedBytes);
  if (health.walStatus === 'unreserved') {
    warn(
      'SLOT_UNRESERVED',
      `The slot "${slot}" keeps ${kept}, beyond max_slot_wal_keep_size: it is lost at the server's next checkpoint. Let the pipeline catch up now, or run: ${RAISE_SQL}`,
    );
  } else if (isRunningOut(health, thresholds)) {
    const when =
      health.exhaustedInMs === null
        ? ''
        : `, which is used up in about ${durationText(health.exhaustedInMs)} at the present rate`;
    warn(
      'SLOT_RUNNING_OUT',
      `The slot "${slot}" may keep another ${sizeText(Math.max(health.safeBytes ?? 0, 0))} of max_slot_wal_keep_size${when}; then it is lost. Let the pipeline catch up, or run: ${RAISE_SQL}`,
    );
  }
  if (thresholds.retainedBytes !== false && health.retainedBytes > thresholds.retainedBytes) {
    const limit =
      health.maxRetainedBytes === null
        ? ' Nothing limits it (max_slot_wal_keep_size = -1): a full disk would stop the server.'
        : '';
    warn(
      'SLOT_RETAINED',
      `The server keeps ${kept} of its log for the slot "${slot}".${limit} Look at what holds up the pipeline; a slot that nobody reads any more is removed by source.teardown().`,
    );
  }
  const age = health.unacknowledgedMs;
  if (thresholds.unacknowledgedMs !== false && age !== null && age > thresholds.unacknowledgedMs) {
    warn(
      'SLOT_UNACKNOWLEDGED',
      `The oldest change of the slot "${slot}" that is not acknowledged was committed ${durationText(age)} ago. Look at the sink, at status().breaker and at status().blockedLanes.`,
    );
  }
  return warnings;
}

const RAISE_SQL = `ALTER SYSTEM SET max_slot_wal_keep_size = '…'; SELECT pg_reload_conf();`;

function isRunningOut(health: SlotHealth, thresholds: CareThresholds): boolean {
  const { exhaustedInMs, maxRetainedBytes, safeBytes } = health;
  if (safeBytes === null || thresholds.exhaustedInMs === false) return false;
  if (exhaustedInMs !== null && exhaustedInMs < thresholds.exhaustedInMs) return true;
  return maxRetainedBytes !== null && maxRetainedBytes > 0 && safeBytes < maxRetainedBytes * LITTLE;
}

function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}

function durationText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** A warning that stays true is said again after this time. */
const REMIND_MS = 600_000;

/** Says each warning when it becomes true, and again after a while. */
export class WarningMemory {
  #saidAtMs: ReadonlyMap<string, number> = new Map();

  /** Those of the warnings that are to be said now. */
  due(warnings: readonly Warning[], nowMs: number): readonly Warning[] {
    const due = warnings.filter((warning) => {
      const saidAtMs = this.#saidAtMs.get(nameOf(warning));
      return saidAtMs === undefined || nowMs - saidAtMs >= REMIND_MS;
    });
    const said = new Map<string, number>();
    for (const warning of warnings) {
      const name = nameOf(warning);
      said.set(name, this.#saidAtMs.get(name) ?? nowMs);
    }
    for (const warning of due) said.set(nameOf(warning), nowMs);
    this.#saidAtMs = said;
    return due;
  }
}

function nameOf({ code, subject }: Warning): string {
  return subject === undefined ? code : `${code} ${subject}`;
}
