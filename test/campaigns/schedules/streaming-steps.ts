import fc from 'fast-check';

/** Connections that write at the same time. */
export const WRITERS = 3;

/** What a transaction does next. What makes no sense at that moment is passed over. */
export type StreamingAction =
  | { readonly kind: 'insert' | 'update' | 'delete'; readonly own: boolean; readonly rows: number }
  /** Rows in a subtransaction that fails. */
  | { readonly kind: 'failing-block'; readonly own: boolean; readonly rows: number }
  | { readonly kind: 'savepoint' | 'rollback-to' | 'release' }
  | { readonly kind: 'add-column' | 'drop-column' | 'truncate' | 'truncate-both' }
  | { readonly kind: 'message'; readonly transactional: boolean; readonly bytes: number }
  | { readonly kind: 'commit' | 'rollback' | 'prepare' }
  | { readonly kind: 'finish-prepared'; readonly commits: boolean };

/** One step of a schedule. */
export type StreamingStep =
  | { readonly kind: 'write'; readonly writer: number; readonly action: StreamingAction }
  /** A reader dies and goes on from what it has acknowledged; or its connection is cut. */
  | { readonly kind: 'restart' | 'cut'; readonly reader: number }
  | { readonly kind: 'acknowledge'; readonly reader: number };

const rows = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 20 }) },
  { weight: 3, arbitrary: fc.integer({ min: 150, max: 500 }) },
);
const own = fc.boolean();

function only<T extends string>(...kinds: readonly T[]): fc.Arbitrary<{ readonly kind: T }> {
  return fc.record({ kind: fc.constantFrom(...kinds) });
}

const action: fc.Arbitrary<StreamingAction> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('insert' as const), own, rows }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('update' as const, 'delete' as const),
      own,
      rows,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('failing-block' as const), own, rows }) },
  { weight: 6, arbitrary: only('savepoint', 'rollback-to', 'release') },
  { weight: 2, arbitrary: only('add-column', 'drop-column', 'truncate', 'truncate-both') },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('message' as const),
      transactional: fc.boolean(),
      bytes: fc.constantFrom(0, 7, 5_000),
    }),
  },
  { weight: 4, arbitrary: only('commit', 'rollback', 'prepare') },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('finish-prepared' as const), commits: fc.boolean() }),
  },
);

const reader = fc.integer({ min: 0, max: 2 });

/** Random schedules of transactions, with readers that die at any moment. */
export const streamingSchedules: fc.Arbitrary<readonly StreamingStep[]> = fc.array(
  fc.oneof<fc.MaybeWeightedArbitrary<StreamingStep>[]>(
    {
      weight: 20,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        writer: fc.integer({ min: 0, max: WRITERS - 1 }),
        action,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'cut' as const), reader }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), reader }) },
  ),
  { minLength: 10, maxLength: 60, size: 'max' },
);
