/**
 * The other end of the pipeline: answers requests with one record as the API documents it, and bulk requests, whose answer is
 * not public, by index; for as little CPU as Node allows, because it runs on the cores that are measured. It reads no JSON: it counts the records by a member that each has once, and
 * answers from text that was written beforehand.
 */
import { createServer, type Socket } from 'node:net';
import { startMeter, type Usage } from './meter.ts';
import type { ReceiverReport } from './http-receiver.ts';
import { acceptedEntry, acceptedRecord } from './receiver-answer.ts';
import { serveParent } from './serve-parent.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
const KEY = Buffer.from('"idempotencyKey":"');
const RECORD_ID = Buffer.from('"recordId":"');
const BULK = Buffer.from('POST /api/v1/records/bulk');
const MOST = 1_000;

/** The answer to a bulk request with n records, with its head: the same bytes for all requests with as many. */
const bulkAnswers: (Buffer | undefined)[] = [];

let records = 0;
let requests = 0;
let requestBytes = 0;
let answerBytes = 0;
let stop: (() => Usage) | null = null;
let arrivals: { readonly ids: string[]; readonly at: bigint[] } | null = null;
let goal: { readonly records: number; readonly reached: () => void } | null = null;

function answer(body: string): Buffer {
  const bytes = Buffer.from(body);
  const head = `HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

function bulkAnswer(count: number): Buffer {
  const known = bulkAnswers[count];
  if (known !== undefined) return known;
  const results = Array.from({ length: count }, (_, index) => acceptedEntry(index));
  const made = answer(`{"results":[${results.join(',')}],"accepted":${count},"rejected":0}`);
  bulkAnswers[count] = made;
  return made;
}

function singleAnswer(recordId: string): Buffer {
  return answer(acceptedRecord(recordId));
}

/** The record's id as its JSON text has it, without the quotes. */
function recordIdAt(body: Buffer, from: number): string {
  const start = body.indexOf(RECORD_ID, from) + RECORD_ID.length;
  let end = start;
  while (body[end] !== 0x22) end += body[end] === 0x5c ? 2 : 1;
  return body.toString('utf8', start, end);
}

function countRecords(body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf(KEY); at !== -1; at = body.indexOf(KEY, at + KEY.length)) count += 1;
  return count;
}

function noteArrivals(body: Buffer, noted: NonNullable<typeof arrivals>): void {
  const at = process.hrtime.bigint();
  let from = 0;
  for (;;) {
    const next = body.indexOf(RECORD_ID, from);
    if (next === -1) return;
    noted.ids.push(recordIdAt(body, next));
    noted.at.push(at);
    from = next + RECORD_ID.length;
  }
}

function respond(request: Buffer, bodyAt: number): Buffer {
  const body = request.subarray(bodyAt);
  const isBulk = request.compare(BULK, 0, BULK.length, 0, BULK.length) === 0;
  const count = isBulk ? countRecords(body) : 1;
  if (count > MOST) throw new Error(`A request with ${count} records.`);
  if (arrivals !== null) noteArrivals(body, arrivals);
  const bytes = isBulk ? bulkAnswer(count) : singleAnswer(recordIdAt(body, 0));
  requests += 1;
  records += count;
  requestBytes += request.length;
  answerBytes += bytes.length;
  if (goal !== null && records >= goal.records) goal.reached();
  return bytes;
}

/** One connection: requests with a content-length, one after the other. */
function serve(socket: Socket): void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  /** Of the request that is coming in; 0 while its head is not whole. */
  let wanted = 0;
  let bodyAt = 0;
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    for (;;) {
      if (wanted === 0) {
        const whole = chunks.length === 1 ? (chunks[0] ?? chunk) : Buffer.concat(chunks);
        chunks = [whole];
        const headEnd = whole.indexOf(HEAD_END);
        if (headEnd === -1) return;
        bodyAt = headEnd + HEAD_END.length;
        const head = whole.toString('latin1', 0, headEnd);
        const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
        if (length === undefined) throw new Error(`A request without a length: ${head}`);
        wanted = bodyAt + Number(length);
      }
      if (bytes < wanted) return;
      const whole = chunks.length === 1 ? (chunks[0] ?? chunk) : Buffer.concat(chunks);
      const request = whole.subarray(0, wanted);
      const rest = whole.subarray(wanted);
      chunks = rest.length === 0 ? [] : [rest];
      bytes = rest.length;
      wanted = 0;
      socket.write(respond(request, bodyAt));
      if (bytes === 0) return;
    }
  });
}

const server = createServer(serve);

serveParent({
  /** Gives the port. */
  listen: async (): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  },
  /** Counts from zero. */
  begin: ({ notesArrivals }: { readonly notesArrivals: boolean }): void => {
    records = 0;
    requests = 0;
    requestBytes = 0;
    answerBytes = 0;
    goal = null;
    arrivals = notesArrivals ? { ids: [], at: [] } : null;
    stop = startMeter();
  },
  /** Resolves when so many records have come. */
  received: (count: number): Promise<void> =>
    new Promise((resolve) => {
      if (records >= count) resolve();
      else goal = { records: count, reached: resolve };
    }),
  end: (): ReceiverReport => {
    const usage = stop?.() ?? { seconds: 0, cpuSeconds: 0, maxRssBytes: 0 };
    const noted = arrivals;
    return {
      ...usage,
      records,
      requests,
      requestBytes,
      answerBytes,
      arrivals: (noted?.ids ?? []).map((id, index) => [id, String(noted?.at[index] ?? 0n)]),
    };
  },
});
