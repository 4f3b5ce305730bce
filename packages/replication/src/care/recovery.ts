import { createHash } from 'node:crypto';
import {
  type AcceptedGap,
  type Checkpoint,
  type GapCode,
  GapError,
  type JsonValue,
} from '@certyo-cdc/core';
import { createAcceptedGap, type SqlExecutor, versionText } from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import { formatLsn, type Lsn, parseLsn, sortableLsn } from '../protocol/lsn.ts';
import { createSlotSql, dropSlotSql, runStatements } from '../setup/setup.ts';
import { publicationFingerprint } from '../setup/publication-watch.ts';
import { readSlot } from '../setup/slot.ts';
import { lsnFromPosition, positionFromLsn, readFromOf } from '../stream/source-position.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { walFlushedTo } from '../stream/wal-end.ts';
import { copyStateFromJson, copyStateToJson } from '../copy/copy-jobs.ts';
import { copyBehind } from './copy-behind.ts';
import type { Recover } from './recover.ts';

/** A gap that is being gone on behind. */
export interface Recovery extends Recover {
  readonly code: GapCode;
  /** The checkpoint that could not be gone on from. */
  readonly stored: Checkpoint;
  /** The server still has the history that the checkpoint belongs to: on the same timeline, or right from the checkpoint on. */
  readonly isSameHistory: boolean;
}

/** The newest gap that was gone on behind, as checkpoints keep it. */
export interface PassedGap {
  readonly gap: string;
  /** How many there have been. */
  readonly count: number;
}

/** Reads what a checkpoint holds of it. */
export function passedGap({ state }: Pick<Checkpoint, 'state'>): PassedGap | null {
  return (state as { readonly passedGap?: PassedGap } | null)?.passedGap ?? null;
}

/**
 * Names the hole behind a checkpoint. It stays the same however often the start is tried, and no other gap of the same
 * pipeline ever has it: a decision that is left in the options cannot accept a later gap.
 */
export function gapFingerprint(checkpoint: Omit<Checkpoint, 'kind'>, slot: string): string {
  const { epoch, identity, position } = checkpoint;
  const passed = passedGap(checkpoint);
  const named = [
    identity['systemIdentifier'] ?? null,
    identity['timeline'] ?? null,
    slot,
    sortableLsn(lsnFromPosition(position)),
    epoch,
    ...(passed === null ? [] : [passed.gap]),
  ];
  return createHash('sha256').update(JSON.stringify(named)).digest('hex').slice(0, 16);
}

/** The same gap, saying how to go on behind it. */
export function withWaysOut(gap: GapError, fingerprint: string): GapError {
  if (gap.fingerprint !== null) return gap;
  const message = gap.remedy === null ? gap.message : gap.message.slice(0, -gap.remedy.length - 1);
  const choice = `To go on without what is missing, and have that recorded as an event, set the option recover: { gap: '${fingerprint}', by: 'accept' }; with by: 'copy' the rows of the tables are handed over again as well.`;
  return new GapError(gap.code, message, {
    cause: gap.cause,
    remedy: gap.remedy === null ? choice : `${gap.remedy} ${choice}`,
    fingerprint,
  });
}

/**
 * The checkpoint to go on from behind a gap.
 *
 * Where the history is the same the epoch stays: later changes have greater positions than what the lost stretch may have
 * held, and one that comes again has the version that it had (I4). Behind a restore, or further on on another timeline, it is
 * the next.
 *
 * Behind a publication that was altered reading goes on where it stopped, since what was published is still there; behind
 * one that was away, before PostgreSQL 18, at the end of the log. Where the slot begins later, it begins there; a slot that is gone or lost is made again. A gap that only shows in the stream
 * is passed by at the end of the log.
 *
 * @param error What the start failed with, or null when it did not.
 */
