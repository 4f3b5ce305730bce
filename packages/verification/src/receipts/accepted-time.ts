/** An ISO 8601 time with its digits below the millisecond. */
const FRACTION = /\.\d{3}(\d{1,3})/u;
/** What lies outside is no time of acceptance, and may be beyond what PostgreSQL can hold. */
const FIRST_MS = Date.UTC(2000, 0, 1);
const LAST_MS = Date.UTC(9999, 0, 1);

/** Reads times of acceptance; all records of one answer mostly have one. */
export class AcceptedTimes {
  readonly #nowUs: bigint;
  #text: string | null = null;
  #timeUs: bigint;
  #isGiven = false;

  /** @param nowMs Stands for a time that the API does not give. */
  constructor(nowMs: number) {
    this.#nowUs = BigInt(Math.floor(nowMs)) * 1000n;
    this.#timeUs = this.#nowUs;
  }

  /** Microseconds since 1970. */
  read(text: string | null): bigint {
    this.#look(text);
    return this.#timeUs;
  }

  /** False where the time is not the API's: a repeat has another one. */
  isGiven(text: string | null): boolean {
    this.#look(text);
    return this.#isGiven;
  }

  #look(text: string | null): void {
    if (text === this.#text) return;
    const timeUs = toMicroseconds(text);
    this.#text = text;
    this.#isGiven = timeUs !== null;
    this.#timeUs = timeUs ?? this.#nowUs;
  }
}

function toMicroseconds(text: string | null): bigint | null {
  if (text === null) return null;
  const ms = Date.parse(text);
  if (!(ms >= FIRST_MS && ms < LAST_MS)) return null;
  const digits = FRACTION.exec(text)?.[1] ?? '';
  return BigInt(ms) * 1000n + BigInt(digits.padEnd(3, '0'));
}
