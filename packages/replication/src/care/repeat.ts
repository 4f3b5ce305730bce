/** Runs `work` again and again, never twice at a time, until the result is called. What it throws is `work`'s own affair. */
export function repeat(everyMs: number, work: () => Promise<void>): () => void {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const run = (): void => {
    work()
      .catch(() => undefined)
      .finally(() => {
        if (!isOver) timer = setTimeout(run, everyMs);
      });
  };
  run();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
