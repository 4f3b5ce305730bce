import { type StoredCheckpoint, WindowError } from '@certyo-cdc/core';
import type { SqlExecutor } from '@certyo-cdc/postgres';

import {
  certainSpans,
  type ChainEnd,
  spansTo,
  type StagedSpan,
  toWindows,
  type WindowBody,
} from './fold.ts';
import {
  addWindowSql,
  beginChainSql,
  dropSpansSql,
  lockChainSql,
  moveChainSql,
  spansSql,
  windowsSql,
} from './sql.ts';
import { readWindow, type StoredWindow, toStoredWindow, UNKNOWN_CHECKPOINT } from './window.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** A row of `window_chains`. */
export interface ChainRow {
  readonly number: string;
  readonly hash: string | null;
  readonly revision: string | null;
  readonly position: string | null;
  readonly opened_at: string;
  readonly now: string;
}

interface LockedChain {
  readonly end: ChainEnd;
  readonly now: string;
  readonly spans: readonly StagedSpan[];
}

/** Where the chain goes on: behind the last window that was closed, with the checkpoint that it ended with. */
interface NextStart {
  readonly revision: string | null;
  readonly position: string | null;
}

/** The chain of one pipeline, within a transaction that has locked it. */
export class WindowChain {
  readonly #executor: SqlExecutor;
  readonly #schema: string;
  readonly #pipeline: string;
  readonly #options: CallOptions;

  constructor(executor: SqlExecutor, schema: string, pipeline: string, options: CallOptions) {
    this.#executor = executor;
    this.#schema = schema;
    this.#pipeline = pipeline;
    this.#options = options;
  }

  /**
   * Settles what lives before have staged, by the checkpoint that this one goes on from: what leads to it counts. When nothing
   * does, what is certain is closed, and a window behind it says that nothing is known about the stretch to the checkpoint.
   * Gives where the chain ends, and the time by the server's clock.
   */
  async begin(
    source: { readonly name: string; readonly kind: string },
    stored: StoredCheckpoint | null,
  ): Promise<{ readonly end: ChainEnd; readonly now: string }> {
    const revision = stored?.revision ?? null;
    const position = stored?.checkpoint.position ?? null;
    await this.#query(beginChainSql(this.#schema), [this.#pipeline, revision, position]);
    const { end, now, spans } = await this.#lock();
    const known = spansTo(spans, end.revision, revision);
    if (known !== null) return { end, now };
    const certain = certainSpans(spans, end.revision);
    const unknown: WindowBody = {
      source: stored === null ? null : { name: source.name, ...sourceOf(stored) },
      from: certain.at(-1)?.to ?? end.position,
      to: position,
      checkpoints: 0,
      counts: [],
      versions: null,
      committed: null,
      uncounted: UNKNOWN_CHECKPOINT,
    };
    const bodies = [...toWindows(certain), unknown];
    const begun = await this.#append(end, now, bodies, { revision, position });
    // One that replaces this very checkpoint may be another instance's, which has not learnt yet that it is replaced.
    await this.#drop(spans.filter((span) => span.replaces !== revision));
    return { end: begun.end, now };
  }

  /**
   * Closes a window that ends with the checkpoint of a revision, which is saved. Gives what was closed: nothing where there is
   * nothing between, or where another life of the pipeline has gone on meanwhile.
   *
   * @param left Where the chain ended when this life last looked.
   * @throws WindowError where it does not go on from there: somebody has altered it.
   */
  async close(
    revision: string | null,
    left: ChainEnd,
  ): Promise<{ readonly closed: readonly StoredWindow[]; readonly end: ChainEnd }> {
    const { end, now, spans } = await this.#lock();
    if (!(await this.#goesOnFrom(left, end))) throw altered(this.#pipeline, left.number);
    const closing = spansTo(spans, end.revision, revision);
    const last = closing?.at(-1);
    if (closing === null || last === undefined) return { closed: [], end };
    const appended = await this.#append(end, now, toWindows(closing), {
      revision,
      position: last.to,
    });
    // With those that replace a checkpoint which another one has replaced: theirs was never saved, and never will be.
    const passed = new Set(closing.map(({ replaces }) => replaces));
    await this.#drop(spans.filter((span) => passed.has(span.replaces)));
    return appended;
  }

