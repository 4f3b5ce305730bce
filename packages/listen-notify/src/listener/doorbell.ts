import { PipelineStateError, type SourceEvent } from '@certyo-cdc/core';
import { abortable, SYSTEM_TIME } from '@certyo-cdc/core/internal';
import type { ResolvedConnection } from '@certyo-cdc/postgres';
import { BellLock, type BellLockKey } from './bell-lock.ts';
import { Listener } from './listener.ts';
import type { ListenerSettings } from './listener-options.ts';

/**
 * Why to look: `rung` a notification came; `missed` the listening connection was lost or is back, and what was rung in
 * between is unknown; `timeout` nothing was heard.
 */
export type Ring = 'rung' | 'missed' | 'timeout';

/** How `openDoorbell` listens. */
export interface DoorbellOptions {
  readonly connection: ResolvedConnection;
  readonly channel: string;
  /** The advisory lock by which writers see that somebody waits for the bell; null when they ring always. */
  readonly lock: BellLockKey | null;
  readonly settings: ListenerSettings;
  /** Ends the opening; afterwards the doorbell lives until it is disposed of. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: SourceEvent) => void;
}

/**
 * A bell that says "look", and never what there is to see.
 *
 * The order that misses nothing: `arm`, then look, then `ring` if there was nothing. Rings are kept: one that comes while
 * nobody waits makes the next `ring` resolve at once.
 */
export interface Doorbell extends AsyncDisposable {
  /**
   * Takes the lock on the listening connection; what is written from then on rings. Rings from before are forgotten: look
   * afterwards. To be called only by the one reader that may read: whoever else holds the lock counts as a dead
   * predecessor, whose connection is ended.
   *
   * @returns True once the bell is armed; false when it cannot be armed now (no connection, or the lock was not granted in
   * time): look again soon instead of waiting for a ring.
   */
  arm(options: { readonly signal: AbortSignal }): Promise<boolean>;
  /**
   * Resolves at the next ring, or when the time is over.
   *
   * Rejects with `signal.reason`; with a `CdcError` when the connection cannot be made again and waiting does not help (the
   * login is refused).
   */
  ring(options: {
    readonly timeoutMs: number | false;
    readonly signal: AbortSignal;
  }): Promise<Ring>;
  /** Lets the lock go: writers need not ring while the reader is awake. Never fails for a connection that is lost. */
  disarm(options: { readonly signal: AbortSignal }): Promise<void>;
}

/**
 * Connects, listens and tries out that notifications arrive.
 *
 * Rejects with `SourceConnectionError`, with `SourceSetupError` when notifications cannot arrive (a pooler in between, a
 * standby), or with `signal.reason`.
 */
export async function openDoorbell(options: DoorbellOptions): Promise<Doorbell> {
  const bell = new ListeningDoorbell(options);
  await bell.open(options.signal);
  return bell;
}

class ListeningDoorbell implements Doorbell {
  readonly #listener: Listener;
  readonly #lock: BellLock | null;
  #rung: Exclude<Ring, 'timeout'> | null = null;
  #failure: unknown = null;
  readonly #waiting = new Set<() => void>();

  constructor(options: DoorbellOptions) {
    const { channel, connection, lock, onEvent, settings } = options;
    this.#listener = new Listener({
      connection,
      channels: [channel],
      settings,
      onEvent,
      onNotification: () => this.#ring('rung'),
      onLost: () => this.#ring('missed'),
      onBack: () => this.#ring('missed'),
      onFailed: (error) => {
        this.#failure = error;
        this.#wake();
      },
    });
    this.#lock = lock === null ? null : new BellLock(lock, onEvent);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#listener.open(signal);
  }

  async arm({ signal }: { readonly signal: AbortSignal }): Promise<boolean> {
    signal.throwIfAborted();
    this.#rung = null;
    const { session } = this.#listener;
    if (session === null) return false;
    return (await this.#lock?.take(session, signal)) ?? true;
  }

  async ring(options: {
    readonly timeoutMs: number | false;
    readonly signal: AbortSignal;
  }): Promise<Ring> {
    const { signal, timeoutMs } = options;
    signal.throwIfAborted();
    if (!this.#hasNews()) await this.#news(timeoutMs, signal);
    if (this.#failure !== null) throw this.#failure;
    const rung = this.#rung;
    this.#rung = null;
    return rung ?? 'timeout';
  }

  async disarm({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    await this.#lock?.release(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure ??= new PipelineStateError('The doorbell is closed.');
    this.#wake();
    await this.#listener.close();
  }

  #hasNews(): boolean {
    return this.#rung !== null || this.#failure !== null;
  }

  #ring(rung: Exclude<Ring, 'timeout'>): void {
    // A loss is not covered up by a notification that comes after it.
    this.#rung = this.#rung === 'missed' ? 'missed' : rung;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async #news(timeoutMs: number | false, signal: AbortSignal): Promise<void> {
    let wake = (): void => undefined;
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#waiting.add(wake);
    const cancel = timeoutMs === false ? undefined : SYSTEM_TIME.setTimeout(wake, timeoutMs);
    try {
      await abortable(woken, signal);
    } finally {
      cancel?.();
      this.#waiting.delete(wake);
    }
  }
}
