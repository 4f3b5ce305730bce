/** A defect of the server that can lose or falsify what is captured, and the minor versions from which on it is gone. */
export interface ServerDefect {
  /** Stable, for tests and docs. */
  readonly code: string;
  readonly what: string;
  /** By major. A newer major never had it. */
  readonly fixedIn: Readonly<Record<number, number>>;
}

/** https://www.postgresql.org/docs/release/ */
export const SERVER_DEFECTS: readonly ServerDefect[] = [
  {
    code: 'PUBLICATION_ALTERED_MEANWHILE',
    what: 'ALTER PUBLICATION while a transaction is running that writes to the table: that transaction and later ones can be missing without a word. Alter publications only while nothing writes.',
    fixedIn: { 13: 21, 14: 18, 15: 13, 16: 9, 17: 5 },
  },
  {
    code: 'INVALIDATIONS_MEMORY',
    what: 'Many transactions that change tables or publications at the same time: the walsender can run out of memory, and the stream stops.',
    fixedIn: { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 },
  },
  {
    code: 'ABORTED_SUBTRANSACTION_DDL',
    what: 'A change of a table in a subtransaction that is rolled back: rows that follow in the same transaction can be decoded wrongly.',
    fixedIn: { 14: 25, 15: 20, 16: 16, 17: 12, 18: 6 },
  },
  {
    code: 'SLOT_SNAPSHOT_RACE',
    what: 'A commit in the moment in which a slot is made: the exported snapshot of a first copy can miss it, or show it twice. Make the slot while little is written.',
    fixedIn: { 14: 25, 15: 20, 16: 16, 17: 12, 18: 6 },
  },
];

/** The defects that a server of this version still has; `versionNumber` as in `server_version_num`. */
export function serverDefects(versionNumber: number): readonly ServerDefect[] {
  const major = Math.floor(versionNumber / 10_000);
  const minor = versionNumber % 10_000;
  return SERVER_DEFECTS.filter(({ fixedIn }) => {
    const majors = Object.keys(fixedIn).map(Number);
    if (major > Math.max(...majors)) return false;
    // Majors that were no longer maintained when it was fixed have it still.
    const fixed = fixedIn[major];
    return fixed === undefined || minor < fixed;
  });
}

/** One warning for all of them, or none. */
export function minorVersionWarnings(server: {
  readonly versionNumber: number;
  readonly version: string;
}): readonly { readonly code: string; readonly message: string }[] {
  const defects = serverDefects(server.versionNumber);
  if (defects.length === 0) return [];
  const major = Math.floor(server.versionNumber / 10_000);
  const minors = defects.map(({ fixedIn }) => fixedIn[major] ?? null);
  const isMaintained = !minors.includes(null);
  const newest = Math.max(...minors.map((minor) => minor ?? 0));
  return [
    {
      code: 'SERVER_DEFECTS',
      message: `PostgreSQL ${server.version} has defects of logical decoding that ${isMaintained ? `${major}.${newest} has not` : 'newer majors do not have'} (${defects.map(({ code }) => code).join(', ')}; see docs/server-versions.md). Upgrade the server.`,
    },
  ];
}
