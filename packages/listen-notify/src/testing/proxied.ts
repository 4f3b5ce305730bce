import { faultProxy, type FaultProxy, type TestDatabase } from '@certyo-cdc/testing';

export interface Proxied extends AsyncDisposable {
  readonly proxy: FaultProxy;
  /** The database through the proxy. */
  readonly url: string;
}

/** A proxy in front of a database, to break connections with. */
export async function proxied(
  database: Pick<TestDatabase, 'host' | 'port' | 'url'>,
): Promise<Proxied> {
  const proxy = await faultProxy({ target: { host: database.host, port: database.port } });
  return {
    proxy,
    url: urlVia(database.url, proxy.port),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

/** A database's URL through something that listens on a local port. */
export function urlVia(databaseUrl: string, port: number): string {
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return url.href;
}
