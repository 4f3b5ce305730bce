import type { SourceEvent } from '../source/source-event.ts';

/** Everything that a pipeline reports to `onEvent`. Carries no row values and no secrets. */
export type PipelineEvent =
  | SourceEvent
  | {
      readonly type: 'pipeline-state-changed';
      readonly from: PipelineState;
      readonly to: PipelineState;
    }
  | { readonly type: 'batch-received'; readonly events: number; readonly bytes: number }
  | {
      readonly type: 'batch-delivered';
      readonly items: number;
      readonly bytes: number;
      readonly durationMs: number;
    }
  | {
      readonly type: 'delivery-retried';
      readonly items: number;
      readonly attempt: number;
      readonly delayMs: number;
      readonly inDoubt: boolean;
      readonly error: Error;
    }
  | { readonly type: 'batch-split'; readonly items: number; readonly error: Error }
  | { readonly type: 'item-rejected'; readonly eventId: string; readonly error: Error }
  | {
      readonly type: 'item-parked';
      readonly eventId: string;
      readonly reason: 'rejected' | 'lane-blocked';
    }
  | { readonly type: 'event-skipped'; readonly eventId: string; readonly reason: string }
  | { readonly type: 'breaker-changed'; readonly to: 'closed' | 'open' | 'half-open' }
  | { readonly type: 'checkpoint-saved'; readonly position: string }
  | { readonly type: 'acknowledged'; readonly position: string }
  | {
      readonly type: 'unacknowledged-warned';
      readonly events: number;
      readonly bytes: number;
      readonly ageMs: number;
    };

/**
 * Where a pipeline is in its life.
 *
 *     idle → starting → running → draining → stopped
 *                          ├──────────────→ failed   an error that somebody has to act on
 *                          └──────────────→ gap      completeness can no longer be proved
 */
export const PIPELINE_STATES = [
  'idle',
  'starting',
  'running',
  'draining',
  'stopped',
  'failed',
  'gap',
] as const;

export type PipelineState = (typeof PIPELINE_STATES)[number];
