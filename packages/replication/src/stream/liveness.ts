/** When a replication connection sends status updates and when it counts as dead. Milliseconds. */
export interface LivenessTimings {
  /** Between two status updates. */
  readonly statusIntervalMs: number;
  /** Silence after which the connection is given up, or null for never. */
  readonly deadAfterMs: number | null;
}

/**
 * Decides the timings.
 *
 * The server ends a connection that sends nothing for `wal_sender_timeout`, so a status goes out after a third of it,
 * whatever the sink does. It is sent unasked, because with `wal_sender_timeout = 0` the server never asks.
 * Every status after a silence asks for an answer, so that a half-open connection shows as silence.
 *
 * @param walSenderTimeoutMs The server's setting; 0 when it is off.
 */
export function livenessTimings(
  walSenderTimeoutMs: number,
  options: {
    readonly statusIntervalMs?: number | undefined;
    readonly deadAfterMs?: number | false | undefined;
  } = {},
): LivenessTimings {
  const third =
    Number.isFinite(walSenderTimeoutMs) && walSenderTimeoutMs > 0
      ? Math.max(50, Math.floor(walSenderTimeoutMs / 3))
      : Number.POSITIVE_INFINITY;
  const statusIntervalMs = Math.min(options.statusIntervalMs ?? 5_000, third);
  if (options.deadAfterMs === false) return { statusIntervalMs, deadAfterMs: null };
  return {
    statusIntervalMs,
    deadAfterMs: Math.max(options.deadAfterMs ?? 15_000, 2 * statusIntervalMs),
  };
}

/**
 * True when a connection has been silent for too long.
 *
 * A socket that we have paused ourselves hears nothing and is not judged. `strikes` is the number of times in a row
 * that a connection was given up without any progress: a server that decodes for minutes without sending must not be
 * disconnected for ever, so each strike doubles the patience (up to 64 times).
 */
export function isDead(
  timings: LivenessTimings,
  state: {
    readonly nowMs: number;
    readonly lastReceivedAtMs: number;
    readonly isPaused: boolean;
    readonly strikes: number;
  },
): boolean {
  if (timings.deadAfterMs === null || state.isPaused) return false;
  const patience = timings.deadAfterMs * 2 ** Math.min(state.strikes, 6);
  return state.nowMs - state.lastReceivedAtMs > patience;
}

/** Keepalives in a second, without progress, that only a server which wants to shut down sends. */
const STORM_PER_SECOND = 100;

/** Counts keepalives that bring no progress; `true` from `saw` means that the server waits for us to go. */
export class KeepaliveStorm {
  #windowStartedAtMs = 0;
  #count = 0;
  #walEnd = -1n;

  saw(walEnd: bigint, nowMs: number): boolean {
    if (walEnd !== this.#walEnd || nowMs - this.#windowStartedAtMs > 1_000) {
      this.#walEnd = walEnd;
      this.#windowStartedAtMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count > STORM_PER_SECOND;
  }
}
