import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { afterEach, describe, expect, test } from 'vitest';

import { SocketReader } from './socket-reader.ts';

const FRAME_BYTES = 105;

function frame(n: number): Buffer {
  const bytes = Buffer.alloc(FRAME_BYTES, n);
  bytes[0] = 0x64;
  bytes.writeInt32BE(FRAME_BYTES - 1, 1);
  return bytes;
}

/** Which frames are in bytes that begin at one. */
function numbers(bytes: Buffer): number[] {
  return Array.from(
    { length: bytes.length / FRAME_BYTES },
    (_, index) => bytes[index * FRAME_BYTES + 5] ?? -1,
  );
}

describe('SocketReader', () => {
  let socket = new PassThrough();

  afterEach(() => {
    socket.destroy();
  });

  function open(maxBufferedBytes: number = 1_000_000): SocketReader {
    socket = new PassThrough();
    const client = { connection: { stream: socket } } as unknown as Client;
    return new SocketReader(client, { maxBufferedBytes, maxMessageBytes: 1_000_000 });
  }

  test('what comes after a silence is given at once', async () => {
    const reader = open();
    await sleep(5);
    socket.write(frame(1));
    let given: number[] | null = null;
    void reader.read().then((bytes) => (given = numbers(bytes)));
    // No timer may fire in between.
    for (let turn = 0; turn < 10; turn += 1) await new Promise(process.nextTick);
    expect(given).toEqual([1]);
  });

  test('small pieces that follow each other are read together, whole and in order', async () => {
    const reader = open();
    const sent = Array.from({ length: 200 }, (_, n) => n);
    void (async () => {
      for (const n of sent) {
        socket.write(frame(n));
        await new Promise(setImmediate);
      }
    })();
    const given: number[] = [];
    let reads = 0;
    while (given.length < sent.length) {
      given.push(...numbers(await reader.read()));
      reads += 1;
    }
    expect(given).toEqual(sent);
    expect(reads).toBeLessThan(sent.length / 2);
  });

  test('a large piece is followed by the next without a rest', async () => {
    const reader = open();
    const many = Buffer.concat(Array.from({ length: 100 }, (_, n) => frame(n)));
    socket.write(many);
    await reader.read();
    socket.write(many);
    let isGiven = false;
    void reader.read().then(() => (isGiven = true));
    for (let turn = 0; turn < 10; turn += 1) await new Promise(process.nextTick);
    expect(isGiven).toBe(true);
  });

  test('what came before the end is given before it, also during a rest', async () => {
    const reader = open();
    socket.write(frame(1));
    await reader.read();
    socket.write(frame(2));
    socket.write(frame(3));
    socket.end();
    expect(numbers(await reader.read())).toEqual([2, 3]);
    await expect(reader.read()).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
  });

  test('what came before the connection was lost is given before that, also during a rest', async () => {
    const reader = open();
    socket.write(frame(1));
    await reader.read();
    socket.write(frame(2));
    socket.write(frame(3));
    socket.destroy(new Error('read ECONNRESET'));
    expect(numbers(await reader.read())).toEqual([2, 3]);
    await expect(reader.read()).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
  });

  test('a rest does not read on while nobody takes what has come', async () => {
    const reader = open(3 * FRAME_BYTES);
    for (let n = 0; n < 3; n += 1) {
      socket.write(frame(n));
      await sleep(5);
    }
    expect(reader.isPaused).toBe(true);
    socket.write(frame(3));
    await sleep(5);
    expect(socket.readableLength).toBe(FRAME_BYTES);
    const given: number[] = [];
    while (given.length < 4) given.push(...numbers(await reader.read()));
    expect(given).toEqual([0, 1, 2, 3]);
    expect(reader.isPaused).toBe(false);
  });

  test('a socket that is given back during a rest flows for those who had it before', async () => {
    socket = new PassThrough();
    const before: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => before.push(chunk));
    const client = { connection: { stream: socket } } as unknown as Client;
    const reader = new SocketReader(client, { maxBufferedBytes: 1_000, maxMessageBytes: 1_000 });
    socket.write(frame(1));
    expect(numbers(await reader.read())).toEqual([1]);
    reader.release();
    socket.write(frame(2));
    await expect.poll(() => before.map((chunk) => numbers(chunk))).toEqual([[2]]);
  });
});
