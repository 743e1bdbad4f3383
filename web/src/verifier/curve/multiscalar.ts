/** Multi-scalar multiplication: Pippenger's buckets with signed digits. Points need not be in G1. */

import { IDENTITY, isIdentity, type Point } from './point.ts';
import { GROUP_ORDER } from './scalar.ts';

/** A sum of multiples of points. */
export interface Term {
  /** 0 .. r-1. */
  readonly scalar: bigint;
  readonly point: Point;
}

/**
 * sum_i scalar_i point_i.
 *
 * With windows of w bits, scalar_i = sum_k d_ik 2^(w k) and -2^(w-1) <= d_ik < 2^(w-1). For each window the points go to
 * the bucket of |d_ik|, and sum_b b bucket_b is the sum of the running sums from the highest bucket down.
 */
export function multiScalar(terms: readonly Term[], onProgress?: (fraction: number) => void): Point {
  const used = terms.filter(({ scalar, point }) => scalar !== 0n && !isIdentity(point));
  if (used.length === 0) {
    return IDENTITY;
  }
  const bits = used.reduce((most, { scalar }) => Math.max(most, bitLength(scalar)), 0);
  const width = windowWidth(used.length);
  // One bit more than the scalars have: the top digit must not reach 2^(w-1) when a carry comes in.
  const windows = Math.floor((bits + 1) / width) + 1;
  const digits = used.map(({ scalar }) => signedDigits(scalar, width, windows));
  let sum = IDENTITY;
  for (let k = windows - 1; k >= 0; k -= 1) {
    for (let i = 0; i < width && !isIdentity(sum); i += 1) {
      sum = sum.double();
    }
    sum = sum.add(windowSum(used, digits, k, width));
    onProgress?.((windows - k) / windows);
  }
  return sum;
}

function windowSum(
  terms: readonly Term[],
  digits: readonly Int32Array[],
  window: number,
  width: number,
): Point {
  const buckets = new Array<Point | undefined>(2 ** (width - 1) + 1);
  terms.forEach(({ point }, i) => {
    const digit = digits[i]?.[window] ?? 0;
    if (digit !== 0) {
      const signed = digit > 0 ? point : point.negate();
      const held = buckets[Math.abs(digit)];
      buckets[Math.abs(digit)] = held === undefined ? signed : held.add(signed);
    }
  });
  let running = IDENTITY;
  let sum = IDENTITY;
  for (let b = buckets.length - 1; b > 0; b -= 1) {
    const bucket = buckets[b];
    if (bucket !== undefined) {
      running = running.add(bucket);
    }
    if (!isIdentity(running)) {
      sum = sum.add(running);
    }
  }
  return sum;
}

function signedDigits(scalar: bigint, width: number, windows: number): Int32Array {
  if (scalar < 0n || scalar >= GROUP_ORDER) {
    throw new RangeError('scalar out of range');
  }
  const digits = new Int32Array(windows);
  const half = 2 ** (width - 1);
  const mask = (1n << BigInt(width)) - 1n;
  let rest = scalar;
  let carry = 0;
  for (let k = 0; k < windows; k += 1) {
    const digit = Number(rest & mask) + carry;
    carry = digit >= half ? 1 : 0;
    digits[k] = digit - carry * 2 * half;
    rest >>= BigInt(width);
  }
  if (carry !== 0 || rest !== 0n) {
    throw new RangeError('too few windows for the scalar');
  }
  return digits;
}

function bitLength(value: bigint): number {
  return value.toString(2).length;
}

/** About the cheapest: windows times (points + 2^w) additions. */
function windowWidth(points: number): number {
  let best = 2;
  for (let width = 2; width <= 16; width += 1) {
    const cost = (candidate: number): number => (256 / candidate) * (points + 2 ** candidate);
    if (cost(width) < cost(best)) {
      best = width;
    }
  }
  return best;
}
