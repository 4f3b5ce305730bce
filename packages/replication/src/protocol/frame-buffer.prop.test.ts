import { SourceProtocolError } from '@certyo-cdc/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frame } from '../testing/messages.ts';
import { FrameBuffer, wholeFrameLength } from './frame-buffer.ts';

/** Feeds chunks as the socket does and gives the frames that a reader sees. */
function framesOf(chunks: readonly Buffer[], maxFrameBytes = 1_000_000): Buffer[] {
  const buffer = new FrameBuffer(maxFrameBytes);
  const frames: Buffer[] = [];
  for (const chunk of chunks) {
    const bytes = buffer.push(chunk);
    if (bytes === null) continue;
    let pos = 0;
    for (;;) {
      const length = wholeFrameLength(bytes, pos);
      if (length === 0) break;
      frames.push(bytes.subarray(pos, pos + length));
      pos += length;
    }
    expect(pos).toBeGreaterThan(0);
    buffer.keep(bytes.subarray(pos));
  }
  expect(buffer.pendingBytes).toBe(0);
  return frames;
}

function split(bytes: Buffer, at: readonly number[]): Buffer[] {
  const cuts = [0, ...[...at].sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
}

const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 12 });

describe(FrameBuffer, () => {
  test('any chunking of a stream gives the same frames', () => {
    fc.assert(
      fc.property(bodies, fc.array(fc.nat(500), { maxLength: 30 }), (parts, cuts) => {
        const frames = parts.map((body) => frame('d', Buffer.from(body)));
        const bytes = Buffer.concat(frames);
        const within = cuts.map((cut) => cut % (bytes.length + 1));
        expect(framesOf(split(bytes, within).filter((chunk) => chunk.length > 0))).toEqual(frames);
      }),
    );
  });

  test('chunks of one byte give the same frames', () => {
    fc.assert(
      fc.property(bodies, (parts) => {
        const frames = parts.map((body) => frame('d', Buffer.from(body)));
        const bytes = Buffer.concat(frames);
        expect(framesOf([...bytes].map((byte) => Buffer.from([byte])))).toEqual(frames);
      }),
      { numRuns: 50 },
    );
  });

  test('a chunk of whole frames is handed on without a copy', () => {
    const bytes = frame('d', Buffer.from('abc'));
    expect(new FrameBuffer(100).push(bytes)).toBe(bytes);
  });

  test('a frame beyond the limit is refused as soon as its length is known, naming the option', () => {
    const bytes = frame('d', Buffer.alloc(200));
    for (const chunks of [
      [bytes.subarray(0, 5)],
      [...bytes.subarray(0, 5)].map((b) => Buffer.from([b])),
    ]) {
      const buffer = new FrameBuffer(100);
      expect(() => {
        for (const chunk of chunks) buffer.push(chunk);
      }).toThrow('maxMessageBytes (100)');
    }
    const kept = new FrameBuffer(100);
    expect(() => kept.keep(bytes.subarray(0, 6))).toThrow(SourceProtocolError);
  });

  test('a length below that of a header is refused', () => {
    for (const length of [3, 0, -1, -2_147_483_648]) {
      const bytes = Buffer.from([0x64, 0, 0, 0, 0, 0]);
      bytes.writeInt32BE(length, 1);
      expect(() => new FrameBuffer(100).push(bytes)).toThrow(SourceProtocolError);
    }
  });
});
