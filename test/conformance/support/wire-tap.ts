import { createServer, connect, type Socket } from 'node:net';
import type { PostgresAddress } from '@certyo-cdc/testing';
import { factsOf } from './wire-facts.ts';

/** Passes connections on to a server and notes what is asked and sent in replication streams. */
export interface WireTap extends AsyncDisposable {
  readonly port: number;
  /** The texts of START_REPLICATION, in their order. */
  readonly asked: readonly string[];
  /** How often each fact about a message was seen; see `factsOf`. */
  readonly seen: ReadonlyMap<string, number>;
}

const COPY_BOTH = 0x57;
const COPY_DATA = 0x64;
const XLOG_DATA = 0x77;
const STREAM_START = 0x53;
const STREAM_STOP = 0x45;

export async function openWireTap(target: PostgresAddress): Promise<WireTap> {
  const asked: string[] = [];
  const seen = new Map<string, number>();
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
    client.on('data', (bytes: Buffer) => {
      const text = /START_REPLICATION[^\0]*/.exec(bytes.toString('latin1'))?.[0];
      if (text !== undefined) asked.push(text);
    });
    upstream.on('data', replicationReader(seen));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    asked,
    seen,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Reads what a server sends over one connection; counts the facts of messages of the replication stream. */
function replicationReader(seen: Map<string, number>): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let isReplication = false;
  let isStreamed = false;
  return (bytes) => {
    // The answer to the question for TLS, which is no message.
    if (bytes.length === 1 && rest.length === 0) return;
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let at = 0;
    while (rest.length - at >= 5) {
      const end = at + 1 + rest.readInt32BE(at + 1);
      if (end > rest.length) break;
      if (rest[at] === COPY_BOTH) isReplication = true;
      if (isReplication && rest[at] === COPY_DATA && rest[at + 5] === XLOG_DATA) {
        const message = rest.subarray(at + 5 + 25, end);
        if (message[0] === STREAM_STOP) isStreamed = false;
        for (const fact of factsOf(message, isStreamed)) seen.set(fact, (seen.get(fact) ?? 0) + 1);
        if (message[0] === STREAM_START) isStreamed = true;
      }
      at = end;
    }
    rest = rest.subarray(at);
  };
}
