import type { Position } from '../checkpoint/checkpoint.ts';
import type { ConsumerLedger } from './consumer-ledger.ts';
import type { EndMark } from './end-marks.ts';
import type { Generation } from './generation.ts';
import type { Member } from './member.ts';
import type { Members } from './members.ts';
import type { ShareSettings } from './share-options.ts';

/** What of the stream a consumer has not acknowledged. */
export interface ConsumerLag {
  readonly events: number;
  readonly bytes: number;
  /** Since when, milliseconds since 1970; null when there is nothing. */
  readonly sinceMs: number | null;
  /** When the oldest of it was committed, milliseconds since 1970; null when there is nothing. */
  readonly committedAtMs: number | null;
}

export const NO_LAG: ConsumerLag = { events: 0, bytes: 0, sinceMs: null, committedAtMs: null };

/** What lies behind the position that a consumer has acknowledged. */
export function lagBehind(
  marks: { behind(position: Position): Omit<EndMark, 'end'> },
  acknowledged: Position,
  earlierSinceMs: number | null,
): ConsumerLag {
  const { bytes, events, oldest } = marks.behind(acknowledged);
  const committedAtMs = oldest?.committedAtMs ?? null;
  const readAtMs = events === 0 ? null : (oldest?.readAtMs ?? null);
  const sinceMs =
    readAtMs === null || earlierSinceMs === null ? readAtMs : Math.min(readAtMs, earlierSinceMs);
  return { events, bytes, sinceMs, committedAtMs };
}

/** What an open consumer has not acknowledged. */
export function lagOfMember<Row extends object>(
  member: Member<Row>,
  members: Members<Row>,
  generation: Generation<Row>,
): ConsumerLag {
  const acknowledged = members.standing(member.name, generation);
  return lagBehind(generation.marks, acknowledged, member.laggingSinceMs);
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

/** The declared consumers that lag beyond the limits while another one is further. */
export function laggards<Row extends object>(
  generation: Generation<Row>,
  ledger: ConsumerLedger,
  members: Members<Row>,
  settings: ShareSettings,
): readonly string[] {
  const { compare } = generation.sharing;
  const furthest = ledger.furthest(compare);
  if (furthest === null) return [];
  const nowMs = settings.time.now();
  return ledger.names.filter((name) => {
    if (ledger.detachedAt(name) !== null) return false;
    const at = members.standing(name, generation);
    if (compare(at, furthest) >= 0) return false;
    const sinceMs = members.named(name)?.laggingSinceMs ?? null;
    return isBeyond(lagBehind(generation.marks, at, sinceMs), settings, nowMs);
  });
}
