/** Something that happened in a tenant. */
export interface LoggedEvent {
  readonly tenantId: string;
  readonly atMs: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The newest events, bounded. */
export class EventLog {
  readonly #capacity: number;
  #events: (LoggedEvent & { readonly sequence: number })[] = [];
  #sequence = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(event: LoggedEvent): void {
    this.#sequence += 1;
    this.#events.push({ ...event, sequence: this.#sequence });
    // Cut rarely, so that the cost per event stays constant.
    if (this.#events.length >= this.#capacity * 2)
      this.#events = this.#events.slice(-this.#capacity);
  }

  /** The events of a tenant, oldest first. */
  of(tenantId: string): readonly (LoggedEvent & { readonly sequence: number })[] {
    return this.#events.filter((event) => event.tenantId === tenantId);
  }
}
