import type { Checkpoint, JsonValue } from '@certyo-cdc/core';
import { restoreTypeRegistry, type TypeRegistry } from '@certyo-cdc/postgres';
import type { CaptureFingerprint } from '../setup/capture-state.ts';
import { captureFingerprint } from './capture-watch.ts';
import { type CopyFilter, copyFilterFromJson } from './copy-filter.ts';
import { type KnownRelations, knownRelationsFromJson } from './known-relation.ts';
import type { StoredLog } from './log-state.ts';
import { afterCopy, sequenceFromPosition } from './source-position.ts';

/** What a checkpoint of this source holds. */
export interface StoredState extends StoredLog {
  readonly types: TypeRegistry;
  readonly relations: KnownRelations;
  readonly capture: CaptureFingerprint | null;
  /** What the copy has seen, as long as the log may hold changes that it has. */
  readonly copied: CopyFilter | null;
  /** What the first copy has seen, which is not whole; null when none is under way. */
  readonly copying: CopyFilter | null;
}

export function storedState(checkpoint: Checkpoint): StoredState {
  const state = (checkpoint.state ?? {}) as Readonly<Record<string, JsonValue>>;
  const copying = copyFilterFromJson(state['copying'] ?? null);
  const position = sequenceFromPosition(checkpoint.position);
  return {
    position: copying === null ? position : afterCopy(position),
    logId: text(state['logId']),
    timeline: text(state['timeline']),
    types: restoreTypeRegistry(state['types'] ?? []),
    relations: knownRelationsFromJson(state['relations']) ?? new Map(),
    capture: captureFingerprint(state['capture']),
    copied: copyFilterFromJson(state['copied'] ?? null),
    copying,
  };
}

/** What is no text agrees with nothing, and is refused as another log is. */
function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
