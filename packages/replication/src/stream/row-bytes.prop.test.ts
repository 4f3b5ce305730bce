import { once } from 'node:events';
import { PassThrough } from 'node:stream';

import {
  ByteWriter,
  type ChangeEvent,
  isRowChange,
  type RowChange,
  writeRow,
} from '@certyo-cdc/core';
import { createTypeRegistry } from '@certyo-cdc/postgres';
import fc from 'fast-check';
import type { Client } from 'pg';
import { describe, expect, test } from 'vitest';

import { SocketReader } from '../protocol/socket-reader.ts';
import * as message from '../testing/messages.ts';
import { RelationResolver } from './relation-resolver.ts';
import { StreamDecoder } from './stream-decoder.ts';

type Value = message.Value;

/** Columns of each table, which is known by its place: up to as many as a table can have. */
const COUNTS = [1, 2, 3, 9, 700, 1_600];
const END = 60n;

/** One column bears the name under which a payload tells what it does not show. */
function nameOf(table: number, column: number): string {
  return table === 2 && column === 1 ? '_unavailable' : `c"${column}é`;
}

const value: fc.Arbitrary<Value> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .string({ unit: 'binary', maxLength: 12 })
      .map((text) => text.replaceAll('\0', ' ')),
  },
  fc.constantFrom<Value>(null, '', '"', '\\\u0001\u007f\ufffd', 'x'.repeat(9_000)),
  fc.constant<Value>(`é"${'\n'.repeat(3_000)}`),
);

const KINDS = ['insert', 'update', 'update with key', 'update in full', 'delete', 'delete in full'];

interface Change {
  readonly table: number;
  readonly kind: string;
  readonly values: readonly Value[];
  readonly old: readonly Value[];
}

const change: fc.Arbitrary<Change> = fc
  .record({
    table: fc.nat(COUNTS.length - 1),
    kind: fc.constantFrom(...KINDS),
    some: fc.array(value, { minLength: 1, maxLength: 9 }),
    others: fc.array(value, { minLength: 1, maxLength: 9 }),
    isHidden: fc.boolean(),
  })
  .map(({ isHidden, kind, others, some, table }) => {
    const row = (from: readonly Value[]): Value[] =>
      Array.from({ length: COUNTS[table] ?? 1 }, (_, index) =>
        index === 0 ? `k${from.length}` : (from[index % from.length] ?? null),
      );
    const values = row(some);
    // Unchanged TOAST; not in the table with the name that would be taken twice.
    if (isHidden && kind.startsWith('update') && table > 2) values[values.length - 1] = undefined;
    return { table, kind, values, old: row(others) };
  });

function messageOf({ kind, old, table, values }: Change): Buffer {
  const key = old.map((each, index) => (index === 0 ? each : null));
  switch (kind) {
    case 'insert':
      return message.insert(table, values);
    case 'update':
      return message.update(table, values);
    case 'update with key':
      return message.update(table, values, { kind: 'K', values: key });
    case 'update in full':
      return message.update(table, values, { kind: 'O', values: old });
    case 'delete':
      return message.remove(table, 'K', key);
    default:
      return message.remove(table, 'O', old);
  }
}

type Includes = (column: string) => boolean;

/** What is to be written, made of strings; `undefined` is what the source could not see. */
function json(table: number, row: readonly Value[], includes: Includes): string {
  const named = row
    .map((each, index) => [nameOf(table, index), each] as const)
    .filter(([name]) => includes(name));
  const hidden = named.filter(([, each]) => each === undefined).map(([name]) => name);
  return `{${[...named, ...(hidden.length > 0 ? [['_unavailable', hidden] as const] : [])]
    .filter(([, each]) => each !== undefined)
    .toSorted(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
    .map(([name, each]) => `${JSON.stringify(name)}:${JSON.stringify(each)}`)
    .join()}}`;
}