  /** Another life of the pipeline may have closed windows since. */
  async #goesOnFrom(left: ChainEnd, end: ChainEnd): Promise<boolean> {
    if (end.number === left.number) {
      return end.hash === left.hash && end.revision === left.revision;
    }
    const [next] = await this.#query<{ readonly content: string }>(windowsSql(this.#schema), [
      this.#pipeline,
      String(left.number),
      '1',
    ]);
    const content = next === undefined ? null : readWindow(next.content);
    return end.number > left.number && content?.previousHash === left.hash;
  }

  async #append(
    end: ChainEnd,
    now: string,
    bodies: readonly WindowBody[],
    next: NextStart,
  ): Promise<{ readonly closed: readonly StoredWindow[]; readonly end: ChainEnd }> {
    const closed: StoredWindow[] = [];
    let { hash, number } = end;
    for (const body of bodies) {
      number += 1;
      const window = toStoredWindow({
        pipeline: this.#pipeline,
        number,
        ...body,
        openedAt: end.openedAt,
        closedAt: now,
        previousHash: hash,
      });
      const { content } = window;
      ({ hash } = window);
      await this.#query(addWindowSql(this.#schema), [
        this.#pipeline,
        String(number),
        content,
        hash,
      ]);
      closed.push(window);
    }
    await this.#query(moveChainSql(this.#schema), [
      this.#pipeline,
      String(number),
      hash,
      next.revision,
      next.position,
      now,
    ]);
    return { closed, end: { ...next, hash, number, openedAt: now } };
  }

  async #lock(): Promise<LockedChain> {
    const [row] = await this.#query<ChainRow>(lockChainSql(this.#schema), [this.#pipeline]);
    if (row === undefined) {
      throw new WindowError(
        `The chain of windows of pipeline ${JSON.stringify(this.#pipeline)} is gone.`,
        {
          retryable: false,
          remedy: 'Restore the table window_chains, or start the pipeline anew.',
        },
      );
    }
    const rows = await this.#query<{ readonly span: string }>(spansSql(this.#schema), [
      this.#pipeline,
    ]);
    return {
      end: toChainEnd(row),
      now: row.now,
      // Written by this package, see PostgresWindowStore.stage().
      spans: rows.map(({ span }) => JSON.parse(span) as StagedSpan),
    };
  }

  async #drop(spans: readonly StagedSpan[]): Promise<void> {
    if (spans.length === 0) return;
    const revisions = JSON.stringify(spans.map(({ revision }) => revision));
    await this.#query(dropSpansSql(this.#schema), [this.#pipeline, revisions]);
  }

  async #query<Row>(
    sql: string,
    parameters: Parameters<SqlExecutor['query']>[1],
  ): Promise<readonly Row[]> {
    const { rows } = await this.#executor.query<Row>(sql, parameters, this.#options);
    return rows;
  }
}

function altered(pipeline: string, number: number): WindowError {
  return new WindowError(
    `The chain of windows of pipeline ${JSON.stringify(pipeline)} does not go on behind window ${String(number)}: it was altered, or set back, while the pipeline ran.`,
    {
      retryable: false,
      remedy:
        'Find out who wrote to `window_chains` or `windows`, and call checkWindows() before the pipeline is started again.',
    },
  );
}

/** Reads a row of `window_chains`. */
export function toChainEnd(row: ChainRow): ChainEnd {
  return {
    number: Number(row.number),
    hash: row.hash,
    revision: row.revision,
    position: row.position,
    openedAt: row.opened_at,
  };
}

function sourceOf({ checkpoint }: StoredCheckpoint): {
  readonly kind: string;
  readonly epoch: number;
  readonly identity: StoredCheckpoint['checkpoint']['identity'];
} {
  const { epoch, identity, kind } = checkpoint;
  return { kind, epoch, identity };
}
