import { WriteBackError } from '@certyo-cdc/core';

import type { WrittenVersion } from './queue.ts';

/** For how long a write is looked after, milliseconds. */
const WINDOW_MS = 60_000;
/** Most writes that are looked after. */
const MOST = 1_000;
/** Fewer writes say nothing: an application may well touch a few rows without changing them. */
const LEAST = 20;
/** Of the writes that came back as changes. */
const SHARE = 0.5;
/** Times that the same content of a record is given a status, with no other one of the record in between. */
const MOST_AGAIN = 5;
const AGAIN_WINDOW_MS = 3_600_000;
const MOST_REMEMBERED = 50_000;

/** What a record says. */
export interface RecordContent {
  readonly recordKey: string;
  readonly fingerprint: string;
}

interface Write extends WrittenVersion {
  readonly atMs: number;
  /** Later receipts with the same payload that were there before the write. */
  readonly before: number;
}

/**
 * Notices write-back that comes back as changes, whatever was chosen against it (V-13).
 *
 * A change that write-back causes differs from the one before in nothing but status columns, which are no part of a payload: so it
 * shows in the ledger as a later version with the same fingerprint, soon after the write. And a status that is given to the same
 * content again and again is taken away by somebody each time; a row that goes to and fro says something else in between.
 */
export class LoopDetector {
  #writes: Write[] = [];
  /** By record. */
  readonly #again = new Map<
    string,
    { readonly fingerprint: string; readonly sinceMs: number; times: number }
  >();

  /** Writes whose changes would show by now, or soon. */
  recent(nowMs: number): readonly WrittenVersion[] {
    this.#writes = this.#writes.filter(({ atMs }) => nowMs - atMs < WINDOW_MS);
    return this.#writes;
  }

  /** @param before For each, how many later receipts with the same payload there were before it was written. */
  wrote(written: readonly WrittenVersion[], before: readonly number[], nowMs: number): void {
    for (const [index, each] of written.entries()) {
      this.#writes.push({ ...each, atMs: nowMs, before: before[index] ?? 0 });
    }
    if (this.#writes.length > MOST) this.#writes = this.#writes.slice(-MOST);
    this.count(written, nowMs);
  }

  /** Contents that records have had, whether they were given a status or not. */
  saw(contents: readonly RecordContent[]): void {
    for (const { fingerprint, recordKey } of contents) {
      const known = this.#again.get(recordKey);
      if (known !== undefined && known.fingerprint !== fingerprint) this.#again.delete(recordKey);
    }
  }

  /**
   * Counts contents that were given a status.
   *
   * @throws WriteBackError when one of them is given it again and again.
   */
  count(contents: readonly RecordContent[], nowMs: number): void {
    this.saw(contents);
    for (const { fingerprint, recordKey } of contents) {
      const known = this.#again.get(recordKey);
      this.#again.delete(recordKey);
      const isOld = known === undefined || nowMs - known.sinceMs >= AGAIN_WINDOW_MS;
      const entry = isOld ? { fingerprint, sinceMs: nowMs, times: 1 } : known;
      if (!isOld) entry.times += 1;
      this.#again.set(recordKey, entry);
      if (entry.times <= MOST_AGAIN) continue;
      throw new WriteBackError(
        'WRITE_BACK_LOOP',
        `The same content of a row was given its status ${String(entry.times)} times within an hour: something takes the status away without changing the row.`,
        {
          retryable: false,
          remedy:
            'Find what writes the status columns: a trigger, or an application that writes whole rows back.',
        },
      );
    }
    for (const oldest of this.#again.keys()) {
      if (this.#again.size <= MOST_REMEMBERED) break;
      this.#again.delete(oldest);
    }
  }

  /**
   * @param echoes Of `recent`: how many later receipts with the same payload there are now.
   * @throws WriteBackError when most of what was written has come back.
   */
  judge(echoes: readonly number[]): void {
    const back = this.#writes.filter(({ before }, index) => (echoes[index] ?? 0) > before).length;
    if (this.#writes.length < LEAST || back < this.#writes.length * SHARE) return;
    throw new WriteBackError(
      'WRITE_BACK_LOOP',
      `Of ${String(this.#writes.length)} rows whose status was written within a minute, ${String(back)} were anchored again with the same content: write-back comes back as changes.`,
      {
        retryable: false,
        remedy:
          "Give certyoSink() skipUnchanged: 'all', or the source what plan() says that the protection needs.",
      },
    );
  }
}
