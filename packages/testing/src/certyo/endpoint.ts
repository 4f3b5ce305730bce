import type { Anchoring } from './anchoring.ts';
import type { FaultRegistry } from './fault-registry.ts';
import type { EventLog } from './event-log.ts';
import type { Principal } from './key-ring.ts';
import type { Ledger } from './ledger.ts';
import type { NormalizedEmulatorOptions } from './options.ts';
import type { JsonInput } from './raw-json.ts';

/** Everything that the endpoints work on. */
export interface EmulatorState {
  readonly options: NormalizedEmulatorOptions;
  readonly ledger: Ledger;
  readonly anchoring: Anchoring;
  readonly faults: FaultRegistry;
  /** Verification attempts. */
  readonly verifications: EventLog;
  /** Every request with a known key. */
  readonly audit: EventLog;
  /** Records that were refused on validation or on demand. */
  rejections: number;
}

/** A request that has passed authentication. */
export interface EndpointRequest {
  readonly method: string;
  readonly path: string;
  readonly principal: Principal;
  readonly query: URLSearchParams;
  /** The variable part of the path, or an empty string. */
  readonly id: string;
  /** The parsed body; null where there is none. */
  readonly body: JsonInput;
  readonly nowMs: number;
}

/** An answer before it is written. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  /** New effects. */
  readonly effects?: number | undefined;
}

/** One of the public endpoints. Refuses by throwing a `Problem`. */
export type Endpoint = (state: EmulatorState, request: EndpointRequest) => Reply;

/** An answer from a plain value. */
export function jsonReply(value: unknown, status = 200): Reply {
  return { status, body: JSON.stringify(value) };
}
