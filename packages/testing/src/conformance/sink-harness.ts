import type { Sink } from '@certyo-cdc/core';

/** A sink over a place that can be looked into and made to fail. */
export interface SinkFixture<Item> extends AsyncDisposable {
  readonly sink: Sink<Item>;
  /** How many different effects the other side has. */
  effects(): Promise<number>;
  /** The next request takes effect, but its answer is lost. */
  loseNextAnswer(): Promise<void>;
  /** From now on, until the result is called, requests fail without effect. */
  goDown(): Promise<() => Promise<void>>;
}

/** What `describeSink` runs against. */
export interface SinkHarness<Item> {
  create(): Promise<SinkFixture<Item>>;
}
