import { hash } from 'node:crypto';

/**
 * The Merkle tree over the record hashes of a batch. An assumption of the emulator: Certyo's own rule is not public.
 *
 * As RFC 6962, section 2.1: leaf = SHA-256(0x00 ‖ record hash), node = SHA-256(0x01 ‖ left ‖ right), so that a leaf
 * can never be shown as a node; on every level the odd last node rises unchanged, nothing is paired with itself.
 */
export interface MerkleStep {
  /** On which side the sibling stands. */
  readonly side: 'left' | 'right';
  /** The sibling, 64 hexadecimal digits. */
  readonly hash: string;
}

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

/** The root over record hashes (64 hexadecimal digits each), as 64 hexadecimal digits. */
export function merkleRoot(recordHashes: readonly string[]): string {
  let level = recordHashes.map(leaf);
  while (level.length > 1) level = parents(level);
  const root = level[0];
  if (root === undefined) throw new RangeError('A Merkle tree needs at least one leaf');
  return root.toString('hex');
}

/** The siblings on the way from the leaf at `index` to the root, from below. */
export function merkleProof(recordHashes: readonly string[], index: number): MerkleStep[] {
  if (!Number.isInteger(index) || index < 0 || index >= recordHashes.length) {
    throw new RangeError(`No leaf ${index} in a tree of ${recordHashes.length}`);
  }
  const steps: MerkleStep[] = [];
  let level = recordHashes.map(leaf);
  let position = index;
  while (level.length > 1) {
    const sibling = level[position ^ 1];
    if (sibling !== undefined) {
      steps.push({ side: position % 2 === 0 ? 'right' : 'left', hash: sibling.toString('hex') });
    }
    level = parents(level);
    position = Math.floor(position / 2);
  }
  return steps;
}

/** True when `proof` leads from `recordHash` to `root`. */
export function verifyMerkleProof(
  recordHash: string,
  proof: readonly MerkleStep[],
  root: string,
): boolean {
  let current = leaf(recordHash);
  for (const step of proof) {
    const sibling = Buffer.from(step.hash, 'hex');
    current = step.side === 'left' ? node(sibling, current) : node(current, sibling);
  }
  return current.toString('hex') === root;
}

function parents(level: readonly Buffer[]): Buffer[] {
  const result: Buffer[] = [];
  for (let index = 0; index < level.length; index += 2) {
    const left = level[index];
    const right = level[index + 1];
    if (left !== undefined) result.push(right === undefined ? left : node(left, right));
  }
  return result;
}

function leaf(recordHash: string): Buffer {
  return hash('sha256', Buffer.concat([LEAF, Buffer.from(recordHash, 'hex')]), 'buffer');
}

function node(left: Buffer, right: Buffer): Buffer {
  return hash('sha256', Buffer.concat([NODE, left, right]), 'buffer');
}
