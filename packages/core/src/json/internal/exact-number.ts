interface Decimal {
  readonly negative: boolean;
  /** Significant digits, without zeros at either end; empty for zero. */
  readonly digits: string;
  /** Power of ten of the first digit. */
  readonly exponent: number;
}

/** True when printing `parsed` gives a text of the same decimal value as `text`, a JSON number. */
export function isExactNumber(text: string, parsed: number): boolean {
  if (!Number.isFinite(parsed)) return false;
  const printed = String(parsed);
  if (printed === text) return true;
  const left = toDecimal(text);
  const right = toDecimal(printed);
  // A double's exponent has at most three digits, so a text whose exponent loses precision here never compares equal.
  return (
    left.digits === right.digits &&
    (left.digits === '' || (left.exponent === right.exponent && left.negative === right.negative))
  );
}

function toDecimal(text: string): Decimal {
  const negative = text.startsWith('-');
  const unsigned = negative ? text.slice(1) : text;
  const mark = unsigned.search(/[eE]/u);
  const mantissa = mark === -1 ? unsigned : unsigned.slice(0, mark);
  const power = mark === -1 ? 0 : Number(unsigned.slice(mark + 1));
  const point = mantissa.indexOf('.');
  const whole = point === -1 ? mantissa : mantissa.slice(0, point);
  const all = point === -1 ? mantissa : whole + mantissa.slice(point + 1);
  const leading = countLeadingZeros(all);
  return {
    negative,
    digits: all.slice(leading, endWithoutZeros(all, leading)),
    exponent: whole.length - leading + power,
  };
}

function countLeadingZeros(digits: string): number {
  let count = 0;
  while (digits.charCodeAt(count) === 0x30) count += 1;
  return count;
}

function endWithoutZeros(digits: string, from: number): number {
  let end = digits.length;
  while (end > from && digits.charCodeAt(end - 1) === 0x30) end -= 1;
  return end;
}
