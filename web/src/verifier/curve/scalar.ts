/** The scalar field F: integers modulo r, kept in 0 .. r-1. */

import { bigEndian, fromBigEndian } from '../encoding/bytes.ts';
import { FormError } from '../errors.ts';

/** Order of the group G1 of BLS12-381. */
export const GROUP_ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
export const SCALAR_BYTES = 32;

const r = GROUP_ORDER;

export function reduce(value: bigint): bigint {
  const rest = value % r;
  return rest < 0n ? rest + r : rest;
}

export function decodeScalar(bytes: Uint8Array, what: string): bigint {
  const value = fromBigEndian(bytes);
  if (bytes.length !== SCALAR_BYTES || value >= r) {
    throw new FormError(`${what}: is not below the group order`);
  }
  return value;
}

export function encodeScalar(value: bigint): Uint8Array {
  return bigEndian(value, SCALAR_BYTES);
}

/** 1 / value, by the extended Euclidean algorithm. */
export function invert(value: bigint): bigint {
  let [a, b] = [reduce(value), r];
  let [u, v] = [1n, 0n];
  if (a === 0n) {
    throw new RangeError('zero has no inverse');
  }
  // a = u value and b = v value (mod r) throughout.
  while (a !== 1n) {
    const quotient = b / a;
    [a, b] = [b - quotient * a, a];
    [u, v] = [v - quotient * u, u];
  }
  return reduce(u);
}

/**
 * The products of one entry of each pair, `zero` where the bit of the index is 0 and `one` where it is 1; the first pair
 * belongs to the most significant bit. With pairs (1 - x_j, x_j) this is eq(x, i) for all i.
 */
export function tensor(pairs: readonly { readonly zero: bigint; readonly one: bigint }[]): bigint[] {
  let table = [1n];
  for (const { zero, one } of pairs) {
    const next = new Array<bigint>(2 * table.length);
    table.forEach((entry, i) => {
      next[2 * i] = (entry * zero) % r;
      next[2 * i + 1] = (entry * one) % r;
    });
    table = next;
  }
  return table;
}

/** eq(x, i) for all integers i of as many bits as x has coordinates. */
export function eqTable(x: readonly bigint[]): bigint[] {
  return tensor(x.map((coordinate) => ({ zero: reduce(1n - coordinate), one: coordinate })));
}
