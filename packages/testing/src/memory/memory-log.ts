import type { ChangeEvent, Position } from '@certyo-cdc/core';

/** The transactions of a memory source, numbered from 1, and how far they are acknowledged. */
export class MemoryLog {
  acknowledged = 0;
  pulls = 0;
  readonly #transactions: (readonly ChangeEvent[])[] = [];
  readonly #listeners: Set<() => void> = new Set();
  #isFinished = false;

  get last(): number {
    return this.#transactions.length;
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  get events(): readonly ChangeEvent[] {
    return this.#transactions.flat();
  }

  transaction(number: number): readonly ChangeEvent[] {
    return this.#transactions[number - 1] ?? [];
  }

  /** The events of every transaction after one. */
  after(number: number): readonly ChangeEvent[] {
    return this.#transactions.slice(number).flat();
  }

  eventsUpTo(number: number): number {
    return this.#transactions.slice(0, number).reduce((sum, events) => sum + events.length, 0);
  }

  append(events: readonly ChangeEvent[]): void {
    this.#transactions.push(events);
    this.#announce();
  }

  finish(): void {
    this.#isFinished = true;
    this.#announce();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  position(number: number): Position {
    return String(number).padStart(10, '0') as Position;
  }

  number(position: Position): number {
    return Number(position);
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }
}
