import type { CopyProgress } from './copy-progress.ts';

/** What a source reports about itself. Carries no row values and no secrets. */
export type SourceEvent =
  | { readonly type: 'source-connected'; readonly position: string | null }
  | { readonly type: 'source-disconnected'; readonly error: Error; readonly retryInMs: number }
  | { readonly type: 'source-reconnected'; readonly attempts: number }
  | { readonly type: 'source-waiting'; readonly reason: string }
  | { readonly type: 'source-warned'; readonly code: string; readonly message: string }
  | ({ readonly type: 'copy-started' | 'copy-progressed' | 'copy-finished' } & CopyProgress);
