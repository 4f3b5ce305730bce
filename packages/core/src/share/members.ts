import type { Position } from '../checkpoint/checkpoint.ts';
import type { SourceEvent } from '../source/source-event.ts';
import type { ConsumerLedger } from './consumer-ledger.ts';
import type { Generation } from './generation.ts';
import type { Member } from './member.ts';

type Compare = (a: Position, b: Position) => number;

/** The consumers that are open, and what counts of every declared one's acknowledgement. */
export class Members<Row extends object> implements Iterable<Member<Row>> {
  readonly #ledger: ConsumerLedger;
  readonly #members: Map<string, Member<Row>> = new Map();

  constructor(ledger: ConsumerLedger) {
    this.#ledger = ledger;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  [Symbol.iterator](): Iterator<Member<Row>> {
    return this.#members.values();
  }

  add(member: Member<Row>): void {
    this.#members.set(member.name, member);
  }

  has(member: Member<Row>): boolean {
    return this.#members.get(member.name) === member;
  }

  named(name: string): Member<Row> | null {
    return this.#members.get(name) ?? null;
  }

  delete(member: Member<Row>): void {
    if (this.has(member)) this.#members.delete(member.name);
  }

  emit(event: SourceEvent): void {
    for (const member of this) member.onEvent(event);
  }

  /** Those that have their place in the stream. */
  get placed(): readonly Member<Row>[] {
    return [...this].filter((member) => member.hasPlace);
  }

  /** True while declared consumers are not here. */
  get areAwaited(): boolean {
    return this.#ledger.names.some((name) => !this.#members.has(name));
  }

  /** The first batch that one of them has still to take. */
  lowestCursor(next: number): number {
    let lowest = next;
    for (const { cursor } of this) {
      if (cursor !== null && cursor < lowest) lowest = cursor;
    }
    return lowest;
  }

  /** Those that have something to take, the furthest behind first. */
  behind(next: number): readonly Member<Row>[] {
    return [...this]
      .filter((member) => member.cursor !== null && member.cursor < next)
      .toSorted((a, b) => (a.cursor ?? 0) - (b.cursor ?? 0));
  }

  /** What a consumer has acknowledged, at least where the stream began. */
  standing(name: string, { sharing }: Generation<Row>): Position {
    return this.#ledger.of(name) ?? sharing.begin;
  }

  /** How far the source may be told that a consumer is safe; null for one of which nothing is known. */
  safe(name: string, compare: Compare): Position | null {
    const acknowledged = this.#ledger.of(name);
    const member = this.named(name);
    return member === null ? acknowledged : member.standing(acknowledged, compare);
  }

  /** How far it may be told that all are safe. */
  allSafe(compare: Compare): Position | null {
    return this.#ledger.lowest(compare, (name) => this.safe(name, compare));
  }

  /** Ends before this one are of no use to any open consumer; null while that is not known. */
  oldestUse(generation: Generation<Row>): Position | null {
    const { begin, compare } = generation.sharing;
    let lowest: Position | null = null;
    for (const member of this) {
      if (!member.hasPlace) return null;
      const end = this.safe(member.name, compare) ?? begin;
      if (lowest === null || compare(end, lowest) < 0) lowest = end;
    }
    return lowest;
  }
}
