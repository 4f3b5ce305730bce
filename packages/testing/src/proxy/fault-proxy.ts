import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

import { FaultState, type Faults } from './faults.ts';
import { normalizeFaultProxyOptions, type FaultProxyOptions, type ProxyTarget } from './options.ts';
import { type CutHow, Pipe, type PipeDirection } from './pipe.ts';

/** How cutAfter() cuts. */
export interface CutOptions {
  /**
   * Which bytes are counted.
   * @default 'toClient'
   */
  readonly direction?: PipeDirection | undefined;
  /**
   * `reset` ends the connection by RST on both sides, `close` by FIN, `blackhole` lets that direction hang.
   * @default 'reset'
   */
  readonly how?: CutHow | undefined;
}

/** A TCP proxy on 127.0.0.1 that breaks connections on demand. */
export interface FaultProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections taken since the proxy was made. */
  readonly accepted: number;
  /** Bytes passed on to clients. */
  readonly bytesToClient: number;
  /** Bytes passed on to the target. */
  readonly bytesToTarget: number;
  /** Changes the named faults, for open connections too; the others stay as they are. */
  set(faults: Partial<Faults>): void;
  /** Ends all faults: bytes held back flow on, new connections are taken. Cut connections stay cut. */
  heal(): Promise<void>;
  /** Stops listening: new connections are refused (ECONNREFUSED), open ones go on. */
  refuse(): Promise<void>;
  /** Listens again on the same port. */
  accept(): Promise<void>;
  /** Ends all open connections by RST on both sides. Returns how many they were. */
  reset(): number;
  /** Passes exactly that many more bytes in one direction, all connections together, then cuts the connection. */
  cutAfter(bytes: number, options?: CutOptions): void;
  /** Where new connections go from now on. */
  retarget(target: ProxyTarget): void;
}

const HOST = '127.0.0.1';

class TcpFaultProxy implements FaultProxy {
  readonly host = HOST;
  readonly #state = new FaultState();
  readonly #sockets = new Map<Socket, Socket>();
  #server: Server | null = null;
  #target: ProxyTarget;
  #port = 0;
  #accepted = 0;

  constructor(target: ProxyTarget) {
    this.#target = target;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get bytesToClient(): number {
    return this.#state.passed.toClient;
  }

  get bytesToTarget(): number {
    return this.#state.passed.toTarget;
  }

  set(faults: Partial<Faults>): void {
    this.#state.set(faults);
  }

  async heal(): Promise<void> {
    this.#state.heal();
    await this.accept();
  }

  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    // Its callback would wait for the open connections; not listening is immediate.
    server?.close();
  }

  async accept(): Promise<void> {
    if (this.#server !== null) return;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#open(client);
    });
    this.#server = server;
    server.listen(this.#port, HOST);
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
  }

  reset(): number {
    const open = [...this.#sockets];
    for (const [client, upstream] of open) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    return open.length;
  }

  cutAfter(bytes: number, { direction = 'toClient', how = 'reset' }: CutOptions = {}): void {
    this.#state.cut(direction, bytes, how);
  }

  retarget(target: ProxyTarget): void {
    this.#target = normalizeFaultProxyOptions({ target }).target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse();
    const closed = [...this.#sockets].flat().map(async (socket) => {
      if (!socket.closed) await once(socket, 'close');
    });
    for (const socket of [...this.#sockets].flat()) socket.destroy();
    await Promise.all(closed);
  }

  #open(client: Socket): void {
    this.#accepted += 1;
    const upstream = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#sockets.set(client, upstream);
    const stop = new AbortController();
    const both = [client, upstream];
    for (const socket of both) {
      socket.on('close', () => {
        if (both.some((other) => !other.closed)) return;
        stop.abort();
        this.#sockets.delete(client);
      });
    }
    new Pipe(client, upstream, 'toTarget', this.#state, stop.signal).start();
    new Pipe(upstream, client, 'toClient', this.#state, stop.signal).start();
  }
}

/**
 * Puts a TCP proxy in front of a server, to be told what to do to its connections.
 *
 * Bytes that a fault holds back are neither lost nor reordered: they flow on when it ends, as they would on a real network.
 *
 * @example
 * await using proxy = await faultProxy({ target: { host: server.host, port: server.port } });
 * proxy.set({ blackhole: 'both' });
 * await proxy.heal();
 */
export async function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(normalizeFaultProxyOptions(options).target);
  await proxy.accept();
  return proxy;
}
