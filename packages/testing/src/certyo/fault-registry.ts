import { checkFault } from './fault-check.ts';
import type {
  CertyoFault,
  CertyoFaults,
  DownFault,
  FaultBase,
  FaultHandle,
  FaultTarget,
} from './fault.ts';

/** How the registry closes and opens the port. */
export interface ListenSwitch {
  goDown(): void;
  comeUp(): Promise<void>;
}

/** A fault that is active. */
export class ActiveFault<Fault extends CertyoFault = CertyoFault> implements FaultHandle {
  readonly id: string;
  readonly fault: Fault;
  hits = 0;
  remaining: number | null;
  readonly #onRemove: (fault: ActiveFault) => Promise<void>;
  readonly #releases = new Set<() => void>();
  #isRemoved = false;

  constructor(id: string, fault: Fault, onRemove: (fault: ActiveFault) => Promise<void>) {
    this.id = id;
    this.fault = fault;
    this.#onRemove = onRemove;
    const count = fault.count ?? (fault.kind === 'down' ? false : 1);
    this.remaining = count === false ? null : count;
  }

  get canStrike(): boolean {
    return !this.#isRemoved && this.remaining !== 0;
  }

  wouldStrike(target: FaultTarget): boolean {
    return matches(this.fault, target);
  }

  strike(): void {
    this.hits += 1;
    if (this.remaining !== null) this.remaining -= 1;
  }

  /** Resolves when the fault is removed. */
  untilRemoved(): Promise<void> {
    if (this.#isRemoved) return Promise.resolve();
    return new Promise((resolve) => {
      this.#releases.add(resolve);
    });
  }

  async remove(): Promise<void> {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    for (const release of this.#releases) release();
    this.#releases.clear();
    await this.#onRemove(this);
  }
}

type Kind = CertyoFault['kind'];
type FaultOf<K extends Kind> = Extract<CertyoFault, { readonly kind: K }>;

/** The faults that are active, in the order in which they were added. */
export class FaultRegistry implements CertyoFaults {
  readonly #listen: ListenSwitch;
  readonly #active = new Map<string, ActiveFault>();
  #number = 0;

  constructor(listen: ListenSwitch) {
    this.#listen = listen;
  }

  get isEmpty(): boolean {
    return this.#active.size === 0;
  }

  add(fault: CertyoFault): ActiveFault {
    checkFault(fault);
    this.#number += 1;
    const active = new ActiveFault(`fault_${this.#number}`, { ...fault }, async (removed) => {
      this.#active.delete(removed.id);
      if (closesPort(removed.fault) && !this.#isPortClosed()) await this.#listen.comeUp();
    });
    this.#active.set(active.id, active);
    if (closesPort(active.fault)) this.#listen.goDown();
    return active;
  }

  find(id: string): ActiveFault | null {
    return this.#active.get(id) ?? null;
  }

  list(): ActiveFault[] {
    return [...this.#active.values()];
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#active.values()].map((active) => active.remove()));
  }

  /** The first fault of these kinds that strikes one of the targets; it counts as a hit. */
  strike<K extends Kind>(
    kinds: readonly K[],
    targets: readonly FaultTarget[],
    accepts: (fault: FaultOf<K>) => boolean = () => true,
  ): ActiveFault<FaultOf<K>> | null {
    for (const active of this.#active.values()) {
      if (!active.canStrike || !isOfKind(active, kinds) || !accepts(active.fault)) continue;
      if (!targets.some((target) => matches(active.fault, target))) continue;
      active.strike();
      return active;
    }
    return null;
  }

  #isPortClosed(): boolean {
    return [...this.#active.values()].some((active) => closesPort(active.fault));
  }
}

/** Whether a fault strikes this target. */
export function matches(fault: FaultBase | DownFault, target: FaultTarget): boolean {
  const match = 'match' in fault ? fault.match : undefined;
  if (match === undefined) return true;
  if (typeof match === 'function') return match(target);
  const { method, path, tenantId, ...recordFields } = match;
  if (method !== undefined && method !== target.method) return false;
  if (path !== undefined && !target.path.startsWith(path)) return false;
  if (tenantId !== undefined && tenantId !== target.tenantId) return false;
  const record = target.record;
  return Object.entries(recordFields).every(([name, expected]) => {
    if (expected === undefined) return true;
    return record !== null && Object.entries(record).some(([n, v]) => n === name && v === expected);
  });
}

function isOfKind<K extends Kind>(
  active: ActiveFault,
  kinds: readonly K[],
): active is ActiveFault<FaultOf<K>> {
  return (kinds as readonly string[]).includes(active.fault.kind);
}

function closesPort(fault: CertyoFault): boolean {
  return fault.kind === 'down' && (fault.count ?? false) === false;
}
