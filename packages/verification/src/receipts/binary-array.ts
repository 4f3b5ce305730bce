/** The types of elements. */
type ElementType = 'bool' | 'bytea' | 'int4' | 'text' | 'timestamptz' | 'uuid';

/** Their oids, which are the same in every database. */
const ELEMENT_OIDS: Readonly<Record<ElementType, number>> = Object.freeze({
  bool: 16,
  bytea: 17,
  int4: 23,
  text: 25,
  timestamptz: 1184,
  uuid: 2950,
});

/** Dimensions, whether there are nulls, oid, length, lower bound. */
const HEAD_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;
/** 2000-01-01, from which PostgreSQL counts, in microseconds since 1970. */
const EPOCH_US = 946_684_800_000_000n;

/**
 * Writes arrays in PostgreSQL's binary form, as a parameter of a statement. Ten times cheaper for both sides than text,
 * and nothing has to be escaped.
 */
class ArrayWriter {
  #buffer: Buffer;
  #at = HEAD_BYTES;
  #count = 0;
  #hasNull = false;
  readonly #type: ElementType;

  constructor(type: ElementType, bytes: number) {
    this.#type = type;
    this.#buffer = Buffer.allocUnsafe(HEAD_BYTES + bytes);
  }

  null(): void {
    this.#room(LENGTH_BYTES);
    this.#hasNull = true;
    this.#count += 1;
    this.#at = this.#buffer.writeInt32BE(NULL_LENGTH, this.#at);
  }

  text(value: string): void {
    // PostgreSQL's text holds no NUL.
    const text = value.includes('\0') ? value.replaceAll('\0', '\u{FFFD}') : value;
    this.#room(LENGTH_BYTES + text.length * 3);
    const written = this.#buffer.write(text, this.#at + LENGTH_BYTES, 'utf8');
    this.#next(written);
  }

  hex(value: string): void {
    this.#room(LENGTH_BYTES + value.length);
    this.#next(this.#buffer.write(value, this.#at + LENGTH_BYTES, 'hex'));
  }

  int4(value: number): void {
    this.#room(8);
    this.#buffer.writeInt32BE(value, this.#at + LENGTH_BYTES);
    this.#next(4);
  }

  /** Microseconds since 1970. */
  time(value: bigint): void {
    this.#room(12);
    this.#buffer.writeBigInt64BE(value - EPOCH_US, this.#at + LENGTH_BYTES);
    this.#next(8);
  }

  bool(value: boolean): void {
    this.#room(5);
    this.#buffer[this.#at + LENGTH_BYTES] = value ? 1 : 0;
    this.#next(1);
  }

  end(): Buffer {
    const buffer = this.#buffer;
    buffer.writeInt32BE(this.#count === 0 ? 0 : 1, 0);
    buffer.writeInt32BE(this.#hasNull ? 1 : 0, 4);
    buffer.writeInt32BE(ELEMENT_OIDS[this.#type], 8);
    buffer.writeInt32BE(this.#count, 12);
    buffer.writeInt32BE(1, 16);
    // Without elements there are no dimensions, and nothing stands behind the oid.
    return buffer.subarray(0, this.#count === 0 ? 12 : this.#at);
  }

  #next(bytes: number): void {
    this.#buffer.writeInt32BE(bytes, this.#at);
    this.#at += LENGTH_BYTES + bytes;
    this.#count += 1;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

/** An array of the type, written by `write` for each element. */
export function binaryArray<T>(
  type: ElementType,
  elements: readonly T[],
  bytesEach: number,
  write: (writer: ArrayWriter, element: T) => void,
): Buffer {
  const writer = new ArrayWriter(type, elements.length * (LENGTH_BYTES + bytesEach));
  for (const element of elements) write(writer, element);
  return writer.end();
}

export type { ArrayWriter };