function expected({ kind, old, table, values }: Change, includes: Includes): string[] {
  const full = (row: readonly Value[]): string => json(table, row, includes);
  if (kind === 'delete') return [full(old.slice(0, 1)), full(old.slice(0, 1))];
  if (kind === 'delete in full') return [full(old), full(old)];
  if (kind === 'update in full') {
    return [full(values.map((each, index) => (each === undefined ? old[index] : each))), full(old)];
  }
  return [full(values), full((kind === 'update with key' ? old : values).slice(0, 1))];
}

function newDecoder(): StreamDecoder {
  return new StreamDecoder({
    source: { kind: 'replication', name: 'x', systemIdentifier: '1' },
    epochOf: () => 1,
    position: 0n,
    known: new Map(),
    isCaptured: () => true,
    wantsMessage: () => true,
    ddlPrefix: null,
    spool: null,
    onRelationRepeated: async () => undefined,
    resolver: new RelationResolver({
      database: 'd',
      keyOf: () => null,
      includeGenerated: false,
      types: createTypeRegistry(),
      query: async () => [],
    }),
  });
}

/** Writes the bytes into the socket in pieces of these sizes, over and over, each fourth one large. */
async function send(socket: PassThrough, bytes: Buffer, sizes: readonly number[]): Promise<void> {
  for (let [at, n] = [0, 0]; at < bytes.length; n += 1) {
    const size = Math.max(sizes[n % sizes.length] ?? 1, n % 4 === 0 ? 3_000 : 1);
    if (!socket.write(bytes.subarray(at, at + size))) await once(socket, 'drain');
    at += size;
  }
}

/** All rows of a stream, held until the last one has come. */
async function receive(bytes: Buffer, sizes: readonly number[]): Promise<readonly RowChange[]> {
  const socket = new PassThrough({ readableHighWaterMark: 1 });
  const client = { connection: { stream: socket } } as unknown as Client;
  const limits = { maxBufferedBytes: 10_000, maxMessageBytes: 100_000_000 };
  const reader = new SocketReader(client, limits);
  const sending = send(socket, bytes, sizes);
  const decoder = newDecoder();
  const events: ChangeEvent[] = [];
  while (decoder.committedTo < END) {
    const piece = await reader.read();
    const decoded = await decoder.decode(piece, 0);
    if (decoded.error !== null) throw decoded.error;
    reader.keep(piece.subarray(decoded.consumed));
    events.push(...decoded.events);
  }
  await sending;
  socket.destroy();
  return events.filter(isRowChange);
}

const relations = COUNTS.map((count, table) =>
  message.relation(
    table,
    Array.from({ length: count }, (_, index) => ({
      name: nameOf(table, index),
      key: index === 0,
    })),
    { name: `t${table}` },
  ),
);
const changes = fc.array(change, { minLength: 1, maxLength: 40 });
const sizes = fc.array(fc.oneof(fc.integer({ min: 300, max: 20_000 }), fc.constantFrom(1, 2, 5)), {
  minLength: 4,
  maxLength: 30,
});

describe('rows from the socket to bytes', () => {
  test('the bytes of every row are those of its texts, in whatever pieces they come', async () => {
    await fc.assert(
      fc.asyncProperty(changes, sizes, fc.nat(5), async (made, pieces, left) => {
        const includes = (name: string): boolean => !name.endsWith(`${left}é`);
        const messages = [message.begin(50n), ...relations, ...made.map(messageOf)];
        const frames = [...messages, message.commit(50n, END)].map((each) =>
          message.xlogData(each),
        );
        const rows = await receive(Buffer.concat(frames), pieces);
        const out = new ByteWriter(1);
        const written = rows.map((row) =>
          (['after', 'before'] as const).map((image) => {
            out.clear();
            writeRow(row, out, includes, image);
            expect(row.canonicalRow(includes, image)).toBe(out.toString());
            return out.toString();
          }),
        );
        expect(written).toEqual(made.map((each) => expected(each, includes)));
      }),
      { numRuns: 20 },
    );
  });
});
