import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { ByteWriter } from './byte-writer.ts';
import { ConstantBytes } from './constant-bytes.ts';

/** Whole characters of all kinds, among them what JSON escapes. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '\n', '\u0000', '\u001f', '\u007f', 'é', '😀', 'a'),
  }),
);

describe('ByteWriter', () => {
  test('writes JSON strings as JSON.stringify does, from text and from bytes, and grows as needed', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), (texts) => {
        const fromText = new ByteWriter(1);
        const fromBytes = new ByteWriter(1);
        for (const one of texts) {
          fromText.quotedText(one);
          const bytes = Buffer.from(`..${one}..`);
          fromBytes.quoted(bytes, 2, bytes.length - 2);
        }
        const expected = texts.map((one) => JSON.stringify(one)).join('');
        expect(fromText.toString()).toBe(expected);
        expect(fromBytes.toString()).toBe(expected);
      }),
    );
  });

  test('takes text and bytes as they are', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), (texts) => {
        const out = new ByteWriter(1);
        for (const one of texts) {
          out.text(one);
          const bytes = Buffer.from(one);
          out.copy(bytes, 0, bytes.length);
          out.ascii('ab'.repeat(one.length));
          out.constant(new ConstantBytes(one));
          out.byte(0x63);
        }
        const expected = texts
          .map((one) => `${one}${one}${'ab'.repeat(one.length)}${one}c`)
          .join('');
        expect(out.toString()).toBe(expected);
        expect(out.slice()).toEqual(Buffer.from(expected));
        expect(out.length).toBe(Buffer.byteLength(expected));
      }),
    );
  });

  test('shows what was written from anywhere on', () => {
    const out = new ByteWriter(4);
    for (const [start, written] of [
      [0, 'abc'],
      [1, 'defg'],
      [1, 'hijk'],
      [2, 'lmno'],
      [0, 'p'.repeat(5_000)],
      [0, 'abc'],
    ] as const) {
      out.clear();
      out.text(written);
      expect(out.view(start).toString()).toBe(written.slice(start));
    }
  });

  test('I7: a long text is given the room that it takes, not three times as much', () => {
    const out = new ByteWriter();
    out.text('x'.repeat(8_000_000));
    expect(out.bytes.length).toBeLessThan(9_000_000);
    expect(out.length).toBe(8_000_000);
    out.text('é😀'.repeat(1_000_000));
    expect(out.length).toBe(14_000_000);
    expect(out.toString().slice(-3)).toBe('é😀');
  });

  test('begins anew behind what is kept, and gives back what a large row needed', () => {
    const out = new ByteWriter(16);
    out.text('kept');
    out.text('x'.repeat(5_000_000));
    out.clear(4);
    expect(out.toString()).toBe('kept');
    expect(out.bytes.length).toBeLessThan(100_000);
    out.text('!');
    expect(out.toString()).toBe('kept!');
  });
});
