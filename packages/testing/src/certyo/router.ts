import type { Endpoint } from './endpoint.ts';
import { postBulk, postRecord } from './ingestion.ts';
import { Problem } from './problem.ts';
import { getHistory, getRecords, getSnapshots } from './query.ts';
import {
  getBatch,
  getLifecycle,
  getRetrievalControls,
  getSnapshot,
  getTimeline,
  retrySnapshot,
} from './snapshots.ts';
import { verifyPayload, verifyRecord, verifySnapshot } from './verification.ts';

const PREFIX = '/api/v1';

interface Route {
  readonly pattern: RegExp;
  readonly methods: Readonly<Record<string, Endpoint>>;
}

function route(path: string, methods: Readonly<Record<string, Endpoint>>): Route {
  return { pattern: new RegExp(`^${PREFIX}${path.replace('{id}', '([^/]+)')}$`), methods };
}

const ROUTES: readonly Route[] = [
  route('/records/bulk', { POST: postBulk }),
  route('/records', { POST: postRecord, GET: getRecords }),
  route('/verify/record', { POST: verifyRecord }),
  route('/verify/payload', { POST: verifyPayload }),
  route('/verify/snapshot/{id}', { GET: verifySnapshot }),
  route('/verify/history', { GET: getHistory((state) => state.verifications) }),
  route('/snapshots', { GET: getSnapshots }),
  route('/snapshots/{id}', { GET: getSnapshot }),
  route('/snapshots/{id}/lifecycle', { GET: getLifecycle }),
  route('/snapshots/{id}/retry', { POST: retrySnapshot }),
  route('/batches/{id}', { GET: getBatch }),
  route('/timeline/record', { GET: getTimeline }),
  route('/audit/history', { GET: getHistory((state) => state.audit) }),
  route('/evidence/retrieval-controls', { GET: getRetrievalControls }),
];

/** Finds the endpoint for a request. @throws Problem 404 or 405 */
export function findEndpoint(
  method: string,
  path: string,
): { readonly endpoint: Endpoint; readonly id: string } {
  for (const { pattern, methods } of ROUTES) {
    const match = pattern.exec(path);
    if (match === null) continue;
    const endpoint = Object.entries(methods).find(([name]) => name === method)?.[1];
    if (endpoint === undefined) {
      const allowed = Object.keys(methods).join(', ');
      throw new Problem(405, 'method_not_allowed', `Only ${allowed} is allowed here.`, {
        headers: { allow: allowed },
      });
    }
    return { endpoint, id: decode(match[1] ?? '') };
  }
  throw new Problem(404, 'endpoint_not_found', 'There is no such endpoint.');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Problem(404, 'endpoint_not_found', 'The path is not valid.');
  }
}
