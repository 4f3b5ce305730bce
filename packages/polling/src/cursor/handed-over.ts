import { createHash } from 'node:crypto';
import type { JsonValue } from '@certyo-cdc/core';

/** What was handed over last of a record. */
interface Entry {
  /** Of stamp and content; empty for a delete. */
  readonly digest: string;
  /** Of the version that it had, in microseconds since 4713 BC. */
  readonly micros: bigint;
  readonly n: number;
}

/** Entries that are kept in memory; each takes about 200 bytes. */
const MAX_ENTRIES = 200_000;
/** Entries that a checkpoint keeps. What it does not keep is handed over again after a restart, as the same events. */
const MAX_STORED = 2_000;

/**
 * What was handed over of the records within the overlap, so that reading them again gives nothing twice, and versions of a
 * record grow although its stamp may go back (P-02).
 */
export class HandedOver {
  readonly #entries = new Map<string, Entry>();

  has(key: readonly string[], digest: string): boolean {
    return this.#entries.get(nameOf(key))?.digest === digest;
  }

  last(key: readonly string[]): { readonly micros: bigint; readonly n: number } | null {
    return this.#entries.get(nameOf(key)) ?? null;
  }

  /**
   * Notes what is handed over now.
   *
   * @param stays Whether it will be read again.
   * @returns Its version: behind the last one of the record, as far as that is known.
   */
  note(
    key: readonly string[],
    digest: string,
    stamp: bigint,
    stays: boolean,
  ): { readonly micros: bigint; readonly n: number } {
    const name = nameOf(key);
    const before = this.#entries.get(name);
    const isBehind = before === undefined || stamp > before.micros;
    const version = isBehind ? { micros: stamp, n: 0 } : { micros: before.micros, n: before.n + 1 };
    if (stays || before !== undefined) this.#set(name, { digest, ...version });
    return version;
  }

  noteDelete(key: readonly string[], micros: bigint, n: number): void {
    this.#set(nameOf(key), { digest: '', micros, n });
  }

  /** Rows that are put back as they were are to be handed over again. */
  noteTruncate(): void {
    for (const [name, entry] of this.#entries) this.#entries.set(name, { ...entry, digest: '' });
  }

  /** Forgets what lies before the next pass. */
  forgetBefore(micros: bigint): void {
    for (const [name, entry] of this.#entries) {
      if (entry.micros < micros) this.#entries.delete(name);
    }
  }

  toJSON(): JsonValue {
    const newest = [...this.#entries].slice(-MAX_STORED);
    return newest.map(([name, { digest, micros, n }]) => [name, digest, String(micros), n]);
  }

  static fromJson(value: JsonValue | undefined): HandedOver {
    const seen = new HandedOver();
    if (!Array.isArray(value)) return seen;
    for (const entry of value as readonly JsonValue[]) {
      if (!Array.isArray(entry)) continue;
      const [name, digest, micros, n] = entry as readonly JsonValue[];
      if (typeof name !== 'string' || typeof digest !== 'string') continue;
      if (typeof micros !== 'string' || typeof n !== 'number') continue;
      seen.#entries.set(name, { digest, micros: BigInt(micros), n });
    }
    return seen;
  }

  #set(name: string, entry: Entry): void {
    // The newest last, so that the oldest is forgotten first.
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    if (this.#entries.size <= MAX_ENTRIES) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
  }
}

function nameOf(key: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(key)).digest('base64url').slice(0, 16);
}
