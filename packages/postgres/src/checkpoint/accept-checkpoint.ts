import { type Checkpoint, GapError, type JsonValue, type SourceIdentity } from '@certyo-cdc/core';

/** Kinds of sources whose checkpoint another one may take over. */
export const REPLACED_KINDS = [
  'polling',
  'replication',
  'listen-notify',
  'outbox',
  'debezium',
] as const;

/** Kinds of sources whose checkpoint another one may take over. */
export type ReplacedKind = (typeof REPLACED_KINDS)[number];

/** A stored checkpoint, and the source that is asked to go on from it. */
export interface CheckpointExpectation {
  /** The stored checkpoint; null when there is none. */
  readonly checkpoint: Checkpoint | null;
  /** When it was saved, milliseconds since 1970, where that is known. */
  readonly savedAtMs?: number | undefined;
  /** The source's own kind. */
  readonly kind: string;
  /** The source's own identity. */
  readonly identity: SourceIdentity;
  /**
   * The members of the identity that have to agree, in the order in which they are judged, each with what to do when it
   * differs. Lists agree in any order. `systemIdentifier` and `database` have to be among them.
   */
  readonly members: Readonly<Record<string, string>>;
  /** Members that need not agree this time, by the caller's will. */
  readonly accepted?: readonly string[] | undefined;
  /** The kind of source that this one takes over from. */
  readonly replaces?: ReplacedKind | null | undefined;
  /** Since when the source captures changes, milliseconds since 1970; null or undefined when nobody knows. */
  readonly beganAtMs?: number | null | undefined;
}

/** How a source has to begin. */
export interface AcceptedCheckpoint {
  /** Go on from here; null begins at the source's own beginning. */
  readonly resume: Checkpoint | null;
  /** Leads the versions of its events. */
  readonly epoch: number;
}

/**
 * Refuses a checkpoint of another source (I8), and takes one over where `replaces` says so.
 *
 * A checkpoint of the source's own kind has to agree in every member. One of the kind that is replaced has to come from the
 * same server and database: the source then begins at its own beginning, in the next epoch, so that whatever it repeats
 * has greater versions than all before. Until the source has saved a checkpoint of its own that stays so, life after life.
 *
 * @throws GapError GAP_CHECKPOINT_FOREIGN; GAP_SWITCH when the checkpoint to be taken over was saved before the source
 * began.
 */
export function acceptCheckpoint(expectation: CheckpointExpectation): AcceptedCheckpoint {
  const { checkpoint, kind, members, accepted = [], replaces } = expectation;
  if (checkpoint === null) return { resume: null, epoch: 1 };
  if (checkpoint.kind === kind) {
    const names = Object.keys(members).filter((member) => !accepted.includes(member));
    assertAgreement(checkpoint, expectation, names);
    return { resume: checkpoint, epoch: checkpoint.epoch };
  }
  if (checkpoint.kind !== replaces) throw otherKind(checkpoint.kind, kind, replaces ?? null);
  assertAgreement(checkpoint, expectation, ['systemIdentifier', 'database']);
  assertBegan(expectation);
  return { resume: null, epoch: checkpoint.epoch + 1 };
}

function assertAgreement(
  checkpoint: Checkpoint,
  { identity, members }: CheckpointExpectation,
  names: readonly string[],
): void {
  for (const member of names) {
    const stored = describe(checkpoint.identity[member]);
    const own = describe(identity[member]);
    if (stored === own) continue;
    throw new GapError(
      'GAP_CHECKPOINT_FOREIGN',
      `The stored checkpoint belongs to another source: its ${member} is ${stored}, here it is ${own}.`,
      { remedy: members[member] },
    );
  }
}

function describe(value: JsonValue | undefined): string {
  const text = Array.isArray(value)
    ? (value as readonly JsonValue[]).map((each) => JSON.stringify(each)).sort()
    : JSON.stringify(value);
  return Array.isArray(text) ? `[${text.join(',')}]` : (text ?? 'unknown');
}

function otherKind(stored: string, kind: string, replaces: string | null): GapError {
  const canReplace = REPLACED_KINDS.some((known) => known === stored);
  const wanted = replaces === null ? '' : ` or "${replaces}"`;
  return new GapError(
    'GAP_CHECKPOINT_FOREIGN',
    `The stored checkpoint was saved by a source of kind "${stored}", not "${kind}"${wanted}.`,
    {
      remedy: `Give this pipeline another name${canReplace ? `; or, to switch the pipeline to this source, follow the procedure for switching and set replaces: '${stored}'` : ''}.`,
    },
  );
}

/** What was committed between the old source's end and the new one's beginning would be in neither. */
function assertBegan({ checkpoint, savedAtMs, beganAtMs }: CheckpointExpectation): void {
  if (savedAtMs === undefined || beganAtMs == null || savedAtMs >= beganAtMs) return;
  throw new GapError(
    'GAP_SWITCH',
    `The checkpoint of the ${checkpoint?.kind ?? ''} source was saved at ${iso(savedAtMs)}, before this source began at ${iso(beganAtMs)}: what was committed in between may be in neither.`,
    {
      remedy:
        'Start the old pipeline again, change a row so that it has something to save, drain it, then start this one.',
    },
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
