import type { SourceEvent } from '@certyo-cdc/core';
import type { HintedStream, RowHint } from '@certyo-cdc/postgres';
import type { RawNotification } from '../listener/listening-session.ts';
import { Looks } from './looks.ts';
import { type PayloadKeys, readPayload, type RowMessage } from './payload-message.ts';
import { ReplayGuard } from './replay-guard.ts';
import { ToldTransactions } from './told-transactions.ts';

export interface HintFeederParts {
  readonly stream: HintedStream;
  readonly keys: () => PayloadKeys;
  /** Sends a notification to ourselves; everything that was sent before it arrives before it. Gives the server's clock. */
  readonly sendFence: (fence: number) => Promise<{ readonly serverMicros: number }>;
  /** The table's columns, when these are still they; else null. */
  readonly columns: (relation: number, digest: string) => Promise<RowHint['columns'] | null>;
  /** Asked for when a payload is not signed by our keys: they may have been made again. */
  readonly refreshKeys: () => void;
  readonly monotonicMs: () => number;
  readonly onEvent: (event: SourceEvent) => void;
  readonly signal: AbortSignal;
}

/** Ignored transactions after which a fence is sent for their sake alone. */
const MOST_IGNORED = 100;

/** A stream that never takes a hint is offered one of so many: an offer costs a fence, which is a NOTIFY of our own. */
const MOST_PASSED_OVER = 1_023;

/**
 * Turns notifications into hints and nudges for the catch-up stream.
 *
 * A row is offered once all of its transaction has been heard (the fence), and only while nothing is known that could come
 * before it: after a delete, a change of a key, a payload that is not ours or a lost connection, rows are not offered until the
 * stream has caught up with everything from before.
 */
export class HintFeeder {
  readonly #parts: HintFeederParts;
  readonly #looks: Looks;
  readonly #told = new ToldTransactions();
  readonly #replays = new ReplayGuard();
  /** Number of the next fence. */
  #fence = 1;
  #isFenceOut = false;
  #isCatchingUp = false;
  /** Another reason has come up since the catching up began. */
  #catchUpAgain = false;
  #isBehind = false;
  #isWarned = false;
  /** Row versions that are not offered but only nudged for, because the stream has declined so many. */
  #passOver = 0;
  #declined = 0;
  #offering: Promise<void> = Promise.resolve();

  constructor(parts: HintFeederParts) {
    this.#parts = parts;
    this.#looks = new Looks(() => parts.stream.nudge());
  }

  /** Nothing is offered before the stream has caught up for the first time. */
  start(): void {
    this.somethingElse();
    // For the clock.
    this.#sendFence();
  }

  heard(notification: RawNotification): void {
    const message = readPayload(notification.payload, this.#parts.keys());
    // A signed payload that another process sends is a copy.
    if (message === null || message.processId !== notification.processId) {
      this.#untrusted(notification.payload);
      return;
    }
    if (message.kind === 'void') {
      this.#drop(message.transaction);
      this.somethingElse();
      return;
    }
    if (message.kind === 'row') {
      const { mac, writtenAtMicros } = message;
      if (!this.#replays.isNew(mac, writtenAtMicros, this.#parts.monotonicMs())) {
        this.#drop(message.transaction);
        this.#looks.now();
        return;
      }
    }
    if (this.#isBehind || this.#passOver > 0) {
      if (this.#passOver > 0) this.#passOver -= 1;
      this.#drop(message.transaction);
      this.#looks.now();
      if (this.#isBehind && !this.#isCatchingUp) this.#catchUp();
      return;
    }
    if (!this.#told.add(message, this.#fence) || message.kind === 'large') {
      this.#looks.now();
    }
    this.#sendFence();
  }

  /** Something may have happened that no hint tells of: look, and offer nothing until the stream has caught up with it. */
  somethingElse(): void {
    this.#isBehind = true;
    this.#looks.now();
    if (!this.#isCatchingUp) this.#catchUp();
    else this.#catchUpAgain = true;
  }

  /** The connection is lost, or is back: what was told is not complete. */
  missed(): void {
    this.#isFenceOut = false;
    this.#fence += 1;
    this.#told.dropAll(this.#fence);
    this.somethingElse();
    this.#sendFence();
  }

  /** A fence of ours has come back. */
  fenceArrived(fence: number): void {
    if (!this.#isFenceOut || fence !== this.#fence - 1) return;
    this.#isFenceOut = false;
    const rows = this.#told.settled(fence);
    if (rows.length > 0) {
      this.#offering = this.#offering.then(() => this.#offer(rows)).catch(() => undefined);
    }
    if (!this.#told.isEmpty) this.#sendFence();
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#looks.close();
    await this.#offering;
  }

  /** What the transaction still tells is ignored too, until a fence shows that it has told all. */
  #drop(transaction: string): void {
    this.#told.drop(transaction, this.#fence);
    if (this.#told.ignored > MOST_IGNORED) this.#sendFence();
  }

  #catchUp(): void {
    const { signal, stream } = this.#parts;
    this.#isCatchingUp = true;
    this.#catchUpAgain = false;
    stream.caughtUp({ signal }).then(
      () => {
        this.#isCatchingUp = false;
        if (this.#catchUpAgain) this.#catchUp();
        else this.#isBehind = false;
      },
      // The stream has ended, or fails by itself.
      () => {
        this.#isCatchingUp = false;
      },
    );
  }

  #untrusted(payload: string): void {
    const { onEvent, refreshKeys } = this.#parts;
    // Anything may be behind it, so what is under way is not trusted either. The empty one is our trigger's own last resort.
    this.#told.dropAll(this.#fence);
    this.somethingElse();
    if (payload === '') return;
    refreshKeys();
    if (this.#isWarned) return;
    this.#isWarned = true;
    onEvent({
      type: 'source-warned',
      code: 'PAYLOAD_UNTRUSTED',
      message:
        'A notification came that our triggers have not signed, or that was sent again. It is taken for a doorbell only; any role can send one.',
    });
  }

  #sendFence(): void {
    if (this.#isFenceOut || this.#parts.signal.aborted) return;
    this.#isFenceOut = true;
    const fence = this.#fence;
    this.#fence += 1;
    this.#parts.sendFence(fence).then(
      ({ serverMicros }) => this.#replays.synchronise(serverMicros, this.#parts.monotonicMs()),
      // The connection is lost; its loss is told by itself.
      () => undefined,
    );
  }

  async #offer(rows: readonly RowMessage[]): Promise<void> {
    const { columns, signal, stream } = this.#parts;
    for (const { columns: digest, relation, row } of rows) {
      if (signal.aborted) return;
      const known = await columns(relation, digest);
      if (known === null) this.#looks.now();
      else if (stream.offer({ relation, columns: known, row })) this.#declined = 0;
      else {
        this.#declined = Math.min(this.#declined * 2 + 1, MOST_PASSED_OVER);
        this.#passOver = this.#declined;
        this.#looks.now();
      }
    }
  }
}
