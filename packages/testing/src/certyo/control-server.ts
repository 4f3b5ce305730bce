import { CdcError } from '@certyo-cdc/core';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CertyoEmulator } from './certyo-emulator.ts';
import { checkFault } from './fault-check.ts';
import type { ActiveFault, FaultRegistry } from './fault-registry.ts';
import type { CertyoFault } from './fault.ts';
import { readBody } from './request-body.ts';

const PREFIX = '/__emulator';
const MAX_BODY_BYTES = 1024 * 1024;
const MAX_PAGE = 10_000;

type ControlledEmulator = Omit<CertyoEmulator, 'faults'> & { readonly faults: FaultRegistry };

/** The control endpoint: what tests in the same process do by calls, other processes do by HTTP. */
export interface ControlServer {
  readonly url: string;
  close(): Promise<void>;
}

class ControlProblem extends Error {
  override readonly name = 'ControlProblem' as const;
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Starts the control endpoint of an emulator. */
export async function startControlServer(
  emulator: ControlledEmulator,
  host: string,
  port: number,
): Promise<ControlServer> {
  const server = createServer((request, response) => {
    void answer(emulator, request, response);
  });
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shownHost}:${address.port}${PREFIX}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

async function answer(
  emulator: ControlledEmulator,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('The caller went away.')));
  let status = 200;
  let value: unknown;
  try {
    const body = await readJson(request);
    value = await control(emulator, request, body, gone.signal);
  } catch (error) {
    status = error instanceof ControlProblem ? error.status : CdcError.is(error) ? 400 : 500;
    value = { error: error instanceof Error ? error.message : 'The emulator failed.' };
  }
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(value));
}

async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body === null) throw new ControlProblem(413, 'The body is too large.');
  if (body.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new ControlProblem(400, 'The body is not valid JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ControlProblem(400, 'The body must be a JSON object.');
  }
  return { ...value };
}

async function control(
  emulator: ControlledEmulator,
  request: IncomingMessage,
  body: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<unknown> {
  const url = new URL(request.url ?? '/', 'http://control');
  const route = `${request.method ?? 'GET'} ${url.pathname}`;
  const faultId = /^DELETE \/__emulator\/faults\/(\w+)$/.exec(route)?.[1];
  if (faultId !== undefined) {
    const active = emulator.faults.find(faultId);
    if (active === null) throw new ControlProblem(404, 'There is no such fault.');
    await active.remove();
    return faultBody(active);
  }
  switch (route) {
    case `GET ${PREFIX}/status`:
      return {
        url: emulator.url,
        now: new Date(emulator.clock.now()).toISOString(),
        counters: emulator.counters,
      };
    case `GET ${PREFIX}/records`:
      return recordsPage(emulator, url.searchParams);
    case `GET ${PREFIX}/digests`:
      return { digests: Object.fromEntries(emulator.digests()) };
    case `GET ${PREFIX}/requests`:
      return { items: emulator.requests };
    case `GET ${PREFIX}/faults`:
      return { items: emulator.faults.list().map(faultBody) };
    case `POST ${PREFIX}/faults`:
      return faultBody(emulator.faults.add(toFault(body)));
    case `DELETE ${PREFIX}/faults`:
      await emulator.faults.clear();
      return {};
    case `POST ${PREFIX}/clock`:
      if (typeof body['advanceMs'] !== 'number' || !(body['advanceMs'] >= 0)) {
        throw new ControlProblem(400, 'advanceMs must be a non-negative number.');
      }
      emulator.clock.advance(body['advanceMs']);
      return { now: new Date(emulator.clock.now()).toISOString() };
    case `POST ${PREFIX}/close-batches`:
      emulator.closeBatches();
      return {};
    case `POST ${PREFIX}/wait-until-anchored`:
      await emulator.waitUntilAnchored({ signal });
      return { counters: emulator.counters };
    default:
      throw new ControlProblem(404, `There is no ${route}.`);
  }
}

function recordsPage(emulator: ControlledEmulator, query: URLSearchParams): object {
  const after = Number(query.get('after') ?? 0);
  const limit = Number(query.get('limit') ?? MAX_PAGE);
  if (!Number.isSafeInteger(after) || !Number.isSafeInteger(limit) || limit < 1) {
    throw new ControlProblem(400, 'after and limit must be integers.');
  }
  const items = emulator.effectsAfter(after, Math.min(limit, MAX_PAGE));
  return { items, nextAfter: items.at(-1)?.sequence ?? after };
}

function toFault(body: Readonly<Record<string, unknown>>): CertyoFault {
  const fault = body as unknown as CertyoFault;
  checkFault(fault);
  return fault;
}

function faultBody(active: ActiveFault): object {
  const { id, hits, remaining } = active;
  return { id, kind: active.fault.kind, hits, remaining };
}
