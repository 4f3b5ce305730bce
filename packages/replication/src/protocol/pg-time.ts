/** Microseconds between 1970-01-01 and 2000-01-01, where PostgreSQL's timestamps begin. */
const EPOCH_OFFSET_MS = 946_684_800_000;

/** A protocol timestamp (microseconds since 2000-01-01 UTC) as ISO 8601 with six fraction digits. */
export function isoFromPgTime(micros: bigint): string {
  let ms = micros / 1000n;
  let rest = micros % 1000n;
  if (rest < 0n) {
    ms -= 1n;
    rest += 1000n;
  }
  const iso = new Date(Number(ms) + EPOCH_OFFSET_MS).toISOString();
  return `${iso.slice(0, -1)}${rest.toString().padStart(3, '0')}Z`;
}

/** Milliseconds since 1970 of a protocol timestamp. */
export function unixMsFromPgTime(micros: bigint): number {
  return Number(micros / 1000n) + EPOCH_OFFSET_MS;
}

/** The protocol timestamp of a moment in milliseconds since 1970. */
export function pgTimeFromUnixMs(unixMs: number): bigint {
  return BigInt(Math.round((unixMs - EPOCH_OFFSET_MS) * 1000));
}
