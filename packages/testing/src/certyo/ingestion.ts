import type { EmulatorState, Endpoint, EndpointRequest, Reply } from './endpoint.ts';
import type { FaultTarget } from './fault.ts';
import type { Acceptance } from './ledger.ts';
import { Problem } from './problem.ts';
import type { JsonInput } from './raw-json.ts';
import { isFields, readRecord, type IncomingRecord, type RecordRefusal } from './record-input.ts';

/** Most records in one bulk request. */
export const MAX_BULK_RECORDS = 1000;

/** `POST /api/v1/records` */
export const postRecord: Endpoint = (state, request) => {
  const read = readRecord(request.body, state.options);
  if ('refusal' in read) {
    state.rejections += 1;
    throw refusalProblem(read.refusal);
  }
  const { record } = read;
  checkOwner(request, record);
  const refusal = rejectedOnDemand(state, request, record);
  if (refusal !== null) {
    state.rejections += 1;
    throw refusalProblem(refusal);
  }
  const { acceptance, isNew } = accept(state, record, request.nowMs);
  return {
    status: 202,
    body: JSON.stringify(acceptanceBody(state, record.tenantId, acceptance)),
    effects: isNew ? 1 : 0,
  };
};

/** `POST /api/v1/records/bulk`: each record is validated and answered for itself. */
export const postBulk: Endpoint = (state, request) => {
  const reads = bulkRecords(request.body).map((input) => ({
    input,
    read: readRecord(input, state.options),
  }));
  // Before anything is applied: a foreign tenant refuses the request as a whole.
  for (const { read } of reads) if ('record' in read) checkOwner(request, read.record);

  const partial = strikePartial(state, request, reads);
  const results: object[] = [];
  let accepted = 0;
  let effects = 0;
  let matched = 0;
  reads.forEach(({ input, read }, index) => {
    let spoiled = false;
    if (partial !== null && 'record' in read && partial.matches(read.record)) {
      matched += 1;
      spoiled = matched % partial.every === 0;
    }
    const refusal =
      'refusal' in read
        ? read.refusal
        : ((spoiled && partial?.mode === 'reject' ? REJECTED_BY_PARTIAL : null) ??
          rejectedOnDemand(state, request, read.record));
    if (refusal !== null || 'refusal' in read) {
      state.rejections += 1;
      results.push(rejectedResult(index, input, refusal));
      return;
    }
    const { acceptance, isNew } = accept(state, read.record, request.nowMs);
    accepted += 1;
    if (isNew) effects += 1;
    if (spoiled && partial?.mode === 'omit') return;
    results.push({
      index,
      recordId: acceptance.recordId,
      status: 'accepted',
      recordHash: state.options.hashPrefix + acceptance.recordHash,
      acceptedAt: new Date(acceptance.acceptedAtMs).toISOString(),
      idempotencyReplayed: acceptance.isReplay,
    });
  });
  if (partial?.mode === 'reverse') results.reverse();
  const body = JSON.stringify({ results, accepted, rejected: reads.length - accepted });
  return { status: 202, body, effects } satisfies Reply;
};

const REJECTED_BY_PARTIAL: RecordRefusal = {
  code: 'rejected_on_demand',
  field: null,
  message: 'The record was rejected by a fault of the emulator.',
};

function bulkRecords(body: JsonInput): readonly JsonInput[] {
  const records = isFields(body) ? body['records'] : body;
  if (!Array.isArray(records)) {
    throw new Problem(400, 'invalid_type', 'records must be an array.', { field: 'records' });
  }
  if (records.length === 0) {
    throw new Problem(400, 'invalid_value', 'records must not be empty.', { field: 'records' });
  }
  if (records.length > MAX_BULK_RECORDS) {
    throw new Problem(
      400,
      'too_many_records',
      `records must have at most ${MAX_BULK_RECORDS} entries, got ${records.length}.`,
      { field: 'records' },
    );
  }
  return records;
}

