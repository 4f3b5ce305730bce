import type { ReplicationSettings } from '../normalize-options.ts';

/** The open streams of each source of this process, to be told at once of what is written down for them. */
const LOOKS = new WeakMap<ReplicationSettings, Set<() => void>>();

/** Has `look` called whenever somebody nudges the source, until the result is called. */
export function onNudge(settings: ReplicationSettings, look: () => void): () => void {
  const looks = LOOKS.get(settings) ?? new Set();
  LOOKS.set(settings, looks);
  looks.add(look);
  return () => looks.delete(look);
}

export function nudge(settings: ReplicationSettings): void {
  for (const look of LOOKS.get(settings) ?? []) look();
}
