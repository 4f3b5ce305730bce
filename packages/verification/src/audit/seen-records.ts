/** Half of them are empty at most, before they are doubled. */
const FIRST_SLOTS = 1 << 12;
const MOST_FULL = 0.7;

/**
 * The keys of records whose rows were seen, 64 bits of each: 12 to 23 bytes per record. That of a record which was not seen is
 * among n others by chance in one of 2^64 / n cases.
 */
export class SeenRecords {
  #slots = new BigUint64Array(FIRST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param key Hexadecimal, with or without hyphens. */
  add(key: string): void {
    if (this.#size >= this.#slots.length * MOST_FULL) this.#grow();
    if (insert(this.#slots, toNumber(key))) this.#size += 1;
  }

  has(key: string): boolean {
    const value = toNumber(key);
    return this.#slots[place(this.#slots, value)] === value;
  }

  #grow(): void {
    const larger = new BigUint64Array(this.#slots.length * 2);
    for (const value of this.#slots) if (value !== 0n) insert(larger, value);
    this.#slots = larger;
  }
}

function insert(slots: BigUint64Array, value: bigint): boolean {
  const at = place(slots, value);
  if (slots[at] === value) return false;
  slots[at] = value;
  return true;
}

/** Where a value is, or would be. The keys are digests: any of their bits do. */
function place(slots: BigUint64Array, value: bigint): number {
  const mask = slots.length - 1;
  let at = Number(value & BigInt(mask));
  while (slots[at] !== 0n && slots[at] !== value) at = (at + 1) & mask;
  return at;
}

/** Zero stands for an empty slot. */
function toNumber(key: string): bigint {
  const value = BigInt(`0x${key.replaceAll('-', '').slice(0, 16)}`);
  return value === 0n ? 1n : value;
}
