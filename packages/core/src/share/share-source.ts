import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { ConfigurationError } from '../errors/configuration-error.ts';
import { PipelineStateError } from '../errors/pipeline-state-error.ts';
import type { JsonRow } from '../event/json.ts';
import type { ChangeSource, ChangeStream, OpenOptions } from '../source/change-source.ts';
import { ConsumerLedger } from './consumer-ledger.ts';
import { ConsumerStream } from './consumer-stream.ts';
import { normalizeShareOptions, type ShareOptions, type ShareSettings } from './share-options.ts';
import { SharedCheckpoints } from './shared-checkpoints.ts';
import { SharedStream } from './shared-stream.ts';
import { checkpointViews, deadLetterViews } from './store-users.ts';

/** A source that several pipelines read at once. */
export interface SharedSource<Row extends object = JsonRow> {
  /**
   * The source of one consumer, for a pipeline of its own. It is named `<source>/<consumer>`, and so is its checkpoint
   * where the pipeline's options name it no other way.
   *
   * @throws ConfigurationError The consumer is not among those that were declared.
   */
  consumer(name: string): ChangeSource<Row>;
}

/**
 * Lets several pipelines read one source, so that a database needs one slot and not one for each.
 *
 * The source is read once. Each consumer has its own checkpoint and goes on from it after a restart, whatever the others
 * do; one that is closed, stops or fails does not stop the others. The source is told that a position is safe only when
 * every declared consumer has acknowledged it, started or not, and that position has been saved under the source's own
 * name. A consumer's events, ids, versions and ends are those of the source; it is not given again what its checkpoint
 * covers. Memory is bounded by `maxBufferBytes` beside what the pipelines hold.
 *
 * All consumers have to run in one process: a slot has one reader. The source has to be able to share its stream
 * (`ChangeStream.sharing`), as `replicationSource` is.
 *
 * @throws ConfigurationError for options that are missing or wrong.
 * @example
 * const shared = shareSource(source, { consumers: ['certyo', 'search'] });
 * const certyo = createPipeline(shared.consumer('certyo'), certyoSink());
 * const search = createPipeline(shared.consumer('search'), searchSink);
 * await Promise.all([certyo.start(), search.start()]);
 */
export function shareSource<Row extends object = JsonRow>(
  source: ChangeSource<Row>,
  options: ShareOptions,
): SharedSource<Row> {
  return new Share(source, normalizeShareOptions(source, options));
}

class Share<Row extends object> implements SharedSource<Row> {
  readonly #source: ChangeSource<Row>;
  readonly #settings: ShareSettings;
  readonly #ledger: ConsumerLedger;
  /** The share's own view of the source's store; null when another store was given. */
  readonly #own: CheckpointStore | null;
  readonly #consumers: ReadonlyMap<string, ChangeSource<Row>>;
  #stream: SharedStream<Row> | null = null;

  constructor(source: ChangeSource<Row>, settings: ShareSettings) {
    this.#source = source;
    this.#settings = settings;
    this.#ledger = new ConsumerLedger(settings.consumers);
    const { deadLetters } = source;
    const views = source.checkpoints === undefined ? null : checkpointViews(source.checkpoints);
    const letters = deadLetters === undefined ? null : deadLetterViews(deadLetters);
    this.#own = settings.isOwnStore ? (views?.() ?? null) : null;
    this.#consumers = new Map(
      settings.consumers.map((name) => [
        name,
        Object.freeze({
          name: `${source.name}/${name}`,
          kind: source.kind,
          checkpoints: views?.(),
          deadLetters: letters?.(),
          open: (open: OpenOptions) => this.#open(name, open),
        }),
      ]),
    );
  }

  consumer(name: string): ChangeSource<Row> {
    const consumer = this.#consumers.get(name);
    if (consumer !== undefined) return consumer;
    throw new ConfigurationError('consumers', 'This consumer is not among the declared ones.', {
      remedy: `Name it in \`consumers\` of shareSource(): ${this.#settings.consumers.join(', ')}.`,
    });
  }

  async #open(name: string, options: OpenOptions): Promise<ChangeStream<Row>> {
    options.signal.throwIfAborted();
    // One after the other: a stream that ends has to have let go of the slot before the next one begins.
    while (this.#stream?.isOver === true) {
      const over = this.#stream;
      // That it could not be closed in order was told to whoever closed it.
      await over.closed.catch(() => {});
      if (this.#stream === over) this.#stream = null;
    }
    options.signal.throwIfAborted();
    if (this.#stream?.has(name) === true) {
      throw new PipelineStateError(`Consumer ${JSON.stringify(name)} is open already.`);
    }
    const stream = (this.#stream ??= this.#make());
    return await ConsumerStream.open(stream, name, options, () => this.#settings.time.now());
  }

  #make(): SharedStream<Row> {
    const { checkpoints, name, time } = this.#settings;
    return new SharedStream({
      source: this.#source,
      settings: this.#settings,
      ledger: this.#ledger,
      checkpoints: new SharedCheckpoints(this.#own ?? checkpoints, name, time),
      onClosed: async () => {
        await this.#own?.close();
      },
    });
  }
}
