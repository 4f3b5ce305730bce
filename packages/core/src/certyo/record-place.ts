import { Buffer } from 'node:buffer';

import { placeOfLane } from '../sink/lane.ts';
import { readablePart } from './idempotency-key.ts';

/** Places beyond this are made anew: a mapper may name any number of them. More than the tables of a large database; some MB. */
const MOST_PLACES = 10_000;

/** What is the same in all records of one collection. */
export interface RecordPlace {
  readonly database: string;
  readonly collection: string;
  /** The body from behind the owner up to the record's id. */
  readonly head: Buffer;
  /** The idempotency key up to the record's id. */
  readonly key: Buffer;
  /** The lane up to the record's id. */
  readonly lane: string;
}

/** The places of records, each made once. */
export class RecordPlaces {
  readonly #places = new Map<string, Map<string, RecordPlace>>();
  #count = 0;
  /** Records of one place come one after the other. */
  #last: RecordPlace | null = null;

  of(database: string, collection: string): RecordPlace {
    const last = this.#last;
    if (last !== null && last.database === database && last.collection === collection) return last;
    const place = this.#places.get(database)?.get(collection) ?? this.#add(database, collection);
    this.#last = place;
    return place;
  }

  #add(database: string, collection: string): RecordPlace {
    if (this.#count >= MOST_PLACES) {
      this.#places.clear();
      this.#count = 0;
    }
    const head = `,"database":${JSON.stringify(database)},"collection":${JSON.stringify(collection)},"recordId":`;
    const place: RecordPlace = {
      database,
      collection,
      head: Buffer.from(head),
      key: Buffer.from(`${readablePart(collection)}-`),
      lane: placeOfLane(database, collection),
    };
    const places = this.#places.get(database) ?? new Map<string, RecordPlace>();
    this.#places.set(database, places.set(collection, place));
    this.#count += 1;
    return place;
  }
}
