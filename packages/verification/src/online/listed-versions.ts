import type { RecordName } from '@certyo-cdc/core';

import { defaultAnchoringCodec } from '../verifier/anchoring-codec.ts';
import type { Questions } from './questions.ts';

/** A version of a record that Certyo has. */
export interface ListedVersion {
  readonly recordVersion: string;
  /** The hashes of what was accepted under this version: more than one where its content was not the same each time. */
  readonly hashes: ReadonlySet<string>;
  /** When the first of them was accepted, milliseconds since 1970; null where the answer does not say. */
  readonly acceptedMs: number | null;
}

interface Seen {
  readonly hashes: Set<string>;
  acceptedMs: number | null;
}

const LIMIT = 1000;

/**
 * Asks Certyo which versions it has of a record. What is listed is there; what is not need not be missing, for how its lists are
 * continued is not public. Null where its answer does not name versions.
 */
export async function listedVersions(
  questions: Questions,
  record: RecordName,
  options: { readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, ListedVersion> | null> {
  const { collection, database, recordId } = record;
  const found = new Map<string, Seen>();
  const cursors = new Set<string>();
  for (let cursor: string | null = null; ;) {
    const query = {
      database,
      collection,
      recordId,
      limit: LIMIT,
      ...(cursor === null ? {} : { cursor }),
    };
    const page = await questions.snapshots(query, options);
    if (page === null) return null;
    for (const { ingestedAt, raw } of page.items) {
      const seen = defaultAnchoringCodec.snapshot(raw);
      // A filter that is not known is passed over: then everything of the tenant is listed.
      if (seen?.recordId !== recordId) return null;
      const isOther =
        (seen.database ?? database) !== database || (seen.collection ?? collection) !== collection;
      if (isOther) continue;
      if (seen.recordVersion === null) return null;
      const version = found.get(seen.recordVersion) ?? { hashes: new Set(), acceptedMs: null };
      found.set(seen.recordVersion, version);
      if (seen.recordHash !== null) version.hashes.add(seen.recordHash);
      const acceptedMs = ingestedAt === null ? Number.NaN : Date.parse(ingestedAt);
      if (!(acceptedMs >= (version.acceptedMs ?? Infinity)) && !Number.isNaN(acceptedMs)) {
        version.acceptedMs = acceptedMs;
      }
    }
    cursor = defaultAnchoringCodec.nextCursor(page.raw);
    if (cursor === null || cursors.has(cursor)) break;
    cursors.add(cursor);
  }
  return new Map(
    [...found].map(([recordVersion, version]) => [recordVersion, { recordVersion, ...version }]),
  );
}
