import type { IncomingRecord } from './record-input.ts';

/** What a fault looks at to decide whether it strikes. */
export interface FaultTarget {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Null when the key is unknown. */
  readonly tenantId: string | null;
  /** A record of the request; null for a request that carries none. */
  readonly record: IncomingRecord | null;
}

/** Strikes where every given field is equal. `path` matches as a prefix. */
export interface FaultMatch {
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly database?: string | undefined;
  readonly collection?: string | undefined;
  readonly recordId?: string | undefined;
  readonly recordVersion?: string | undefined;
  readonly operationType?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** What all faults have in common. */
export interface FaultBase {
  /**
   * Where it strikes; everywhere when omitted. A request with records is struck when one of its records matches.
   */
  readonly match?: FaultMatch | ((target: FaultTarget) => boolean) | undefined;
  /** How often it strikes; `false`: until it is removed. @default 1 */
  readonly count?: number | false | undefined;
}

/**
 * Refuses records for good. `scope: 'record'` (default): each matching record gets its own verdict, and `count`
 * counts records; `scope: 'request'`: a request with a matching record is answered with 400 as a whole.
 */
export interface RejectFault extends FaultBase {
  readonly kind: 'reject';
  readonly scope?: 'record' | 'request' | undefined;
  /** @default 'rejected_on_demand' */
  readonly code?: string | undefined;
}

/** Does what was asked and then destroys the socket without an answer. */
export interface FailAfterAcceptFault extends FaultBase {
  readonly kind: 'fail-after-accept';
}

/** Does what was asked (unless `applies` is false) and does not answer until it is removed. */
export interface HoldFault extends FaultBase {
  readonly kind: 'hold';
  /** @default true */
  readonly applies?: boolean | undefined;
}

/** Answers after `delayMs`. The effect comes before the delay unless `applies` is `'late'`. */
export interface SlowFault extends FaultBase {
  readonly kind: 'slow';
  readonly delayMs: number;
  /** @default 'early' */
  readonly applies?: 'early' | 'late' | undefined;
}

/**
 * Spoils a bulk answer. `omit`: records are applied and left out of the answer; `reject`: they are not applied and
 * get a rejected verdict; `reverse`: the results come in reverse order.
 */
export interface PartialFault extends FaultBase {
  readonly kind: 'partial';
  /** @default 'omit' */
  readonly mode?: 'omit' | 'reject' | 'reverse' | undefined;
  /** Strikes every n-th of the matching records of the request. @default 2 */
  readonly every?: number | undefined;
}

/** Answers 200 with something that is not the API's answer. */
export interface GarbageFault extends FaultBase {
  readonly kind: 'garbage';
  /** @default 'html' */
  readonly body?: 'html' | 'truncated' | 'empty' | 'unrelated' | undefined;
  /** Whether what was asked is done. @default true for `truncated` and `empty`, else false */
  readonly applies?: boolean | undefined;
}

/** Redirects. Nothing is applied. */
export interface RedirectFault extends FaultBase {
  readonly kind: 'redirect';
  readonly status: 301 | 302 | 303 | 307 | 308;
  readonly location: string;
}

/** Answers 429. Nothing is applied. */
export interface RateLimitFault extends FaultBase {
  readonly kind: 'rate-limit';
  /** The form of Retry-After. `text` is not valid, `absurd` is years. @default 'seconds' */
  readonly retryAfter?: 'seconds' | 'http-date' | 'text' | 'absent' | 'absurd' | undefined;
  /** @default 1 */
  readonly seconds?: number | undefined;
}

/** Answers any status with a problem body. */
export interface StatusFault extends FaultBase {
  readonly kind: 'status';
  readonly status: number;
  /** @default false */
  readonly applies?: boolean | undefined;
}

/**
 * Nobody listens. With a `count`, that many connections are reset as soon as they are made; with `false` (default
 * here) the port is closed until the fault is removed. Connections that are open are cut.
 */
export interface DownFault {
  readonly kind: 'down';
  readonly count?: number | false | undefined;
}

/** Makes the anchoring of batches fail; `count` counts batches. A batch is struck when one of its records matches. */
export interface AnchorFailureFault extends FaultBase {
  readonly kind: 'anchor-failure';
}

/** What can go wrong on demand. */
export type CertyoFault =
  | RejectFault
  | FailAfterAcceptFault
  | HoldFault
  | SlowFault
  | PartialFault
  | GarbageFault
  | RedirectFault
  | RateLimitFault
  | StatusFault
  | DownFault
  | AnchorFailureFault;

/** A fault that was added. */
export interface FaultHandle {
  readonly id: string;
  /** How often it has struck. */
  readonly hits: number;
  /** How often it still will; null: until it is removed. */
  readonly remaining: number | null;
  /** Ends it; answers that it holds back are given now. Resolves when its end has taken effect. Idempotent. */
  remove(): Promise<void>;
}

/** Faults on demand. Several may be active; the first added that matches strikes. */
export interface CertyoFaults {
  /** @throws ConfigurationError when the fault is not a possible one. */
  add(fault: CertyoFault): FaultHandle;
  /** Removes all. */
  clear(): Promise<void>;
}
