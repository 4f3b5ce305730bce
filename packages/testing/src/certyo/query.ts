import type { EmulatorState, Endpoint, EndpointRequest } from './endpoint.ts';
import { jsonReply } from './endpoint.ts';
import type { EventLog } from './event-log.ts';
import { Problem } from './problem.ts';
import { requireFull, snapshotBody, summaryBody } from './record-view.ts';
import type { StoredRecord } from './stored-record.ts';

const STATUSES = ['Ingested', 'PendingAnchor', 'Batched', 'Anchored', 'Failed'];

/** `GET /api/v1/records`: summaries, newest first. */
export const getRecords: Endpoint = (state, request) =>
  jsonReply(page(state, request, (record) => summaryBody(state, record)));

/** `GET /api/v1/snapshots`: one per accepted record version, newest first. */
export const getSnapshots: Endpoint = (state, request) =>
  jsonReply(page(state, request, (record) => snapshotBody(state, record)));

/** `GET /api/v1/verify/history` and `GET /api/v1/audit/history`, newest first. */
export function getHistory(pick: (state: EmulatorState) => EventLog): Endpoint {
  return (state, request) => {
    const tenantId = ownTenant(request);
    const { from, to } = timeRange(request);
    const limit = limitOf(request);
    const before = cursorOf(request);
    const events = pick(state)
      .of(tenantId)
      .filter((event) => event.atMs >= from && event.atMs < to && event.sequence < before)
      .toReversed();
    const items = events.slice(0, limit);
    const last = items.at(-1);
    return jsonReply({
      items: items.map((event) => ({ at: new Date(event.atMs).toISOString(), ...event.fields })),
      nextCursor: last !== undefined && events.length > limit ? cursor(last.sequence) : null,
    });
  };
}

/** The tenant of the request; naming another one than the key's is forbidden. */
export function ownTenant(request: EndpointRequest, given?: unknown): string {
  const named = given ?? request.query.get('tenantId');
  if (named !== null && named !== undefined && named !== request.principal.tenantId) {
    throw new Problem(403, 'tenant_forbidden', 'The API key is not authorized for this tenantId.', {
      field: 'tenantId',
    });
  }
  return request.principal.tenantId;
}

function page(
  state: EmulatorState,
  request: EndpointRequest,
  view: (record: StoredRecord) => object,
): object {
  const tenantId = ownTenant(request);
  requireFull(state);
  const recordId = request.query.get('recordId');
  const accepts = filterOf(request);
  const limit = limitOf(request);
  const before = cursorOf(request);
  const records = state.ledger.recordsOf(tenantId, recordId);
  const found: StoredRecord[] = [];
  // One more than asked for tells whether there is another page.
  for (let index = records.length - 1; index >= 0 && found.length <= limit; index -= 1) {
    const record = records[index];
    if (record !== undefined && record.sequence < before && accepts(record)) found.push(record);
  }
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return {
    items: items.map(view),
    nextCursor: last !== undefined && found.length > limit ? cursor(last.sequence) : null,
  };
}

function filterOf(request: EndpointRequest): (record: StoredRecord) => boolean {
  const get = (name: string): string | null => request.query.get(name);
  const [database, collection, version] = [
    get('database'),
    get('collection'),
    get('recordVersion'),
  ];
  const [clientId, status] = [get('clientId'), get('status')];
  if (status !== null && !STATUSES.includes(status)) {
    throw parameterProblem('status', `one of ${STATUSES.join(', ')}`);
  }
  const { from, to } = timeRange(request);
  return ({ input, acceptedAtMs, status: ownStatus }) =>
    (database === null || input.database === database) &&
    (collection === null || input.collection === collection) &&
    (version === null || input.recordVersion === version) &&
    (clientId === null || input.clientId === clientId) &&
    (status === null || ownStatus === status) &&
    acceptedAtMs >= from &&
    acceptedAtMs < to;
}

function timeRange(request: EndpointRequest): { readonly from: number; readonly to: number } {
  const read = (name: string, absent: number): number => {
    const value = request.query.get(name);
    if (value === null) return absent;
    const atMs = /^\d{4}-\d{2}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(atMs)) throw parameterProblem(name, 'an ISO 8601 time');
    return atMs;
  };
  return { from: read('from', -Infinity), to: read('to', Infinity) };
}

function limitOf(request: EndpointRequest): number {
  const value = request.query.get('limit');
  if (value === null) return 100;
  const limit = Number(value);
  if (!/^\d+$/.test(value) || limit < 1 || limit > 1000) {
    throw parameterProblem('limit', 'an integer from 1 to 1000');
  }
  return limit;
}

function cursor(sequence: number): string {
  return Buffer.from(`before:${sequence}`).toString('base64url');
}

function cursorOf(request: EndpointRequest): number {
  const value = request.query.get('cursor');
  if (value === null) return Infinity;
  const match = /^before:(\d+)$/.exec(Buffer.from(value, 'base64url').toString());
  if (match === null) throw parameterProblem('cursor', 'a nextCursor of an earlier answer');
  return Number(match[1]);
}

function parameterProblem(name: string, expected: string): Problem {
  return new Problem(400, 'invalid_parameter', `${name} must be ${expected}.`, { field: name });
}
