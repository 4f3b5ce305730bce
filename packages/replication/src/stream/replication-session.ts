import {
  connect,
  endClient,
  queryText,
  quoteLiteral,
  type ResolvedConnection,
  withinDeadline,
} from '@certyo-cdc/postgres';
import type { Client } from 'pg';
import { unloadedPluginError } from '../decoders/plugin-library.ts';
import { type MessageTranslator, translateFrames } from '../decoders/translator.ts';
import { CopyBothSocket } from '../protocol/copy-both-socket.ts';
import { formatLsn, type Lsn, parseLsn } from '../protocol/lsn.ts';
import { pluginOptions, type PluginSettings } from '../protocol/plugin-options.ts';
import { statusUpdateFrame } from '../protocol/status-update.ts';
import { judgeSlot, readSlot } from '../setup/slot.ts';
import { parseTimelineHistory, type TimelineSwitch } from '../setup/timeline.ts';
import { assertServer, type ServerIdentity } from '../setup/server-identity.ts';
import { isDead, livenessTimings, type LivenessTimings } from './liveness.ts';
import type { TextQuery } from './text-query.ts';

export interface SessionOptions extends PluginSettings {
  readonly connection: ResolvedConnection;
  readonly slot: string;
  readonly database: string;
  readonly user: string;
  readonly maxBufferedBytes: number;
  readonly maxMessageBytes: number;
  readonly statusIntervalMs: number;
  readonly deadAfterMs: number | false;
  /** What the server shows of the session. @default the connection's own */
  readonly applicationName: () => string | undefined;
  /** Makes what turns the plugin's messages into pgoutput's, for each session; null where it is pgoutput. */
  readonly translator: () => MessageTranslator | null;
}

/** Where a session has to go on. */
export interface ResumePoint {
  /** The server the position belongs to; null on the very first start. */
  readonly server: ServerIdentity | null;
  /** The position of the checkpoint or of what has been read since; null begins where the slot stands. */
  readonly after: Lsn | null;
  /** The stored checkpoint's position, which the slot must not have passed. */
  readonly acknowledged: Lsn | null;
  /** The furthest position that is part of what has been handed over. */
  readonly reached: Lsn | null;
  /** Times in a row that a session was given up as dead without progress. */
  readonly strikes: number;
}

/** Positions that status updates report; read at every one. */
export interface ReportedPositions {
  readonly received: Lsn;
  readonly acknowledged: Lsn;
}

/**
 * One replication connection, from login to loss: checks that it can go on from where the last one stopped, starts
 * the stream, and answers the server by a timer of its own that no sink can delay.
 */
export class ReplicationSession {
  readonly server: ServerIdentity;
  /** How the server left the timelines since the one that was resumed. */
  readonly history: readonly TimelineSwitch[];
  readonly startedAt: Lsn;
  /** Where the slot stood. */
  readonly confirmedAt: Lsn;
  readonly #socket: CopyBothSocket;
  readonly #timings: LivenessTimings;
  readonly #positions: () => ReportedPositions;
  readonly #strikes: number;
  readonly #timer: NodeJS.Timeout;
  readonly #translator: MessageTranslator | null;
  /** What was translated and has not been read. */
  #translated: Buffer = Buffer.alloc(0);
  #diedOfSilence = false;

  private constructor(
    socket: CopyBothSocket,
    parts: {
      readonly server: ServerIdentity;
      readonly history: readonly TimelineSwitch[];
      readonly startedAt: Lsn;
      readonly confirmedAt: Lsn;
      readonly timings: LivenessTimings;
      readonly positions: () => ReportedPositions;
      readonly strikes: number;
      readonly translator: MessageTranslator | null;
    },
  ) {
    this.#socket = socket;
    this.#translator = parts.translator;
    this.server = parts.server;
    this.history = parts.history;
    this.startedAt = parts.startedAt;
    this.confirmedAt = parts.confirmedAt;
    this.#timings = parts.timings;
    this.#positions = parts.positions;
    this.#strikes = parts.strikes;
    this.#timer = setInterval(() => this.#tick(), parts.timings.statusIntervalMs);
  }

  static async open(
    options: SessionOptions,
    resume: ResumePoint,
    positions: () => ReportedPositions,
    signal: AbortSignal,
  ): Promise<ReplicationSession> {
    const client = await connect(options.connection, {
      replication: true,
      applicationName: options.applicationName(),
      signal,
    });
    try {
      return await withinDeadline(client, options.deadAfterMs, () =>
        ReplicationSession.#start(client, options, resume, positions, signal),
      );
    } catch (error) {
      await endClient(client);
      throw error;
    }
  }

