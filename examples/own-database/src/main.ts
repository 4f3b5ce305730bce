import { inspect } from 'node:util';
import { CdcError, certyoSink, createPipeline, type Pipeline } from '@certyo-cdc/core';
import { replicationSource } from '@certyo-cdc/replication';
import { readArguments, USAGE, UsageError, type Arguments } from './arguments.ts';
import { describeEvent, describeStatus } from './progress.ts';

const say = (text: string): void => {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
};

const PROGRESS_EVERY_MS = 5000;

const stopping = new AbortController();
let debug = process.argv.includes('--debug');
try {
  const args = readArguments(process.argv.slice(2));
  debug = args.debug;
  if (args.help) process.stdout.write(`${USAGE}\n`);
  else await run(args);
} catch (error) {
  if (stopping.signal.aborted && error === stopping.signal.reason) say('stopped');
  else {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

async function run(args: Arguments): Promise<void> {
  const source = replicationSource({
    tables: args.tables,
    slot: args.slot,
    publication: args.slot,
    slotWaitMs: args.slotWaitMs,
  });
  // Made before anything is done, so that a missing key is known at once.
  const sink = args.dryRun ? null : certyoSink();

  let pipeline: Pipeline | null = null;
  let interruptedAtMs = 0;
  const interrupt = (): void => {
    if (interruptedAtMs === 0) {
      interruptedAtMs = Date.now();
      if (pipeline?.status().state === 'running') {
        say('finishing what was taken; press Ctrl-C again to stop at once, which loses nothing');
        void pipeline.drain();
      } else stopping.abort();
    } else if (Date.now() - interruptedAtMs > 500) {
      // What came at once was the same Ctrl-C, handed on by a package manager.
      void pipeline?.stop();
    }
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);

  const { signal } = stopping;
  const statements = await source.setup({ dryRun: true, signal });
  for (const statement of statements)
    process.stdout.write(`${statement.replace(/;?\s*$/u, ';')}\n`);
  if (sink === null) {
    if (statements.length === 0) say('nothing is missing in the database');
    return;
  }
  if (statements.length > 0) {
    await source.setup({ signal });
    say('the database is set up: it ran the statements above');
  }

  pipeline = createPipeline(source, sink, {
    onEvent: (event) => {
      const text = describeEvent(event);
      if (text !== null) say(text);
    },
  });
  await pipeline.start({ signal });

  let told = '';
  const tell = (): void => {
    const text = pipeline === null ? '' : describeStatus(pipeline.status());
    if (text !== told) say(text);
    told = text;
  };
  const progress = setInterval(tell, PROGRESS_EVERY_MS);
  const error = await pipeline.closed;
  clearInterval(progress);
  tell();
  const waiting = pipeline.status().unacknowledged.events;
  if (waiting > 0)
    say(`not finished: ${waiting} changes stay in the slot and come again at the next start`);
  if (error !== null) throw error;
}

function describeError(error: unknown): string {
  if (debug) return inspect(error);
  if (CdcError.is(error)) return `${error.code}: ${error.message}`;
  if (error instanceof UsageError) return `${error.message}\nTry --help.`;
  return error instanceof Error ? error.message : String(error);
}
