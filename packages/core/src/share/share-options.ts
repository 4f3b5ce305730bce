import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { ConfigurationError } from '../errors/configuration-error.ts';
import type { JsonRow } from '../event/json.ts';
import { MAX_TIMER_MS } from '../internal/option-checks.ts';
import { assertMethods, OptionReader } from '../internal/read-options.ts';
import { SYSTEM_TIME, type PipelineTime } from '../pipeline/time.ts';
import type { ChangeSource } from '../source/change-source.ts';

/** What becomes of a consumer that lags beyond its limit. */
export type LaggardPolicy = 'pause' | 'detach';

/** Options of `shareSource`. */
export interface ShareOptions {
  /**
   * Names of all consumers, started or not. What one of them has not acknowledged is kept for it, so that a name that is
   * left out gives up what it has not had yet, and a new one begins where the source has been acknowledged to.
   */
  readonly consumers: readonly string[];
  /**
   * Name under which the position that all consumers have acknowledged is kept. A pipeline that ran under this name on
   * the source itself is gone on from.
   * @default the source's name
   */
  readonly name?: string | undefined;
  /** Where that position is kept. Stays open. @default the source's own store */
  readonly checkpoints?: CheckpointStore | undefined;
  /**
   * Bytes that are kept in memory for consumers that are not as far as others. While more would be needed, reading waits.
   * @default 16_000_000
   */
  readonly maxBufferBytes?: number | undefined;
  /**
   * How long reading waits for a consumer that takes nothing at all, milliseconds, before it goes on without it. When
   * that one takes again, the stream is read again from the slowest position, while the others wait. `false`: for ever.
   * @default 5_000
   */
  readonly stallMs?: number | false | undefined;
  /**
   * What becomes of a consumer that lags beyond one of the limits below while another one is further. `pause`: nothing
   * more is read until it has caught up; one that is not started does not count. `detach`: its stream ends with
   * `GAP_CONSUMER_DETACHED`, and what it has not had is not kept for it any longer, whether it is started or not.
   * @default 'pause'
   */
  readonly onLaggard?: LaggardPolicy | undefined;
  /**
   * Most bytes that may be read and not acknowledged by a consumer.
   * @default 1_000_000_000
   */
  readonly maxLagBytes?: number | false | undefined;
  /**
   * Most events that may be read and not acknowledged by a consumer.
   * @default false
   */
  readonly maxLagEvents?: number | false | undefined;
  /**
   * Longest time that something may be read and not acknowledged by a consumer, milliseconds.
   * @default false
   */
  readonly maxLagMs?: number | false | undefined;
  /** @default the clock and timers of the process */
  readonly time?: PipelineTime | undefined;
}

/** Options with every default filled in. */
export interface ShareSettings {
  readonly name: string;
  readonly consumers: readonly string[];
  readonly checkpoints: CheckpointStore;
  /** True when the store came with the source, so that it is closed with the last user. */
  readonly isOwnStore: boolean;
  readonly maxBufferBytes: number;
  readonly stallMs: number | false;
  readonly onLaggard: LaggardPolicy;
  readonly maxLagBytes: number | false;
  readonly maxLagEvents: number | false;
  readonly maxLagMs: number | false;
  readonly time: PipelineTime;
}

const OPTIONS = [
  'consumers',
  'name',
  'checkpoints',
  'maxBufferBytes',
  'stallMs',
  'onLaggard',
  'maxLagBytes',
  'maxLagEvents',
  'maxLagMs',
  'time',
] as const satisfies readonly (keyof ShareOptions)[];

function readConsumers(value: unknown): readonly string[] {
  const names: readonly unknown[] = Array.isArray(value) ? value : [];
  const isNamed = names.every(
    (name) => typeof name === 'string' && /^[^\0]{1,100}$/.test(name) && name.trim() !== '',
  );
  if (names.length === 0 || !isNamed || new Set(names).size < names.length) {
    throw new ConfigurationError(
      'consumers',
      'Expected `consumers` to be a list of different names of 1 to 100 characters.',
    );
  }
  return names as readonly string[];
}

/** Checks the options and fills in the defaults. Throws `ConfigurationError`. */
export function normalizeShareOptions<Row extends object = JsonRow>(
  source: ChangeSource<Row>,
  options: ShareOptions,
): ShareSettings {
  assertMethods('source', source, ['open']);
  const reader = new OptionReader('', options, OPTIONS);
  reader.assertMethods('checkpoints', ['load', 'save']);
  reader.assertMethods('time', ['now', 'setTimeout']);
  const checkpoints = options.checkpoints ?? source.checkpoints;
  if (checkpoints === undefined) {
    throw new ConfigurationError('checkpoints', 'There is no place to keep the position.', {
      remedy: 'Give `checkpoints`, or a source that has a store of its own.',
    });
  }
  return {
    name: reader.text('name', source.name),
    consumers: [...readConsumers(options.consumers)],
    checkpoints,
    isOwnStore: options.checkpoints === undefined,
    maxBufferBytes: reader.positiveInteger('maxBufferBytes', 16_000_000),
    stallMs: reader.positiveIntegerOrFalse('stallMs', 5_000, MAX_TIMER_MS),
    onLaggard: reader.oneOf('onLaggard', ['pause', 'detach'], 'pause'),
    maxLagBytes: reader.positiveIntegerOrFalse('maxLagBytes', 1_000_000_000),
    maxLagEvents: reader.positiveIntegerOrFalse('maxLagEvents', false),
    maxLagMs: reader.positiveIntegerOrFalse('maxLagMs', false),
    time: options.time ?? SYSTEM_TIME,
  };
}
