import {
  type ChangeStream,
  type Checkpoint,
  type EventSource,
  GapError,
  type OpenOptions,
  type SourceEvent,
  SourceSetupError,
} from '@certyo-cdc/core';
import {
  createTypeRegistry,
  quoteIdentifier,
  restoreTypeRegistry,
  sqlSession,
} from '@certyo-cdc/postgres';
import { Caretaker } from '../care/caretaker.ts';
import {
  checkpointBehind,
  gapEvent,
  gapFingerprint,
  passedGap,
  type Recovery,
  withWaysOut,
} from '../care/recovery.ts';
import type { Recover } from '../care/recover.ts';
import { SlotHolder } from '../care/slot-holder.ts';
import { normalizeCopy } from '../copy/copy-settings.ts';
import { type Copies, prepareCopies } from '../copy/prepare-copies.ts';
import { ddlMessagePrefix } from '../ddl/ddl-message.ts';
import { translatorFor } from '../decoders/decoder.ts';
import type { ReplicationSettings } from '../normalize-options.ts';
import { assertReady } from '../setup/assert-ready.ts';
import { acceptIdentity, type ReplicationIdentity } from '../setup/identity.ts';
import { publicationFingerprint, PublicationWatch } from '../setup/publication-watch.ts';
import { newTableWarnings } from '../setup/unusable-tables.ts';
import { CapturedRelations } from './captured-relations.ts';
import { type KnownRelations, knownRelationsFromJson } from './known-relation.ts';
import { RelationResolver } from './relation-resolver.ts';
import { ReplicationStream } from './replication-stream.ts';
import { SessionKeeper } from './session-keeper.ts';
import { SideConnection } from './side-connection.ts';
import { lsnFromPosition, positionFromLsn, readFromOf } from './source-position.ts';
import { SpoolFolder } from './spool.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { walFlushedTo } from './wal-end.ts';
import { wantsMessage } from './own-messages.ts';
import { tableLabel } from '@certyo-cdc/core/internal';

/** Checks that the server is ready, takes the slot and begins to read; behind a gap, where the caller has decided so. */
export async function openReplicationStream(
  settings: ReplicationSettings,
  options: OpenOptions,
): Promise<ChangeStream> {
  const stored = options.after;
  const isOurs = stored !== null && stored.kind === 'replication';
  const fingerprint = isOurs ? gapFingerprint(stored, settings.slot) : null;
  const { recover } = settings;
  if (stored !== null && recover !== null && recover.gap === fingerprint) {
    return await openBehindGap(settings, options, stored, recover);
  }
  try {
    return await open(settings, options, null);
  } catch (error) {
    throw error instanceof GapError && fingerprint !== null
      ? withWaysOut(error, fingerprint)
      : error;
  }
}

/** Finds out what the gap is, and begins behind it. */
async function openBehindGap(
  settings: ReplicationSettings,
  options: OpenOptions,
  stored: Checkpoint,
  recover: Recover,
): Promise<ChangeStream> {
  const { signal } = options;
  let gap: GapError | null = null;
  try {
    const stream = await open(settings, { ...options, onEvent: undefined }, null);
    await stream[Symbol.asyncDispose]();
  } catch (error) {
    if (!(error instanceof GapError)) throw error;
    gap = error;
  }
  const session = sqlSession(settings.connection);
  const openBehind = async (error: GapError | null): Promise<ChangeStream> => {
    const { after, recovery } = await checkpointBehind(error, stored, settings, session, {
      choice: recover,
      signal,
    });
    return await open(settings, { ...options, after }, recovery);
  };
  try {
    return await openBehind(gap);
  } catch (error) {
    // The first gap stood before this one, which is a part of the same decision.
    const isBehind = error instanceof GapError && error.code === 'GAP_TIMELINE';
    if (!isBehind || gap?.code === 'GAP_TIMELINE') throw error;
    return await openBehind(error);
  } finally {
    await session.close();
  }
}

