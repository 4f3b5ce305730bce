/** The emulator's clock: the real one, which a test can put forward. */
export interface EmulatorClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Puts the clock forward and does at once what has become due (batches, anchoring, forgotten keys). */
  advance(ms: number): void;
}

/** Makes a clock that calls `onAdvance` after each step forward. */
export function createEmulatorClock(onAdvance: () => void): EmulatorClock {
  let offsetMs = 0;
  return {
    now: () => Date.now() + offsetMs,
    advance: (ms) => {
      if (!Number.isFinite(ms) || ms < 0) {
        throw new RangeError(`Expected \`ms\` to be a non-negative finite number, got \`${ms}\``);
      }
      offsetMs += ms;
      onAdvance();
    },
  };
}
