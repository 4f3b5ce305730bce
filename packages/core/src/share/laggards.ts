import type { Position } from '../checkpoint/checkpoint.ts';
import type { ShareSettings } from './share-options.ts';
import type { EndMark } from './end-marks.ts';

/** What of the stream a consumer has not acknowledged. */
export interface ConsumerLag {
  readonly events: number;
  readonly bytes: number;
  /** Since when, milliseconds since 1970; null when there is nothing. */
  readonly sinceMs: number | null;
}

/** What lies behind the position that a consumer has acknowledged. */
export function lagBehind(
  marks: { behind(position: Position): Omit<EndMark, 'end'> },
  acknowledged: Position,
  earlierSinceMs: number | null,
): ConsumerLag {
  const { bytes, events, oldest } = marks.behind(acknowledged);
  const sinceMs = events === 0 ? null : (oldest?.readAtMs ?? null);
  if (sinceMs === null || earlierSinceMs === null) return { events, bytes, sinceMs };
  return { events, bytes, sinceMs: Math.min(sinceMs, earlierSinceMs) };
}

/**
 * Whether a lag is beyond the limits. Only ended transactions count: one that is still being read can be acknowledged
 * by reading on, so that pausing for it would be for ever.
 */
export function isBeyond(
  lag: ConsumerLag,
  limits: Pick<ShareSettings, 'maxLagBytes' | 'maxLagEvents' | 'maxLagMs'>,
  nowMs: number,
): boolean {
  const { maxLagBytes, maxLagEvents, maxLagMs } = limits;
  return (
    (maxLagBytes !== false && lag.bytes > maxLagBytes) ||
    (maxLagEvents !== false && lag.events > maxLagEvents) ||
    (maxLagMs !== false && lag.sinceMs !== null && nowMs - lag.sinceMs > maxLagMs)
  );
}
