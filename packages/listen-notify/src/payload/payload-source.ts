import type {
  ChangeSource,
  ChangeStream,
  CheckpointStore,
  DeadLetterStore,
  OpenOptions,
} from '@certyo-cdc/core';
import {
  type HintedStream,
  readSetupOptions,
  readTeardownOptions,
  runSetup,
  type SetupOptions,
  sqlSession,
  type SqlSession,
  type TeardownOptions,
} from '@certyo-cdc/postgres';
import type { PayloadSettings } from './options.ts';
import { PayloadListener, PayloadStream } from './payload-stream.ts';
import { prepare } from './preparation.ts';
import { missingPayloadSql, payloadTeardownSql } from './setup.ts';

/**
 * A change source in payload mode.
 *
 * The guarantee in one sentence: it delivers exactly what the catch-up source delivers, as surely and with the same ids, versions and
 * bytes, and of that some rows earlier; a notification by itself proves nothing, and none is needed for anything to arrive.
 */
export interface PayloadSource extends ChangeSource {
  /** The catch-up source's. */
  readonly checkpoints: CheckpointStore | undefined;
  /** The catch-up source's. */
  readonly deadLetters: DeadLetterStore | undefined;
  /**
   * Has the catch-up source set itself up, then makes what is missing: the secret, the trigger function and the triggers on each table.
   * Running it again changes nothing. PREPARE TRANSACTION fails from then on for transactions that write to these tables.
   *
   * @returns The statements that it ran; with `dryRun`, that it would run.
   */
  setup(options?: SetupOptions): Promise<readonly string[]>;
  /**
   * Removes triggers, function and secret, then has the catch-up source remove its own. The pipeline must be stopped.
   *
   * @returns The statements that it ran; with `dryRun`, that it would run.
   */
  teardown(options?: TeardownOptions): Promise<readonly string[]>;
}

/** Makes a source in payload mode over its catch-up source. */
export function payloadSource(settings: PayloadSettings): PayloadSource {
  const { catchUp } = settings;
  return Object.freeze({
    name: catchUp.name,
    // The checkpoint is the catch-up source's, and so is its kind.
    kind: catchUp.kind,
    checkpoints: catchUp.checkpoints,
    deadLetters: catchUp.deadLetters,
    open: (options) => openStream(settings, options),
    setup: (options = {}) => setUp(settings, options),
    teardown: (options = {}) => tearDown(settings, options),
  } satisfies PayloadSource);
}

async function openStream(settings: PayloadSettings, options: OpenOptions): Promise<ChangeStream> {
  const { signal } = options;
  signal.throwIfAborted();
  const onEvent = options.onEvent ?? (() => undefined);
  const keys = await prepare(settings, { signal, onEvent });
  const listener = new PayloadListener(settings, keys, onEvent);
  try {
    // First LISTEN, then read: what is committed from now on is in one of both (N-01, N-02).
    await listener.open(signal);
    const stream = await settings.catchUp.open(options);
    if (isHinted(stream)) listener.feed(stream);
    else {
      onEvent({
        type: 'source-warned',
        code: 'PAYLOAD_UNUSED',
        message:
          'The catch-up source takes no hints, so notifications make nothing faster. Use it by itself.',
      });
    }
    return new PayloadStream(stream, listener);
  } catch (error) {
    await listener.close();
    throw error;
  }
}

function isHinted(stream: ChangeStream): stream is HintedStream {
  const { nudge, offer } = stream as Partial<HintedStream>;
  return typeof nudge === 'function' && typeof offer === 'function';
}

async function setUp(settings: PayloadSettings, options: SetupOptions): Promise<readonly string[]> {
  const forwarded = readSetupOptions(options);
  const { signal } = forwarded;
  // Its columns decide how the triggers look.
  const first = (await settings.catchUp.setup?.(forwarded)) ?? [];
  const own = await withSession(settings, async (session) => {
    const missing = await missingPayloadSql(session, settings, { signal });
    return await runSetup(session, missing, forwarded);
  });
  return [...first, ...own];
}

async function tearDown(
  settings: PayloadSettings,
  options: TeardownOptions,
): Promise<readonly string[]> {
  const { dryRun, signal, state } = readTeardownOptions(options);
  const own = await withSession(settings, async (session) => {
    const statements = await payloadTeardownSql(session, settings, { signal });
    return await runSetup(session, statements, { dryRun, signal });
  });
  const last = (await settings.catchUp.teardown?.({ dryRun, signal, state })) ?? [];
  return [...own, ...last];
}

async function withSession<T>(
  settings: PayloadSettings,
  work: (session: SqlSession) => Promise<T>,
): Promise<T> {
  const session = sqlSession(settings.connection);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
