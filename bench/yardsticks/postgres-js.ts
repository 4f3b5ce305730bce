/**
 * postgres.js `subscribe`, as its README shows it. It makes a slot of its own when it subscribes, so it cannot read what is in
 * the log already: its process is frozen while the rows are written.
 */
import postgres from 'postgres';
import { startMeter, type Usage } from '../support/meter.ts';
import { serveParent } from '../support/serve-parent.ts';

/** Where it subscribes, and how many rows are going to come. */
export interface SubscribeInput {
  readonly url: string;
  readonly publication: string;
  readonly rows: number;
}

/** `endedAt` by `process.hrtime`, the same clock in all processes. */
export interface SubscribeMeasure extends Usage {
  readonly rows: number;
  readonly endedAt: string;
}

let drained: Promise<SubscribeMeasure> | null = null;

serveParent({
  subscribe: async ({ publication, rows, url }: SubscribeInput): Promise<void> => {
    const sql = postgres(url, { publications: publication, fetch_types: false });
    let stop = startMeter();
    let seen = 0;
    const { promise, resolve } = deferred<SubscribeMeasure>();
    drained = promise;
    await sql.subscribe('insert', () => {
      seen += 1;
      if (seen === rows) resolve({ rows, ...stop(), endedAt: String(process.hrtime.bigint()) });
    });
    stop = startMeter();
  },
  drained: () => drained,
});

function deferred<Value>(): {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
} {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