  static async #start(
    client: Client,
    options: SessionOptions,
    resume: ResumePoint,
    positions: () => ReportedPositions,
    signal: AbortSignal,
  ): Promise<ReplicationSession> {
    const query = simpleQuery(client);
    const { server, walEnd } = await identify(query);
    const history = await timelineHistory(query, server, resume);
    await assertServer(server, walEnd, resume, history, query);
    const slot = await readSlot(query, options.slot);
    const slotAt = judgeSlot(slot, {
      slot: options.slot,
      database: options.database,
      after: resume.acknowledged,
      twoPhase: options.twoPhase,
      decoder: options.decoder,
    });
    const [timeout] = await query(
      "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'",
      [],
    );
    const from = resume.after ?? slotAt;
    const socket = await CopyBothSocket.start(client, {
      command: startCommand(options, from),
      maxBufferedBytes: options.maxBufferedBytes,
      maxMessageBytes: options.maxMessageBytes,
      signal,
    }).catch((error: unknown) => {
      throw unloadedPluginError(error, options.decoder) ?? error;
    });
    return new ReplicationSession(socket, {
      server,
      history,
      startedAt: from,
      confirmedAt: slot?.confirmedFlush ?? from,
      timings: livenessTimings(Number(timeout?.['setting'] ?? '0'), options),
      positions,
      strikes: resume.strikes,
      translator: options.translator(),
    });
  }

  /** Bytes that begin at a frame; see `CopyBothSocket.read`. */
  async read(): Promise<Buffer> {
    const translator = this.#translator;
    if (translator === null) return this.#socket.read();
    let translated = this.#translated;
    while (translated.length === 0) {
      const bytes = await this.#socket.read();
      const translation = await translateFrames(translator, bytes);
      this.#socket.keep(bytes.subarray(translation.consumed));
      ({ translated } = translation);
    }
    this.#translated = Buffer.alloc(0);
    return translated;
  }

  keep(tail: Buffer): void {
    if (this.#translator === null) this.#socket.keep(tail);
    else this.#translated = tail;
  }

  /** True when this session was given up because nothing came. */
  get diedOfSilence(): boolean {
    return this.#diedOfSilence;
  }

  /** Tells the server where we are, now. */
  report(replyRequested = false): void {
    this.#socket.write(
      statusUpdateFrame({ ...this.#positions(), nowMs: Date.now(), replyRequested }),
    );
  }

  /** Ends the session in order, so that the server frees the slot. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.report();
    await this.#socket.end();
  }

  /** Drops the connection now; a pending read rejects. */
  destroy(error?: Error): void {
    clearInterval(this.#timer);
    this.#socket.destroy(error);
  }

  #tick(): void {
    const nowMs = Date.now();
    const { lastReceivedAtMs, isPaused } = this.#socket;
    if (isDead(this.#timings, { nowMs, lastReceivedAtMs, isPaused, strikes: this.#strikes })) {
      this.#diedOfSilence = true;
      this.destroy(
        Object.assign(new Error('The replication connection has been silent for too long.'), {
          code: 'ETIMEDOUT',
        }),
      );
      return;
    }
    this.report(nowMs - lastReceivedAtMs >= this.#timings.statusIntervalMs / 2);
  }
}

/** Statements on a replication connection go by the simple protocol, which has no parameters. */
function simpleQuery(client: Client): TextQuery {
  return async (sql, params = []) => {
    const text = params.reduce(
      (command, value, i) => command.replaceAll(`$${i + 1}`, () => quoteLiteral(value)),
      sql,
    );
    return (await queryText(client, text)).rows;
  };
}

async function identify(
  query: TextQuery,
): Promise<{ readonly server: ServerIdentity; readonly walEnd: Lsn }> {
  const row = (await query('IDENTIFY_SYSTEM', []))[0];
  return {
    server: {
      systemIdentifier: String(row?.['systemid'] ?? ''),
      timeline: Number(row?.['timeline'] ?? 0),
    },
    walEnd: parseLsn(String(row?.['xlogpos'] ?? '')) ?? 0n,
  };
}

async function timelineHistory(
  query: TextQuery,
  server: ServerIdentity,
  resume: ResumePoint,
): Promise<readonly TimelineSwitch[]> {
  if (resume.server === null || resume.server.timeline === server.timeline) return [];
  // The first timeline has no history, and no file of one.
  if (server.timeline === 1) return [];
  const row = (await query(`TIMELINE_HISTORY ${server.timeline}`, []))[0];
  return parseTimelineHistory(String(row?.['content'] ?? ''));
}

/** https://www.postgresql.org/docs/current/protocol-logical-replication.html */
function startCommand(options: SessionOptions, from: Lsn): string {
  const told = pluginOptions(options);
  return `START_REPLICATION SLOT "${options.slot}" LOGICAL ${formatLsn(from)}${told === '' ? '' : ` (${told})`}`;
}