export async function checkpointBehind(
  error: GapError | null,
  stored: Checkpoint,
  settings: ReplicationSettings,
  session: SqlExecutor,
  recover: { readonly choice: Recover; readonly signal: AbortSignal },
): Promise<{ readonly after: Checkpoint; readonly recovery: Recovery }> {
  const { choice, signal } = recover;
  const query: TextQuery = async (sql, params = []) =>
    (await session.query(sql, params, { signal })).rows;
  const server = (await query(SERVER_SQL))[0];
  const systemIdentifier = server?.['system_identifier'] ?? '';
  const timeline = Number(server?.['timeline'] ?? 0);
  const isSameServer =
    stored.identity['systemIdentifier'] === systemIdentifier &&
    stored.identity['database'] === settings.connection.database;
  const hasPosition =
    isSameServer &&
    error?.code !== 'GAP_TIMELINE' &&
    lsnFromPosition(stored.position) <= (await walFlushedTo(query, { signal }));
  const begin = await beginBehind(
    error,
    { stored, hasPosition, gap: choice.gap },
    settings,
    session,
    query,
    signal,
  );
  // Where it goes on at the very position, the start behind the gap judges whether this timeline holds that.
  const isSameHistory =
    hasPosition &&
    (stored.identity['timeline'] === timeline || begin === lsnFromPosition(stored.position));
  const state = stored.state as { readonly [key: string]: JsonValue } | null;
  const readFrom = error === null ? null : await stillReadFrom(error, stored, settings, query);
  const passed: PassedGap = { gap: choice.gap, count: (passedGap(stored)?.count ?? 0) + 1 };
  const copy = copyStateToJson(copyBehind(copyStateFromJson(state?.['copy']), isSameHistory));
  const after = {
    ...stored,
    identity: {
      ...stored.identity,
      systemIdentifier,
      timeline: isSameHistory ? (stored.identity['timeline'] ?? timeline) : timeline,
    },
    position: positionFromLsn(begin),
    epoch: isSameHistory ? stored.epoch : stored.epoch + 1,
    // The tables' own state only means something to the database that it came from; the publication's is what was lost.
    state: {
      ...(isSameServer && state?.['types'] !== undefined ? { types: state['types'] } : {}),
      ...(isSameServer && state?.['relations'] !== undefined
        ? { relations: state['relations'] }
        : {}),
      ...(isSameServer && readFrom !== null ? { readFrom: positionFromLsn(readFrom) } : {}),
      ...(copy === null ? {} : { copy }),
      passedGap: { ...passed },
    },
  };
  return { after, recovery: { ...choice, code: recordedCode(error), stored, isSameHistory } };
}

/**
 * The code that the record of the hole bears: the same at every start until it is saved (I4). A slot that was gone is there
 * from the first of them on, and begins behind the checkpoint.
 */
function recordedCode(error: GapError | null): GapCode {
  const code = error?.code ?? 'GAP_IN_STREAM';
  return code === 'GAP_SLOT_MISSING' || code === 'GAP_SLOT_LOST' ? 'GAP_SLOT_AHEAD' : code;
}

async function beginBehind(
  error: GapError | null,
  from: { readonly stored: Checkpoint; readonly hasPosition: boolean; readonly gap: string },
  settings: ReplicationSettings,
  session: SqlExecutor,
  query: TextQuery,
  signal: AbortSignal,
): Promise<Lsn> {
  if (error === null) return await endOfLog(settings, from.gap, query, signal);
  const slot = await readSlot(query, settings.slot);
  const isLost = slot !== null && (slot.walStatus === 'lost' || slot.invalidation !== null);
  if (slot === null || isLost) {
    const statements = [...(isLost ? [dropSlotSql(settings.slot)] : []), createSlotSql(settings)];
    await runStatements(session, statements, { signal });
    return (await readSlot(query, settings.slot))?.confirmedFlush ?? 0n;
  }
  const { hasPosition, stored } = from;
  if (error.code === 'GAP_PUBLICATION' && (await isUnreadable(stored, settings, query))) {
    return await endOfLog(settings, from.gap, query, signal);
  }
  const position = lsnFromPosition(stored.position);
  const confirmed = slot.confirmedFlush ?? position;
  // With twoPhase the slot may stand before the checkpoint and yet behind what is needed to go on from it.
  return hasPosition && confirmed < position ? position : confirmed;
}

