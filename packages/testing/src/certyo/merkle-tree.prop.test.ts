import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { merkleProof, merkleRoot, verifyMerkleProof } from './merkle-tree.ts';

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const recordHash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => {
  return Buffer.from(bytes).toString('hex');
});
const hashes = fc.array(recordHash, { minLength: 1, maxLength: 70 });

/** RFC 6962, section 2.1, word by word: split at the largest power of two below n. */
function rfc6962(leaves: readonly string[]): Buffer {
  const [first] = leaves;
  if (first === undefined) throw new Error('no leaves');
  if (leaves.length === 1) return sha256(Buffer.from([0]), Buffer.from(first, 'hex'));
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Buffer.from([1]), rfc6962(leaves.slice(0, k)), rfc6962(leaves.slice(k)));
}

describe('merkleRoot', () => {
  test('is the tree hash of RFC 6962', () => {
    fc.assert(
      fc.property(hashes, (leaves) => {
        expect(merkleRoot(leaves)).toBe(rfc6962(leaves).toString('hex'));
      }),
    );
  });

  test('refuses an empty batch', () => {
    expect(() => merkleRoot([])).toThrow(RangeError);
  });
});

describe('verifyMerkleProof', () => {
  test('every leaf has a proof that verifies', () => {
    fc.assert(
      fc.property(hashes, (leaves) => {
        const root = merkleRoot(leaves);
        leaves.forEach((leaf, index) => {
          expect(verifyMerkleProof(leaf, merkleProof(leaves, index), root)).toBe(true);
        });
      }),
    );
  });

  test('another record, another root and a changed step do not verify', () => {
    fc.assert(
      fc.property(hashes, fc.nat(), recordHash, (leaves, at, other) => {
        fc.pre(!leaves.includes(other));
        const index = at % leaves.length;
        const leaf = leaves[index] ?? '';
        const root = merkleRoot(leaves);
        const proof = merkleProof(leaves, index);
        expect(verifyMerkleProof(other, proof, root)).toBe(false);
        expect(verifyMerkleProof(leaf, proof, other)).toBe(false);
        proof.forEach((step, changed) => {
          const forged = proof.map((s, i) => (i === changed ? { ...step, hash: other } : s));
          expect(verifyMerkleProof(leaf, forged, root)).toBe(false);
        });
      }),
    );
  });

  test('a node cannot be passed off as a leaf', () => {
    fc.assert(
      fc.property(recordHash, recordHash, (a, b) => {
        const children = Buffer.concat([rfc6962([a]), rfc6962([b])]);
        const root = merkleRoot([a, b]);
        expect(verifyMerkleProof(children.toString('hex'), [], root)).toBe(false);
      }),
    );
  });

  test('there is no proof for a leaf that is not there', () => {
    expect(() => merkleProof(['00'.repeat(32)], 1)).toThrow(RangeError);
    expect(() => merkleProof(['00'.repeat(32)], -1)).toThrow(RangeError);
  });
});
