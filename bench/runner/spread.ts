/** What came out of several rounds. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** The middle, the least and the most of some numbers; of an even count the mean of the two in the middle. */
export function spread(numbers: readonly number[]): Spread {
  const sorted = [...numbers].sort((left, right) => left - right);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = sorted.length / 2;
  const median =
    sorted.length % 2 === 0 ? (at(middle - 1) + at(middle)) / 2 : at(Math.floor(middle));
  return { median, least: at(0), most: at(sorted.length - 1) };
}

/** The spread with so many digits after the point: what is printed. */
export function rounded(of: Spread, digits: number): Spread {
  const to = (value: number): number => Number(value.toFixed(digits));
  return { median: to(of.median), least: to(of.least), most: to(of.most) };
}

/** A figure under its name, the median; and under `<name>Spread` the least and the most. */
export function figure(name: string, of: Spread, digits = 3): Readonly<Record<string, unknown>> {
  const { least, median, most } = rounded(of, digits);
  return { [name]: median, [`${name}Spread`]: { least, most } };
}
