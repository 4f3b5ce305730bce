import type { ChangeEvent } from '@certyo-cdc/core';
import type { Lsn } from '../protocol/lsn.ts';

/** What one piece of the stream held. */
export interface Decoded {
  readonly events: readonly ChangeEvent[];
  /** End of the newest transaction that ended in it, or null. */
  readonly committedTo: Lsn | null;
  /** How many of the events belong to transactions that ended in it. */
  readonly committedEvents: number;
  /** Bytes that were read: all whole frames, or those before a transaction that is to be replayed. */
  readonly consumed: number;
  /** The server asked for a status update. */
  readonly replyRequested: boolean;
  /** What stopped decoding behind the events; they are good all the same. */
  readonly error: unknown;
}