/** Where a source of this process went on at the end of the log behind a gap. */
const ENDS = new WeakMap<ReplicationSettings, ReadonlyMap<string, Lsn>>();

/**
 * The end of the log as it was when the gap was first gone on behind: a shared source is opened again for a consumer that is
 * late, and the others have gone on from there.
 */
async function endOfLog(
  settings: ReplicationSettings,
  gap: string,
  query: TextQuery,
  signal: AbortSignal,
): Promise<Lsn> {
  const known = ENDS.get(settings)?.get(gap);
  if (known !== undefined) return known;
  const end = await walFlushedTo(query, { settle: true, signal });
  ENDS.set(settings, new Map([[gap, end]]));
  return end;
}

/** Where what was prepared before the hole, and may be committed behind it, can still be read from; else null. */
async function stillReadFrom(
  error: GapError,
  stored: Checkpoint,
  settings: ReplicationSettings,
  query: TextQuery,
): Promise<Lsn | null> {
  const state = stored.state as { readonly [key: string]: JsonValue } | null;
  const readFrom = readFromOf(state?.['readFrom']);
  if (readFrom === null) return null;
  const confirmed = (await readSlot(query, settings.slot))?.confirmedFlush ?? null;
  if (confirmed === null || confirmed > readFrom) return null;
  const isLost = error.code === 'GAP_PUBLICATION' && (await isUnreadable(stored, settings, query));
  return isLost ? null : readFrom;
}

// The oid tells a publication that was made again from one that was altered.
const PUBLICATION_SQL = `
  SELECT p.oid::text AS oid, pg_catalog.current_setting('server_version_num') AS version
    FROM (VALUES ($1)) AS w(name) LEFT JOIN pg_catalog.pg_publication p ON p.pubname = w.name`;

/**
 * What was written while there was no publication cannot be read: before PostgreSQL 18 the server fails there, each time.
 * Only behind it can be gone on.
 */
async function isUnreadable(
  stored: Checkpoint,
  settings: ReplicationSettings,
  query: TextQuery,
): Promise<boolean> {
  const now = (await query(PUBLICATION_SQL, [settings.publication]))[0];
  if (Number(now?.['version'] ?? '0') >= 180_000) return false;
  const state = stored.state as { readonly [key: string]: JsonValue } | null;
  const before = publicationFingerprint(state?.['publication'])?.publication.split('.', 1)[0];
  return before !== now?.['oid'];
}

// The newest checkpoint of a server that was promoted a moment ago still shows its old timeline.
const SERVER_SQL = `
  SELECT s.system_identifier::text AS system_identifier,
         CASE WHEN pg_catalog.pg_is_in_recovery() THEN k.timeline_id
              ELSE ('x' || pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8))::bit(32)::int4
         END::text AS timeline
    FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() k`;

/** The event that records the hole. The same decision at the same place makes the same event. */
export function gapEvent(
  recovery: Recovery,
  at: {
    readonly begin: Lsn;
    readonly epoch: number;
    readonly source: AcceptedGap['source'];
    readonly database: string;
    readonly tables: readonly string[];
    /** How many gaps there were, with this one: of two at one position neither is a repetition of the other (I5). */
    readonly count: number;
  },
): AcceptedGap {
  const { begin, count, database, epoch, source, tables } = at;
  const begins = sortableLsn(begin);
  return createAcceptedGap({
    id: `${source.systemIdentifier ?? ''}/${begins}/gap/${recovery.gap}`,
    version: versionText(epoch, begins, count),
    database,
    code: recovery.code,
    from: formatLsn(parseLsn(recovery.stored.position.split('#', 1)[0] ?? '') ?? 0n),
    to: formatLsn(begin),
    resolvedBy: recovery.by,
    tables,
    transaction: null,
    source,
  });
}
