/**
 * Runs several pieces of work side by side: when one fails the others are aborted, and waited for.
 *
 * @throws what the first of them has failed with.
 */
export async function runAll<T>(
  items: readonly T[],
  work: (item: T, options: { readonly signal: AbortSignal }) => Promise<void>,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const stopping = new AbortController();
  const within = { signal: AbortSignal.any([signal, stopping.signal]) };
  const failures: unknown[] = [];
  await Promise.all(
    items.map(async (item) => {
      try {
        await work(item, within);
      } catch (error) {
        failures.push(error);
        stopping.abort(error);
      }
    }),
  );
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
