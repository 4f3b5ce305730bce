/** Items that go in one request, with what is known about them. */
export interface Group<T> {
  readonly items: readonly T[];
  /** The other half of a refused request; sent, or split unseen, once this half is answered. */
  readonly sibling: readonly T[] | null;
}

/** The halves of a refused group: the first is sent, the second waits for its answer. */
export function halve<T>(items: readonly T[]): Group<T> {
  const middle = Math.floor(items.length / 2);
  return { items: items.slice(0, middle), sibling: items.slice(middle) };
}

/**
 * What to do with the half that waited.
 *
 * When the first half was accepted, the fault lies in the second: it is split without sending it whole. That keeps the
 * number of requests within 2·k·log2(n) + 1 for k poison items among n (H-13).
 */
export function siblingGroup<T>(sibling: readonly T[], firstHalfAccepted: boolean): Group<T> {
  return firstHalfAccepted && sibling.length > 1
    ? halve(sibling)
    : { items: sibling, sibling: null };
}
