import { ConstantBytes } from '../json/constant-bytes.ts';
import { placeOfLane } from '../sink/lane.ts';
import { readablePart } from './idempotency-key.ts';

/** Places beyond this are made anew: a mapper may name any number of them. More than the tables of a large database; some MB. */
const MOST_PLACES = 10_000;

/** What is the same in all records of one collection. */
export interface RecordPlace {
  readonly database: string;
  readonly collection: string;
  /** The body from behind the owner up to the record's id. */
  readonly head: ConstantBytes;
  /** The idempotency key up to the record's id. */
  readonly key: ConstantBytes;
  /** The lane up to the record's id. */
  readonly lane: string;
}

/** The places of records, each made once. */
export class RecordPlaces {
  readonly #databases = new Map<string, Map<string, RecordPlace>>();
  #count = 0;
  /** Most records are of the database of the record before, and many of its collection. */
  #database: string | null = null;
  #collections = new Map<string, RecordPlace>();
  #last: RecordPlace | null = null;

  of(database: string, collection: string): RecordPlace {
    if (database !== this.#database) this.#enter(database);
    else if (this.#last?.collection === collection) return this.#last;
    const place = this.#collections.get(collection) ?? this.#add(database, collection);
    this.#last = place;
    return place;
  }

  #enter(database: string): void {
    this.#database = database;
    this.#collections = this.#databases.get(database) ?? new Map<string, RecordPlace>();
    this.#databases.set(database, this.#collections);
  }

  #add(database: string, collection: string): RecordPlace {
    if (this.#count >= MOST_PLACES) {
      this.#databases.clear();
      this.#count = 0;
      this.#enter(database);
    }
    const head = `,"database":${JSON.stringify(database)},"collection":${JSON.stringify(collection)},"recordId":`;
    const place: RecordPlace = {
      database,
      collection,
      head: new ConstantBytes(head),
      key: new ConstantBytes(`${readablePart(collection)}-`),
      lane: placeOfLane(database, collection),
    };
    this.#collections.set(collection, place);
    this.#count += 1;
    return place;
  }
}
