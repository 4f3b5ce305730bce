import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceProtocolError } from '@certyo-cdc/core';
import { createTypeRegistry } from '@certyo-cdc/postgres';
import { tell } from '@certyo-cdc/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as message from '../testing/messages.ts';
import { RelationResolver } from './relation-resolver.ts';
import { SpoolFolder } from './spool.ts';
import { StreamDecoder, type StreamDecoderOptions } from './stream-decoder.ts';

const OID = 100;
const T = message.relation(OID, [
  { name: 'id', type: 23, key: true },
  { name: 'v', type: 25 },
]);

function newDecoder(
  more: Partial<Pick<StreamDecoderOptions, 'onRelationRepeated' | 'spool'>> = {},
): StreamDecoder {
  return new StreamDecoder({
    source: { kind: 'replication', name: 'x', systemIdentifier: '1' },
    epochOf: () => 1,
    position: 0n,
    known: new Map(),
    isCaptured: ({ schema }) => schema === 'public',
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
    ...more,
  });
}

function stream(...messages: readonly Buffer[]): Buffer {
  return Buffer.concat(messages.map((body) => message.xlogData(body)));
}

const rows = (from: number, to: number): Buffer[] =>
  Array.from({ length: to - from }, (_, i) => message.insert(OID, [String(from + i), 'x']));

