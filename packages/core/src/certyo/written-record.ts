import type { Prepared } from '../sink/sink.ts';
import { laneText, type PlacedLane } from '../sink/lane.ts';
import type { CertyoItem } from './certyo-item.ts';
import type { ItemOrigin } from './item-origin.ts';
import type { RecordPlace } from './record-place.ts';
import type { UnavailableColumns } from './unavailable-policy.ts';

/** What a bulk request adds to each record at most, with a margin for another envelope. */
export const ENVELOPE_BYTES = 64;

/** Behind the key in a body: a quote and a brace. */
const BEHIND_KEY = 2;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** What a record has that most do not. */
export interface RecordExtras {
  readonly unavailable: UnavailableColumns | undefined;
  readonly origin: ItemOrigin | undefined;
  /** Where the payload stands in the body, for those whose receipt holds its fingerprint. */
  readonly payloadAt: number;
  readonly payloadEnd: number;
}

/**
 * A record as the writer made it, and what the pipeline is given for it: one object for both, because thousands wait at a
 * time and each is copied by the collector. Its bytes lie among those of others; what is asked for rarely is read from them.
 */
export class WrittenRecord implements CertyoItem, Prepared<CertyoItem>, PlacedLane {
  readonly recordId: string;
  readonly place: RecordPlace;
  readonly #slab: Buffer;
  readonly #start: number;
  /** Of the body, in bytes. */
  readonly length: number;
  readonly #keyLength: number;
  /** Where the version stands in the body, as a JSON string. */
  readonly #versionAt: number;
  readonly #extras: RecordExtras | null;

  constructor(
    place: RecordPlace,
    recordId: string,
    slab: Buffer,
    start: number,
    length: number,
    keyLength: number,
    versionAt: number,
    extras: RecordExtras | null,
  ) {
    this.place = place;
    this.recordId = recordId;
    this.#slab = slab;
    this.#start = start;
    this.length = length;
    this.#keyLength = keyLength;
    this.#versionAt = versionAt;
    this.#extras = extras;
  }

  /** What tests and consoles tell two records apart by: the key is made of all of it. */
  get [Symbol.toStringTag](): string {
    return `CertyoItem ${this.idempotencyKey}`;
  }

  /** Holds the body from `start` on, and the bodies of other records. */
  get slab(): Buffer {
    return this.#slab;
  }

  get start(): number {
    return this.#start;
  }

  get database(): string {
    return this.place.database;
  }

  get collection(): string {
    return this.place.collection;
  }

  get recordVersion(): string {
    const slab = this.#slab;
    const start = this.#start + this.#versionAt;
    let end = start + 1;
    let isPlain = true;
    for (let code = slab[end]; code !== QUOTE; code = slab[end]) {
      if (code === undefined) throw new RangeError('A record ends within its version.');
      isPlain &&= code !== BACKSLASH && code < 0x80;
      end += code === BACKSLASH ? 2 : 1;
    }
    if (isPlain) return slab.toString('latin1', start + 1, end);
    return JSON.parse(slab.toString('utf8', start, end + 1)) as string;
  }

  get idempotencyKey(): string {
    const end = this.#start + this.length - BEHIND_KEY;
    return this.#slab.toString('latin1', end - this.#keyLength, end);
  }

  get body(): Buffer {
    return this.#slab.subarray(this.#start, this.#start + this.length);
  }

  /** The payload as it stands in the body; null where nobody noted where that is. */
  get payload(): Buffer | null {
    const extras = this.#extras;
    if (extras === null) return null;
    return this.#slab.subarray(this.#start + extras.payloadAt, this.#start + extras.payloadEnd);
  }

  get unavailable(): UnavailableColumns | undefined {
    return this.#extras?.unavailable;
  }

  get origin(): ItemOrigin | undefined {
    return this.#extras?.origin;
  }

  get item(): CertyoItem {
    return this;
  }

  get bytes(): number {
    return this.length + ENVELOPE_BYTES;
  }

  get lane(): string {
    return laneText(this.place.lane, this.recordId);
  }

  get lanePlace(): string {
    return this.place.lane;
  }

  get laneName(): string {
    return this.recordId;
  }
}

/** The length of an item's body in bytes, without a view of it. */
export function bodyLength(item: CertyoItem): number {
  return item instanceof WrittenRecord ? item.length : item.body.length;
}
