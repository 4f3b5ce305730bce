import { type Spread, spread } from './spread.ts';

/** One way to do the work of a benchmark. */
export interface Variant<Measure> {
  readonly name: string;
  /** Does the work once. */
  measure(round: number): Promise<Measure>;
}

/** What all variants came to, by name; a list holds one measure for each round. */
export type Measures<Measure> = ReadonlyMap<string, readonly Measure[]>;

/** What happens around each turn. */
export interface RoundsOptions<Measure> {
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** After each turn. */
  readonly onMeasure?: ((variant: string, round: number, measure: Measure) => void) | undefined;
}

/**
 * Runs all variants in every round, one after the other, another one first in each round: whatever else the machine
 * does in that time, and whatever the variant before leaves behind, meets all of them alike.
 */
export async function pairedRounds<Measure>(
  variants: readonly Variant<Measure>[],
  { rounds, signal, onMeasure }: RoundsOptions<Measure>,
): Promise<Measures<Measure>> {
  const measures = new Map<string, Measure[]>(variants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const variant of rotated(variants, round)) {
      signal.throwIfAborted();
      const measure = await variant.measure(round);
      measures.get(variant.name)?.push(measure);
      onMeasure?.(variant.name, round, measure);
    }
  }
  return measures;
}

/** The list from another place on, around its end. */
export function rotated<Item>(items: readonly Item[], by: number): readonly Item[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

/** One figure of a variant over all rounds. */
export function figureOf<Measure>(
  measures: Measures<Measure>,
  name: string,
  of: (measure: Measure) => number,
): Spread {
  return spread((measures.get(name) ?? []).map(of));
}

/**
 * A figure of one variant over that of another, or of the best of several, of the same round; then over all rounds.
 *
 * @param pick Which of several counts: `Math.max` of rates, `Math.min` of costs.
 */
export function ratioOf<Measure>(
  measures: Measures<Measure>,
  ours: string,
  theirs: string | readonly string[],
  of: (measure: Measure) => number,
  pick: (...numbers: number[]) => number = Math.max,
): Spread {
  const own = measures.get(ours) ?? [];
  const others = (typeof theirs === 'string' ? [theirs] : theirs).map(
    (name) => measures.get(name) ?? [],
  );
  return spread(
    own.map((measure, round) => {
      const against = others.flatMap((of_) => {
        const other = of_[round];
        return other === undefined ? [] : [of(other)];
      });
      return against.length === 0 ? Number.NaN : of(measure) / pick(...against);
    }),
  );
}