describe(StreamDecoder, () => {
  test('a transaction that is cut off after any message is given once, with the same ids', async () => {
    const whole = [
      message.begin(50n),
      T,
      ...rows(0, 3),
      message.truncate([OID]),
      ...rows(3, 5),
      message.commit(50n, 60n),
    ];
    const expected = (await newDecoder().decode(stream(...whole), 0)).events.map((e) => e.id);
    expect(expected).toHaveLength(6);
    for (let first = 0; first < whole.length; first++) {
      for (let second = 0; second < whole.length; second++) {
        const decoder = newDecoder();
        const given: string[] = [];
        for (const cut of [first, second, whole.length]) {
          await decoder.beginSession(decoder.committedTo);
          const { events, error } = await decoder.decode(stream(...whole.slice(0, cut)), 0);
          expect(error).toBeNull();
          given.push(...events.map((event) => event.id));
        }
        expect(given).toEqual(expected);
        expect(decoder.committedTo).toBe(60n);
      }
    }
  });

  test('R-16: relations that come again are told once for what was received together, before the row behind the first', async () => {
    const told: string[] = [];
    let where = '';
    const decoder = newDecoder({
      onRelationRepeated: async () => {
        told.push(where);
      },
    });
    const pieces = {
      first: [message.begin(50n), T, ...rows(0, 1)],
      again: [T, ...rows(1, 2), T, ...rows(2, 3), T],
      quiet: rows(3, 4),
      later: [T, ...rows(4, 5), message.commit(50n, 60n), message.begin(70n), T, ...rows(5, 6)],
    };
    const events: string[] = [];
    for (const [name, messages] of Object.entries(pieces)) {
      where = name;
      const decoded = await decoder.decode(stream(...messages), 0);
      expect(decoded.error).toBeNull();
      events.push(...decoded.events.map(tell));
    }
    expect(told).toEqual(['again', 'later']);
    expect(events).toHaveLength(6);
  });

  test('R-16: what is told of a relation that came again stops the stream before the rows behind it', async () => {
    const decoder = newDecoder({
      onRelationRepeated: async () => {
        throw new SourceProtocolError('altered');
      },
    });
    for (const [piece, given] of [
      [[message.begin(50n), T, ...rows(0, 2), T, ...rows(2, 3)], 2],
      [[T, ...rows(3, 4)], 0],
    ] as const) {
      const { error, events } = await decoder.decode(stream(...piece), 0);
      expect(String(error)).toContain('altered');
      expect(events).toHaveLength(given);
    }
  });

  test('R-16, R-24: relations that come again in a transaction from the spool are told once, and before the row behind the first', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'certyo-spool-test-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    let told = 0;
    let isAltered = true;
    const decoder = newDecoder({
      spool: new SpoolFolder({ directory, maxBytes: 10_000_000 }, 'x'),
      onRelationRepeated: async () => {
        told += 1;
        if (isAltered) throw new SourceProtocolError('altered');
      },
    });
    const { int32, int64, letter } = message;
    const xid = int32(8);
    const inXid = (body: Buffer): Buffer =>
      Buffer.concat([body.subarray(0, 1), xid, body.subarray(1)]);
    // More than is read back from the spool at once.
    const wide = message.insert(OID, ['9', 'x'.repeat(300_000)]);
    const streamed = stream(
      message.begin(50n),
      T,
      ...rows(0, 1),
      message.commit(50n, 60n),
      Buffer.concat([letter('S'), xid, letter('\u0001')]),
      ...[T, ...rows(1, 2), T, wide, T, ...rows(2, 3)].map(inXid),
      letter('E'),
      Buffer.concat([letter('c'), xid, letter('\0'), int64(70n), int64(80n), int64(0n)]),
    );
    const { error, events } = await decoder.decode(streamed, 0);
    expect(error).toBeNull();
    expect(events).toHaveLength(1);
    expect(told).toBe(0);
    const stopped = await decoder.replay();
    expect(String(stopped.error)).toContain('altered');
    expect(stopped.events).toEqual([]);
    isAltered = false;
    const replayed: string[] = [];
    while (decoder.isReplaying) {
      const piece = await decoder.replay();
      expect(piece.error).toBeNull();
      replayed.push(...piece.events.map(({ id }) => id));
    }
    expect(replayed).toHaveLength(3);
    expect(told).toBe(2);
    await decoder.close();
  });

  test('another transaction in the place of one that was cut off is refused', async () => {
    const decoder = newDecoder();
    await decoder.decode(stream(message.begin(50n), T, ...rows(0, 2)), 0);
    await decoder.beginSession(decoder.committedTo);
    const { events, error } = await decoder.decode(stream(message.begin(70n), T, ...rows(0, 2)), 0);
    expect(events).toEqual([]);
    expect(error).toBeInstanceOf(SourceProtocolError);
  });

  test('a transaction that has fewer changes than before is refused', async () => {
    const decoder = newDecoder();
    await decoder.decode(stream(message.begin(50n), T, ...rows(0, 2)), 0);
    await decoder.beginSession(decoder.committedTo);
    const again = stream(message.begin(50n), T, ...rows(0, 1), message.commit(50n, 60n));
    expect(await decoder.decode(again, 0)).toMatchObject({ events: [], committedTo: null });
  });

  test('R-31: a message, a copy message or a frame of a kind that nobody knows stops the stream', async () => {
    for (const bytes of [
      stream(message.begin(50n), T, Buffer.from('Z\0\0\0\0')),
      message.frame('d', Buffer.from('q')),
      message.frame('Q', Buffer.from('')),
    ]) {
      const { error, events } = await newDecoder().decode(bytes, 0);
      expect(error).toBeInstanceOf(SourceProtocolError);
      expect(String(error)).toMatch(/of kind/);
      expect(events).toEqual([]);
    }
  });

  test('R-23: what the last session described is unknown in the next one', async () => {
    const decoder = newDecoder();
    const first = stream(message.begin(50n), T, ...rows(0, 1), message.commit(50n, 60n));
    expect((await decoder.decode(first, 0)).events.map(tell)).toEqual([
      'insert t {"id":0,"v":"x"}',
    ]);
    await decoder.beginSession(60n);
    const { error, events } = await decoder.decode(stream(message.begin(80n), ...rows(1, 2)), 0);
    expect(error).toBeInstanceOf(SourceProtocolError);
    expect(events).toEqual([]);
  });

  test('the tables known at an end stay what they were, and are the same ones after a new session', async () => {
    const decoder = newDecoder();
    const table = (oid: number, type = 25): Buffer =>
      message.relation(
        oid,
        [
          { name: 'id', type: 23, key: true },
          { name: 'v', type },
        ],
        {
          name: `t${oid}`,
        },
      );
    const row = (oid: number): Buffer => message.insert(oid, ['1', '2']);
    const transaction = (lsn: bigint, ...messages: readonly Buffer[]): Buffer =>
      stream(message.begin(lsn), ...messages, message.commit(lsn, lsn + 5n));
    const names = (): readonly string[] => [...decoder.known.values()].map(({ name }) => name);
    await decoder.decode(transaction(50n, table(1), row(1), table(2), row(2)), 0);
    const first = decoder.known;
    expect(names()).toEqual(['t1', 't2']);
    // Cut off: what it described was never known.
    await decoder.decode(stream(message.begin(60n), table(3), row(3), table(4), row(4)), 0);
    expect(decoder.known).toBe(first);
    await decoder.beginSession(decoder.committedTo);
    await decoder.decode(transaction(60n, table(1), row(1), table(2), row(2)), 0);
    expect(decoder.known).toBe(first);
    await decoder.decode(transaction(70n, table(3), row(3), table(1, 23), row(1)), 0);
    expect(names()).toEqual(['t2', 't3', 't1']);
    expect([...first.values()].map(({ columns }) => columns[1]?.typeOid)).toEqual([25, 25]);
  });

  test('R-03: a keepalive within a transaction says nothing about what was read', async () => {
    const decoder = newDecoder();
    await decoder.decode(stream(message.begin(50n), T, ...rows(0, 1)), 0);
    await decoder.decode(message.keepalive(1_000n), 0);
    expect(decoder.readTo).toBe(0n);
    await decoder.decode(stream(message.commit(50n, 60n)), 0);
    expect(decoder.readTo).toBe(60n);
    await decoder.decode(message.keepalive(1_000n), 0);
    expect(decoder.readTo).toBe(1_000n);
    expect(decoder.committedTo).toBe(60n);
  });

  test('what was decoded before an error is given, and how far that was', async () => {
    const good = stream(message.begin(50n), T, ...rows(0, 2));
    const decoded = await newDecoder().decode(
      Buffer.concat([good, stream(message.insert(999, ['1', 'x']))]),
      0,
    );
    expect(decoded.events.map(tell)).toEqual([
      'insert t {"id":0,"v":"x"}',
      'insert t {"id":1,"v":"x"}',
    ]);
    expect(decoded.consumed).toBe(good.length);
    expect(decoded.error).toBeInstanceOf(SourceProtocolError);
  });

  test('events behind the newest end are told apart', async () => {
    const decoded = await newDecoder().decode(
      stream(
        message.begin(50n),
        T,
        ...rows(0, 2),
        message.commit(50n, 60n),
        message.begin(80n),
        ...rows(2, 5),
      ),
      0,
    );
    expect(decoded).toMatchObject({ committedTo: 60n, committedEvents: 2 });
    expect(decoded.events).toHaveLength(5);
  });

  test.each([
    ['a change outside of a transaction', stream(message.insert(OID, ['1', 'x']))],
    ['a commit outside of a transaction', stream(message.commit(1n, 2n))],
    ['a commit of another transaction', stream(message.begin(50n), message.commit(51n, 60n))],
    ['a transaction within another one', stream(message.begin(50n), message.begin(60n))],
    ['a relation that was not described', stream(message.begin(50n), message.insert(OID, ['1']))],
    [
      'a row with too many columns',
      stream(message.begin(50n), T, message.insert(OID, ['1', 'x', 'y'])),
    ],
    ['a message of an unknown kind', stream(message.begin(50n), Buffer.from('Zoo'))],
    ['a streamed transaction (R-24)', stream(Buffer.from('S\0\0\0\u0001\u0001'))],
    ['XLogData without a message', stream(Buffer.alloc(0))],
    ['a keepalive that is cut', message.frame('d', Buffer.from('k\0\0\0'))],
    ['a copy message of an unknown kind', message.frame('d', Buffer.from('x'))],
    ['a frame of an unknown kind', message.frame('!', Buffer.alloc(4))],
    ['a commit time beyond all calendars', stream(message.begin(50n, 7, 2n ** 63n - 1n))],
  ])('%s is a protocol error', async (_name, bytes) => {
    const { error } = await newDecoder().decode(bytes, 0);
    expect(error).toBeInstanceOf(SourceProtocolError);
  });

  test('notices and parameter changes are passed over; the end of the stream is no error of its own', async () => {
    const bytes = Buffer.concat(
      ['N', 'S', 'c', 'C', 'Z'].map((kind) => message.frame(kind, Buffer.from('x\0'))),
    );
    expect(await newDecoder().decode(bytes, 0)).toMatchObject({
      error: null,
      consumed: bytes.length,
    });
  });

  test('R-10: a storm of questions looks like a server that shuts down; answers do not count', async () => {
    const questions = Buffer.concat(Array.from({ length: 200 }, () => message.keepalive(5n, true)));
    expect((await newDecoder().decode(questions, 0)).error).toMatchObject({ code: '57P01' });
    const answers = Buffer.concat(Array.from({ length: 200 }, () => message.keepalive(5n)));
    expect((await newDecoder().decode(answers, 0)).error).toBeNull();
  });
});
