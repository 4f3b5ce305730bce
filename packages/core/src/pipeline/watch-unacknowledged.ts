import type { RunContext } from './run-context.ts';

const LOOK_EVERY_MS = 5_000;
const WARN_EVERY_MS = 60_000;

/** Warns of what is received and not acknowledged, from the limits on, at most once a minute. */
export function watchUnacknowledged<Item, Row extends object>(
  context: RunContext<Item, Row>,
): () => void {
  const { conditions, emit, options, tracker } = context;
  const { warnUnacknowledgedAgeMs, warnUnacknowledgedEvents } = options.limits;
  const lookEveryMs = Math.min(LOOK_EVERY_MS, warnUnacknowledgedAgeMs || LOOK_EVERY_MS);
  let warnedAtMs = -Infinity;
  const look = (): void => {
    const nowMs = options.time.now();
    const events = tracker.unacknowledgedEvents;
    const ageMs = Math.max(nowMs - tracker.oldestAtMs, 0);
    const isMany = warnUnacknowledgedEvents !== false && events > warnUnacknowledgedEvents;
    const isOld = warnUnacknowledgedAgeMs !== false && ageMs > warnUnacknowledgedAgeMs;
    if ((isMany || isOld) && nowMs - warnedAtMs >= WARN_EVERY_MS) {
      warnedAtMs = nowMs;
      emit({
        type: 'unacknowledged-warned',
        events,
        bytes: tracker.unacknowledgedBytes,
        ageMs,
      });
    }
    conditions.check();
    cancel = options.time.setTimeout(look, lookEveryMs);
  };
  let cancel = options.time.setTimeout(look, lookEveryMs);
  return () => cancel();
}
