/** Microseconds from 4713 BC, where PostgreSQL's time begins, to 1970. */
const BEFORE_1970 = 210_866_803_200_000_000n;
/** Behind every time that PostgreSQL knows (294276 AD). */
const INFINITY_MICROS = 10_000_000_000_000_000_000n;

const ISO = /^(-?\d+)-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|\+00)?( BC)?$/;

/**
 * Microseconds since 4713 BC, never negative, of a stamp in UTC as PostgreSQL prints it. Whole numbers all the way: a Date
 * knows milliseconds only (P-04).
 */
export function microsOfStamp(text: string | null): bigint {
  if (text === null || text === '-infinity') return 0n;
  if (text === 'infinity') return INFINITY_MICROS;
  const parts = ISO.exec(text);
  if (parts === null) return 0n;
  const [, year, month, day, hours, minutes, seconds, fraction = '', era] = parts;
  const astronomical = era === undefined ? Number(year) : 1 - Number(year);
  const days = daysSince1970(astronomical, Number(month), Number(day));
  const time = BigInt((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds));
  const whole = BigInt(days) * 86_400n + time;
  return atLeastZero(whole * 1_000_000n + BigInt(fraction.padEnd(6, '0')) + BEFORE_1970);
}

function atLeastZero(value: bigint): bigint {
  return value < 0n ? 0n : value;
}

/** The proleptic Gregorian calendar, which PostgreSQL counts by. */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