async function open(
  settings: ReplicationSettings,
  options: OpenOptions,
  recovery: Recovery | null,
): Promise<ChangeStream> {
  const { signal } = options;
  const onEvent = (event: SourceEvent): void => {
    if (event.type === 'source-disconnected') copying?.interrupted();
    options.onEvent?.(event);
  };
  let known = (): KnownRelations => new Map();
  const keeper = new SessionKeeper({
    session: {
      ...settings,
      database: settings.connection.database,
      user: settings.connection.user,
      translator: () =>
        translatorFor(
          settings,
          (sql, params) => side.rows(sql, params),
          () => known(),
        ),
      applicationName: () => holder?.applicationName,
    },
    delays: settings.reconnect,
    slotWaitMs: settings.slotWaitMs,
    signal,
    onEvent,
    random: Math.random,
    holder: () => holder,
    onBusy: () => copying?.slotIsTaken(),
    beforeResume: async () => publication?.check(),
  });
  let publication: PublicationWatch | null = null;
  let holder: SlotHolder | null = null;
  let copying: Copies | null = null;
  const side = new SideConnection(settings.connection, {
    deadAfterMs: settings.deadAfterMs,
    signal,
    onShutdown: () => keeper.leave(),
  });
  try {
    const server = await assertReady(side, settings, {
      hasCheckpoint: options.after !== null,
      signal,
      onEvent,
    });
    const names = [
      ...settings.tables.map(tableLabel),
      ...settings.schemas.map((schema) => `${quoteIdentifier(schema)}.*`),
    ].sort();
    const identityOn = (timeline: number): ReplicationIdentity => ({
      systemIdentifier: server.systemIdentifier,
      timeline,
      database: settings.connection.database,
      slot: settings.slot,
      publications: [settings.publication],
      tables: names,
    });
    const { resume: after, epoch } = acceptIdentity(options.after, identityOn(0), settings);
    const storedTimeline = Number(after?.identity['timeline'] ?? 0);
    const state = (after?.state ?? null) as { readonly [key: string]: unknown } | null;
    const watch = new PublicationWatch({
      query: side.rows,
      publication: settings.publication,
      tables: settings.tables,
      schemas: settings.schemas,
      onChecked: newTableWarnings(settings, side.rows, onEvent),
      versionNumber: server.versionNumber,
      stored: publicationFingerprint(state?.['publication']),
      isPublished: settings.decoder === 'pgoutput',
    });
    publication = watch;
    if (settings.takeover !== false) {
      holder = new SlotHolder({
        ...settings,
        ...settings.takeover,
        systemIdentifier: server.systemIdentifier,
        waitMs: settings.slotWaitMs,
        applicationName: settings.connection.applicationName,
        captured: side.rows,
        signal,
        onEvent,
        onLost: () => keeper.leave(),
      });
      await holder.hold();
    }
    await watch.check();
    const types =
      state?.['types'] === undefined
        ? createTypeRegistry()
        : restoreTypeRegistry(state['types'] as Parameters<typeof restoreTypeRegistry>[0]);
    const source: EventSource & { readonly systemIdentifier: string } = Object.freeze({
      kind: 'replication',
      name: settings.name,
      systemIdentifier: server.systemIdentifier,
    });
    const copiesAgain = recovery?.by === 'copy';
    const copies = await prepareCopies({
      settings: copiesAgain
        ? { ...settings, copy: settings.copy ?? normalizeCopy(true) }
        : settings,
      server,
      executor: side,
      query: side.rows,
      types,
      source,
      checkpoint: options.after,
      // Everything is copied beside the stream, as where nobody knows what was copied.
      resume: copiesAgain ? null : after,
      signal,
      onEvent,
    });
    copying = copies;
    const begin = await keeper
      .first(
        side,
        after === null
          ? null
          : {
              server: { systemIdentifier: server.systemIdentifier, timeline: storedTimeline },
              position: lsnFromPosition(after.position),
              readFrom: readFromOf(state?.['readFrom']) ?? lsnFromPosition(after.position),
              isSaved: recovery === null,
            },
        epoch,
      )
      .catch((error: unknown) => {
        throw after === null && options.after !== null ? notSetUpInTime(error) : error;
      });
    const relations = new CapturedRelations(settings, side.rows);
    const needsSpool =
      settings.streaming || settings.twoPhase || settings.decoder === 'decoderbufs';
    const { database, host, port } = settings.connection;
    const spool = needsSpool
      ? new SpoolFolder(
          settings.spool,
          // A standby has the primary's identifier.
          [server.systemIdentifier, host, port, database, settings.slot].join('/'),
        )
      : null;
    await spool?.clear();
    const decoder = new StreamDecoder({
      spool,
      wantsMessage: (prefix) => wantsMessage(settings.messages, prefix),
      ddlPrefix: settings.ddl ? ddlMessagePrefix(settings.stateSchema) : null,
      source,
      epochOf: (commitLsn) => keeper.epochs.ofCommit(commitLsn),
      position: begin,
      readFrom: keeper.readFrom,
      newFrom: await walFlushedTo(side.rows, { signal }),
      known: knownRelationsFromJson(state?.['relations'] as never) ?? new Map(),
      isCaptured: (message) => relations.isCaptured(message),
      onRelationRepeated: () => watch.check(),
      resolver: new RelationResolver({
        database: settings.connection.database,
        keyOf: (message) => relations.keyOf(message),
        includeGenerated: settings.includeGenerated,
        onEvent,
        types,
        query: side.rows,
      }),
    });
    known = () => decoder.known;
    keeper.follow(decoder);
    await side.watch();
    const passed = after === null ? null : passedGap(after);
    const stream = new ReplicationStream({
      identity: identityOn,
      slot: settings.slot,
      admission: { options: settings, recovery },
      passedGap: passed,
      decoder,
      types,
      publication: watch,
      keeper,
      side,
      caretaker: new Caretaker(settings, { executor: side, query: side.rows, signal, onEvent }),
      holder,
      hasCheckpoint: options.after !== null,
      opening:
        recovery === null
          ? null
          : {
              events: [
                gapEvent(recovery, {
                  begin,
                  epoch,
                  source,
                  database: settings.connection.database,
                  tables: names,
                  count: passed?.count ?? 1,
                }),
              ],
              bytes: 1,
              end: positionFromLsn(begin),
            },
      signal,
      onEvent,
    });
    return copies.into(stream, begin);
  } catch (error) {
    await copying?.close();
    await keeper.close();
    await holder?.release();
    await side.close();
    throw error;
  }
}

/** A slot that is only made now does not hold what was committed since the old source ended. */
function notSetUpInTime(error: unknown): unknown {
  if (!(error instanceof SourceSetupError)) return error;
  return new GapError('GAP_SWITCH', error.message, {
    cause: error,
    remedy:
      'It has to be there before the old pipeline ends: start that one again, run source.setup(), let the old one catch up and drain, then start this one.',
  });
}