/** The records of an ingestion request as far as they are valid, for faults to look at. */
export function incomingRecords(state: EmulatorState, body: JsonInput): IncomingRecord[] {
  const inputs = Array.isArray(body) ? body : isFields(body) ? (body['records'] ?? [body]) : [];
  if (!Array.isArray(inputs)) return [];
  return inputs.flatMap((input) => {
    const read = readRecord(input, state.options);
    return 'record' in read ? [read.record] : [];
  });
}

function checkOwner(request: EndpointRequest, record: IncomingRecord): void {
  const { tenantId, clientId } = request.principal;
  if (record.tenantId !== tenantId) {
    throw new Problem(403, 'tenant_forbidden', 'The API key is not authorized for this tenantId.', {
      field: 'tenantId',
    });
  }
  if (clientId !== null && record.clientId !== null && record.clientId !== clientId) {
    throw new Problem(403, 'client_forbidden', 'The API key is not authorized for this clientId.', {
      field: 'clientId',
    });
  }
}

function accept(
  state: EmulatorState,
  record: IncomingRecord,
  nowMs: number,
): { readonly acceptance: Acceptance; readonly isNew: boolean } {
  const { acceptance, stored } = state.ledger.accept(record, nowMs);
  if (stored !== null) state.anchoring.add(stored);
  return { acceptance, isNew: stored !== null };
}

function acceptanceBody(state: EmulatorState, tenantId: string, acceptance: Acceptance): object {
  return {
    recordId: acceptance.recordId,
    recordHash: state.options.hashPrefix + acceptance.recordHash,
    tenantId,
    acceptedAt: new Date(acceptance.acceptedAtMs).toISOString(),
    idempotencyReplayed: acceptance.isReplay,
  };
}

function rejectedResult(index: number, input: JsonInput, refusal: RecordRefusal | null): object {
  const recordId = isFields(input) ? input['recordId'] : null;
  return {
    index,
    recordId: typeof recordId === 'string' ? recordId : null,
    status: 'rejected',
    recordHash: null,
    acceptedAt: null,
    idempotencyReplayed: false,
    error: refusal,
  };
}

function refusalProblem(refusal: RecordRefusal): Problem {
  const status = refusal.code === 'record_too_large' ? 413 : 400;
  return new Problem(
    status,
    refusal.code,
    refusal.message,
    refusal.field === null ? {} : { field: refusal.field },
  );
}

function target(request: EndpointRequest, record: IncomingRecord): FaultTarget {
  const { method, path, principal } = request;
  return { method, path, tenantId: principal.tenantId, record };
}

function rejectedOnDemand(
  state: EmulatorState,
  request: EndpointRequest,
  record: IncomingRecord,
): RecordRefusal | null {
  if (state.faults.isEmpty) return null;
  const active = state.faults.strike(
    ['reject'],
    [target(request, record)],
    (fault) => fault.scope !== 'request',
  );
  if (active === null) return null;
  return { ...REJECTED_BY_PARTIAL, code: active.fault.code ?? REJECTED_BY_PARTIAL.code };
}

interface PartialStrike {
  readonly mode: 'omit' | 'reject' | 'reverse';
  readonly every: number;
  matches(record: IncomingRecord): boolean;
}

function strikePartial(
  state: EmulatorState,
  request: EndpointRequest,
  reads: readonly { readonly read: ReturnType<typeof readRecord> }[],
): PartialStrike | null {
  if (state.faults.isEmpty) return null;
  const targets = reads.flatMap(({ read }) =>
    'record' in read ? [target(request, read.record)] : [],
  );
  const active = state.faults.strike(['partial'], targets);
  if (active === null) return null;
  return {
    mode: active.fault.mode ?? 'omit',
    every: active.fault.every ?? 2,
    matches: (record) => active.wouldStrike(target(request, record)),
  };
}
