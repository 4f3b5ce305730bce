import type { ChainEnd } from './fold.ts';
import { readWindow, type StoredWindow, unbalanced, windowHash } from './window.ts';

/** What is wrong with a window. */
export interface WindowProblem {
  readonly number: number;
  /**
   * `removed`: it is not there. `altered`: it is not what was closed, as its hash, the window behind it, the end of the chain or its
   * receipt says. `misplaced`: it stands where another one belongs, or behind the end of the chain. `hole`: it does not begin where
   * the one before ends. `unbalanced`: its counts do not add up. `end-missing`: nothing says where the chain ends. `end-moved`: the
   * chain ends at another position than it, its last one. `unreached`: from there on nothing leads to the checkpoint of the pipeline.
   * `refuted`: Certyo says that it is not what was anchored, or has another one too.
   */
  readonly kind:
    | 'removed'
    | 'altered'
    | 'misplaced'
    | 'hole'
    | 'unbalanced'
    | 'end-missing'
    | 'end-moved'
    | 'unreached'
    | 'refuted';
  /** A sentence for people. */
  readonly detail: string;
}

/** What a chain is checked against. */
export interface ChainEvidence {
  readonly pipeline: string;
  /** Fingerprints of the receipts by window number. */
  readonly receipts: ReadonlyMap<number, string>;
  /** Where the chain ends; null where that is gone, undefined where it is not known. */
  readonly end: Pick<ChainEnd, 'number' | 'hash' | 'position'> | null | undefined;
  /** True when the first window that is given need not be number 1. */
  readonly isPart?: boolean | undefined;
}

/** What of a window is kept until the chain is judged. */
interface Link {
  readonly number: number;
  readonly hash: string;
  readonly previousHash: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly uncounted: string | null;
  readonly problem: WindowProblem | null;
  readonly unbalanced: WindowProblem | null;
}

/** Recomputes a chain from windows that are added in order. Holds little of each. */
export class ChainCheck {
  readonly #evidence: ChainEvidence;
  readonly #links: Link[] = [];

  constructor(evidence: ChainEvidence) {
    this.#evidence = evidence;
  }

  add(stored: StoredWindow): void {
    const hash = windowHash(stored.content);
    const window = readWindow(stored.content);
    const odd = window === null ? null : unbalanced(window.counts);
    this.#links.push({
      number: stored.number,
      hash,
      previousHash: window?.previousHash ?? null,
      from: window?.from ?? null,
      to: window?.to ?? null,
      uncounted: window?.uncounted ?? null,
      problem: this.#ownProblem(stored, hash, window),
      unbalanced:
        odd === null
          ? null
          : {
              number: stored.number,
              kind: 'unbalanced',
              detail: `Of ${odd.table} ${odd.operation} it says ${String(odd.captured)} captured, and another number in all that became of them.`,
            },
    });
  }

  /** Numbers of windows about whose stretch nothing is known. */
  get uncounted(): readonly number[] {
    return this.#links.filter(({ uncounted }) => uncounted !== null).map(({ number }) => number);
  }

  get newest(): { readonly number: number; readonly hash: string } | null {
    const last = this.#links.at(-1);
    return last === undefined ? null : { number: last.number, hash: last.hash };
  }

  /** Everything that is wrong, in the order of the windows; of each window what weighs most. */
  problems(): readonly WindowProblem[] {
    const problems: WindowProblem[] = [];
    const altered = this.#links.map((_link, index) => this.#alteration(index));
    let expected = this.#evidence.isPart === true ? (this.#links[0]?.number ?? 1) : 1;
    for (const [index, link] of this.#links.entries()) {
      problems.push(...removed(expected, link.number - 1));
      const previous = link.number === expected ? this.#links[index - 1] : undefined;
      const isJoined = previous === undefined || link.from === previous.to;
      const own = altered[index] ?? link.unbalanced;
      if (own !== null) problems.push(own);
      else if (!isJoined && altered[index - 1] === null) {
        const detail = 'It does not begin where the window before it ends.';
        problems.push({ number: link.number, kind: 'hole', detail });
      }
      expected = link.number + 1;
    }
    problems.push(...this.#endProblems(expected, altered.at(-1) === null));
    return problems.sort((one, other) => one.number - other.number);
  }

  #ownProblem(
    { hash: said, number, pipeline }: StoredWindow,
    hash: string,
    window: ReturnType<typeof readWindow>,
  ): WindowProblem | null {
    const receipt = this.#evidence.receipts.get(number);
    if (hash !== said) {
      return {
        number,
        kind: 'altered',
        detail: 'Its content does not have the hash that stands beside it.',
      };
    }
    if (window === null) return { number, kind: 'altered', detail: 'Its content is no window.' };
    if (
      window.number !== number ||
      window.pipeline !== this.#evidence.pipeline ||
      pipeline !== this.#evidence.pipeline
    ) {
      return {
        number,
        kind: 'misplaced',
        detail: `It is window ${String(window.number)} of pipeline ${JSON.stringify(window.pipeline)}.`,
      };
    }
    if (receipt !== undefined && receipt !== hash) {
      return { number, kind: 'altered', detail: 'Its receipt shows another fingerprint.' };
    }
    return null;
  }

  /** What shows that a window is not what was closed; null where nothing does. */
  #alteration(index: number): WindowProblem | null {
    const link = this.#links[index];
    if (link === undefined || link.problem !== null) return link?.problem ?? null;
    const { number } = link;
    const { end, receipts } = this.#evidence;
    const altered = (detail: string): WindowProblem => ({ number, kind: 'altered', detail });
    const next = this.#neighbour(number + 1, index + 1);
    const previous = this.#neighbour(number - 1, index - 1);
    // What is altered itself is no witness; nor is anything against a receipt.
    if (!receipts.has(number)) {
      if (next?.problem === null && next.previousHash !== link.hash) {
        return altered('The window behind it names another hash.');
      }
      if (end?.number === number && end.hash !== link.hash) {
        return altered('The end of the chain names another hash.');
      }
    }
    const isFirst = number === 1 && link.previousHash !== null;
    const isProven = previous?.problem === null && receipts.has(previous.number);
    return isFirst || (isProven && link.previousHash !== previous.hash)
      ? altered('It does not name the hash of the window before it.')
      : null;
  }

  #neighbour(number: number, index: number): Link | undefined {
    const link = this.#links[index];
    return link?.number === number ? link : undefined;
  }

  #endProblems(expected: number, isLastIntact: boolean): readonly WindowProblem[] {
    const { end, isPart, receipts } = this.#evidence;
    const last = this.#links.at(-1);
    let newestReceipt = 0;
    if (isPart !== true) {
      for (const number of receipts.keys()) newestReceipt = Math.max(newestReceipt, number);
    }
    if (end === undefined) return removed(expected, newestReceipt);
    if (end === null) {
      const missing = removed(expected, newestReceipt);
      if (missing.length > 0 || last === undefined) return missing;
      return [
        {
          number: last.number,
          kind: 'end-missing',
          detail: 'Nothing says whether it is the last one.',
        },
      ];
    }
    const missing = removed(expected, Math.max(end.number, newestReceipt));
    if (missing.length > 0 || last === undefined || !isLastIntact) return missing;
    if (last.to === end.position) return [];
    const detail = 'The chain ends at another position than this window, its last one.';
    return [{ number: last.number, kind: 'end-moved', detail }];
  }
}

function removed(first: number, last: number): readonly WindowProblem[] {
  if (last < first) return [];
  const detail =
    first === last ? 'It is not there.' : `It is not there, nor are those up to ${String(last)}.`;
  return [{ number: first, kind: 'removed', detail }];
}
