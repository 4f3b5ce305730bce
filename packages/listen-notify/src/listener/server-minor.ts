/** By major, the minor from which an error while notifications are read ends the connection instead of being passed over. */
const REPAIRED_IN: ReadonlyMap<number, number> = new Map([
  [14, 21],
  [15, 16],
  [16, 12],
  [17, 8],
  [18, 2],
]);

/**
 * What to say about a server that drops a notification in silence when it fails to read it (N-10), or null.
 *
 * @param versionNumber As in `server_version_num`: 180004.
 */
export function oldMinorWarning(
  versionNumber: number,
): { readonly code: string; readonly message: string } | null {
  const major = Math.floor(versionNumber / 10_000);
  const minor = versionNumber % 10_000;
  const repairedIn = REPAIRED_IN.get(major);
  if (major > 18 || (repairedIn !== undefined && minor >= repairedIn)) return null;
  const advice =
    repairedIn === undefined
      ? 'Upgrade to a major that is still maintained'
      : `Upgrade to ${major}.${repairedIn}`;
  return {
    code: 'LISTENER_MINOR',
    message: `PostgreSQL ${major}.${minor} may drop a notification in silence when it fails to read it. ${advice}; until then such a change is found only by looking at intervals.`,
  };
}
