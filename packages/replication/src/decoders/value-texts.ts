/** Texts of values as PostgreSQL prints them under the pinned settings (DateStyle ISO, lc_monetary C). */

/** Dates and times without end. */
export const DATE_INFINITY: ReadonlySet<string> = new Set(['infinity', '-infinity']);

const DAY_MICROS = 86_400_000_000n;
/** Days between 1970-01-01 and 2000-01-01; the plugin counts from the first, PostgreSQL from the second. */
const EPOCH_DAYS = 10_957n;

const DATE_END = 2n ** 31n - 1n;
const TIME_END = 2n ** 63n - 1n;

/** The shortest digits that give the number back. https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-FLOAT */
export function realText(value: number, kind: 'float' | 'double'): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value < 0 ? '-Infinity' : 'Infinity';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const size = Math.abs(value);
  if (size === 0) return `${sign}0`;
  const [mantissa = '', power = '0'] = shortest(size, kind).split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= (kind === 'double' ? 15 : 6)) {
    const digits = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`;
  }
  return `${sign}${plain(mantissa.replace('.', ''), exponent)}`;
}

/**
 * The fewest digits that lie between the middles to the neighbours, as `d.ddde±x`; of two the closer one, then the even one.
 * JavaScript's take a number in the very middle too, where PostgreSQL writes another digit.
 */
function shortest(size: number, kind: 'float' | 'double'): string {
  const [digits = '', power = '0'] = size.toExponential().split('e');
  // Of a float they are those of the double.
  const least = kind === 'double' ? digits.replace('.', '').length : 1;
  const { above, below, scale, value } = interval(size, kind);
  for (let count = least; ; count += 1) {
    const found = closest(value, [below, above], scale, Number(power) - count + 1);
    if (found !== null) return asExponential(found, Number(power) - count + 1);
  }
}

/** A number and the middles to its neighbours, as multiples of two to the power of `scale`. */
function interval(
  size: number,
  kind: 'float' | 'double',
): {
  readonly value: bigint;
  readonly below: bigint;
  readonly above: bigint;
  readonly scale: number;
} {
  const bits = kind === 'double' ? 53 : 24;
  const least = kind === 'double' ? -1074 : -149;
  const scale = Math.max(exponentOf(size) - bits + 1, least);
  const mantissa = BigInt(
    scale < -1000 ? (size * 2 ** 1000) / 2 ** (scale + 1000) : size / 2 ** scale,
  );
  // The neighbour below a power of two is half as far away.
  const isPower = mantissa === 1n << BigInt(bits - 1) && scale > least;
  const value = 4n * mantissa;
  return { value, below: value - (isPower ? 1n : 2n), above: value + 2n, scale: scale - 2 };
}

function exponentOf(size: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, size);
  return ((view.getUint16(0) >> 4) & 0x7ff) - 1023;
}

/** The multiple of ten to the power of `exponent` that is closest, strictly between the bounds; null where there is none. */
function closest(
  value: bigint,
  [below, above]: readonly [bigint, bigint],
  scale: number,
  exponent: number,
): bigint | null {
  const up = power(2n, scale) * power(10n, -exponent);
  const down = power(2n, -scale) * power(10n, exponent);
  const [v, low, high] = [value * up, below * up, above * up];
  const under = v / down;
  const inside = [under, under + 1n].filter((one) => one * down > low && one * down < high);
  const [first, second] = inside;
  if (first === undefined || second === undefined) return first ?? null;
  const rest = 2n * (v - first * down);
  if (rest === down) return first % 2n === 0n ? first : second;
  return rest < down ? first : second;
}

function power(base: bigint, exponent: number): bigint {
  return exponent <= 0 ? 1n : base ** BigInt(exponent);
}

function asExponential(digits: bigint, exponent: number): string {
  const text = String(digits);
  const fraction = text.slice(1).replace(/0+$/u, '');
  return `${text.slice(0, 1)}${fraction === '' ? '' : `.${fraction}`}e${exponent + text.length - 1}`;
}

function plain(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return digits.padEnd(exponent + 1, '0');
  return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** `money` counts cents. */
export function moneyText(cents: bigint): string {
  const size = cents < 0n ? -cents : cents;
  const whole = String(size / 100n).replaceAll(/\B(?=(?:\d{3})+$)/gu, ',');
  return `${cents < 0n ? '-' : ''}$${whole}.${String(size % 100n).padStart(2, '0')}`;
}

/** @param days Since 1970. */
export function dateText(days: bigint): string {
  // The plugin adds the difference of the epochs to the ends, too, in 32 bits.
  const end = infinity(BigInt.asIntN(32, days - EPOCH_DAYS), DATE_END);
  return end ?? withEra(civil(days), '');
}

/** @param micros Since midnight. */
export function timeText(micros: bigint): string {
  const seconds = micros / 1_000_000n;
  const parts = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n];
  const fraction = String(micros % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/u, '');
  const time = parts.map((part) => String(part).padStart(2, '0')).join(':');
  return fraction === '' ? time : `${time}.${fraction}`;
}

/** @param micros Since 1970. */
export function timestampText(micros: bigint): string {
  const end = infinity(micros, TIME_END);
  if (end !== null) return end;
  const days = floorDiv(micros, DAY_MICROS);
  return withEra(civil(days), ` ${timeText(micros - days * DAY_MICROS)}`);
}

function infinity(value: bigint, end: bigint): string | null {
  if (value === end) return 'infinity';
  return value === -end - 1n ? '-infinity' : null;
}

interface CivilDate {
  readonly year: bigint;
  readonly month: bigint;
  readonly day: bigint;
}

/** The Gregorian date of a number of days since 1970, of any year: https://howardhinnant.github.io/date_algorithms.html */
function civil(days: bigint): CivilDate {
  const shifted = days + 719_468n;
  const era = floorDiv(shifted, 146_097n);
  const dayOfEra = shifted - era * 146_097n;
  const yearOfEra =
    (dayOfEra - dayOfEra / 1_460n + dayOfEra / 36_524n - dayOfEra / 146_096n) / 365n;
  const dayOfYear = dayOfEra - (365n * yearOfEra + yearOfEra / 4n - yearOfEra / 100n);
  const shiftedMonth = (5n * dayOfYear + 2n) / 153n;
  const month = shiftedMonth < 10n ? shiftedMonth + 3n : shiftedMonth - 9n;
  return {
    year: yearOfEra + era * 400n + (month <= 2n ? 1n : 0n),
    month,
    day: dayOfYear - (153n * shiftedMonth + 2n) / 5n + 1n,
  };
}

function withEra({ day, month, year }: CivilDate, time: string): string {
  const isBefore = year <= 0n;
  const shown = String(isBefore ? 1n - year : year).padStart(4, '0');
  const date = [shown, ...[month, day].map((part) => String(part).padStart(2, '0'))].join('-');
  return `${date}${time}${isBefore ? ' BC' : ''}`;
}

function floorDiv(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}
