/** A committed change as the database itself wrote it down. */
export interface Committed {
  /** Counts all changes; those of one row in the order of their commits. */
  readonly n: number;
  readonly id: number;
  /** The row's `write` after the change; null when it was deleted. */
  readonly write: number | null;
}

/** What Certyo holds of one change, in the order in which it was accepted. */
export interface Held {
  readonly recordId: string;
  readonly recordVersion: string;
  readonly operationType: string;
  readonly payload: string;
}

export interface Comparison {
  readonly committed: number;
  /** Rows whose last state is not what is held last. */
  readonly wrong: number;
  /** Changes that the database committed after `everyVersionFrom`, and that are not held. */
  readonly lost: number;
  /** Changes that were held after a later one of their row, from one and the same source; or under a smaller version. */
  readonly disordered: number;
  /** Changes that are held twice: by the old source and by the next one. */
  readonly repeated: number;
}

/** The table, and what writes down all that is committed to it. Every write of a row has a number of its own. */
export const TABLES: readonly string[] = [
  'CREATE SEQUENCE writes',
  `CREATE TABLE orders (id int PRIMARY KEY, write int NOT NULL DEFAULT nextval('writes'), note text)`,
  'CREATE TABLE history (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id int, write int)',
  `CREATE FUNCTION write_history() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     IF TG_OP = 'DELETE' THEN INSERT INTO public.history (id) VALUES (OLD.id);
     ELSE INSERT INTO public.history (id, write) VALUES (NEW.id, NEW.write); END IF;
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER write_history AFTER INSERT OR UPDATE OR DELETE ON orders
   FOR EACH ROW EXECUTE FUNCTION write_history()`,
];

/** The part of a version that names the source's turn: it grows with every switch. */
export function epochOf({ recordVersion }: Held): string {
  return recordVersion.split('-')[0] ?? '';
}

/** Compares row by row what is held with what was committed. */
export function compare(
  committed: readonly Committed[],
  held: readonly Held[],
  everyVersionFrom: number,
): Comparison {
  let wrong = 0;
  let lost = 0;
  let disordered = 0;
  let repeated = 0;
  const heldOf = groupBy(held, ({ recordId }) => recordId);
  for (const [id, changes] of groupBy(committed, (change) => String(change.id))) {
    const places = new Map(changes.map(({ write }, place) => [String(write), place]));
    const seen = new Set<number>();
    let last = -1;
    let epoch = '';
    let version = '';
    for (const one of heldOf.get(id) ?? []) {
      const place = places.get(String(writeOf(one))) ?? -1;
      if (epoch !== epochOf(one)) last = -1;
      if (place <= last || one.recordVersion <= version) disordered += 1;
      if (seen.has(place)) repeated += 1;
      seen.add(place);
      last = place;
      epoch = epochOf(one);
      version = one.recordVersion;
    }
    if (last !== changes.length - 1) wrong += 1;
    lost += changes.filter(({ n }, place) => n > everyVersionFrom && !seen.has(place)).length;
  }
  return { committed: committed.length, wrong, lost, disordered, repeated };
}

function writeOf({ operationType, payload }: Held): number | null {
  return operationType === 'delete'
    ? null
    : (JSON.parse(payload) as { readonly write: number }).write;
}

function groupBy<T>(list: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) {
    const group = groups.get(keyOf(item)) ?? [];
    group.push(item);
    groups.set(keyOf(item), group);
  }
  return groups;
}
