/** The sum tree (docs/protocol.md, sections 3 and 4): its nodes, the way from a leaf up, and the whole of it. */

import { decodePoint, encodePoint, isIdentity, normalized, type Point, POINT_BYTES } from '../curve/point.ts';
import { fromHex, toHex } from '../encoding/bytes.ts';
import { DIGEST_BYTES, sha256 } from '../encoding/hashing.ts';
import { FormError } from '../errors.ts';
import type { PathStep, TreeNode } from '../types.ts';

export const LEAF_BYTES = DIGEST_BYTES + POINT_BYTES;

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** A node with its sum as a point. */
export interface SumNode {
  readonly hash: Uint8Array;
  readonly sum: Uint8Array;
  readonly point: Point;
}

/** hash = SHA-256(00 || tag || C), S = C. */
export function leafNode(tag: Uint8Array, commitment: Uint8Array, what: string): SumNode {
  return {
    hash: sha256(LEAF_PREFIX, tag, commitment),
    sum: commitment,
    point: decodeSum(commitment, what),
  };
}

/** hash = SHA-256(01 || hash_l || S_l || hash_r || S_r), S = S_l + S_r. */
function parentOf(left: SumNode, right: SumNode, point: Point, what: string): SumNode {
  if (isIdentity(point)) {
    throw new FormError(`${what}: is the identity`);
  }
  return {
    hash: sha256(NODE_PREFIX, left.hash, left.sum, right.hash, right.sum),
    sum: encodePoint(point),
    point,
  };
}

/** A commitment or sum: a point, not the identity. */
export function decodeSum(bytes: Uint8Array, what: string): Point {
  const point = decodePoint(bytes, what);
  if (isIdentity(point)) {
    throw new FormError(`${what}: is the identity`);
  }
  return point;
}

/** The way up from a leaf; `steps` is for drawing it, `top` is where it ends. */
export interface Walk {
  readonly steps: readonly PathStep[];
  readonly top: SumNode;
}

/** Goes from leaf `index` up a tree of `height` levels. */
export function walkUp(leaf: SumNode, index: number, path: readonly TreeNode[], height: number): Walk {
  if (path.length !== height) {
    throw new FormError(`the path has ${path.length} levels, the tree has ${height}`);
  }
  if (index >= 2 ** height) {
    throw new FormError(`leaf index ${index} does not fit a tree of ${2 ** height} leaves`);
  }
  const steps: PathStep[] = [];
  let node = leaf;
  let place = index;
  path.forEach((entry, level) => {
    const sibling = siblingOf(entry, level);
    const isRight = place % 2 === 1;
    const point = node.point.add(sibling.point);
    const [left, right] = isRight ? [sibling, node] : [node, sibling];
    const parent = parentOf(left, right, point, `the sum at level ${level + 1}`);
    steps.push({
      level,
      index: place,
      siblingSide: isRight ? 'left' : 'right',
      node: nodeSummary(node),
      sibling: nodeSummary(sibling),
      parent: nodeSummary(parent),
    });
    node = parent;
    place = Math.floor(place / 2);
  });
  return { steps, top: node };
}

function siblingOf({ hash, sum }: TreeNode, level: number): SumNode {
  const bytes = fromHex(sum, POINT_BYTES, 'sum');
  return {
    hash: fromHex(hash, DIGEST_BYTES, 'hash'),
    sum: bytes,
    point: decodeSum(bytes, `the sibling sum at level ${level}`),
  };
}

export function nodeSummary({ hash, sum }: SumNode): TreeNode {
  return { hash: toHex(hash), sum: toHex(sum) };
}

/** Leaf `index` of leaves.bin, 80 bytes; undefined beyond its end. */
export function leafBytes(leaves: Uint8Array, index: number): Uint8Array | undefined {
  const start = index * LEAF_BYTES;
  return start + LEAF_BYTES <= leaves.length ? leaves.subarray(start, start + LEAF_BYTES) : undefined;
}

/** Commitments of `count` leaves from `first`. */
export function leafCommitments(leaves: Uint8Array, first: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const end = (first + i + 1) * LEAF_BYTES;
    return leaves.subarray(end - POINT_BYTES, end);
  });
}

/**
 * The tree over all leaves, lowest level first. Refuses commitments that do not decode, identities among leaves and sums,
 * and two leaves with one tag.
 */
export function buildTree(leaves: Uint8Array, onProgress?: (fraction: number) => void): SumNode[][] {
  const count = leaves.length / LEAF_BYTES;
  const tags = new Set<string>();
  let level = Array.from({ length: count }, (_, i): SumNode => {
    const leaf = leaves.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES);
    const tag = leaf.subarray(0, DIGEST_BYTES);
    const text = toHex(tag);
    if (tags.has(text)) {
      throw new FormError(`leaf ${i} has the tag of a leaf before it`);
    }
    tags.add(text);
    if (i % 256 === 255) {
      onProgress?.((0.8 * i) / count);
    }
    return leafNode(tag, leaf.subarray(DIGEST_BYTES), `commitment of leaf ${i}`);
  });
  const levels = [level];
  while (level.length > 1) {
    level = levelAbove(level, levels.length);
    levels.push(level);
    onProgress?.(1 - (0.2 * level.length) / count);
  }
  return levels;
}

function levelAbove(level: readonly SumNode[], height: number): SumNode[] {
  const pairs: { left: SumNode; right: SumNode }[] = [];
  for (let i = 0; i + 1 < level.length; i += 2) {
    const [left, right] = [level[i], level[i + 1]];
    if (left !== undefined && right !== undefined) {
      pairs.push({ left, right });
    }
  }
  // One inversion for all sums of a level instead of one for each.
  const sums = normalized(pairs.map(({ left, right }) => left.point.add(right.point)));
  return pairs.map(({ left, right }, i) => {
    const sum = sums[i];
    if (sum === undefined) {
      throw new RangeError('a sum is missing');
    }
    return parentOf(left, right, sum, `the sum of node ${i} at level ${height}`);
  });
}
