/**
 * Points of the curve E: y^2 = x^3 + 4 over the base field of BLS12-381.
 *
 * Points need not be in G1. So nothing of noble-curves is used here that takes that for granted: no `fromBytes`,
 * `fromHex` or `assertValidity` (they check the subgroup), no `multiply`, `multiplyUnsafe` or `clearCofactor` (made for
 * the subgroup). What is used are the additions of Renes, Costello and Batina, which are right for all points of a curve
 * without points of even order, such as E, whose order h r is odd.
 */

import { bls12_381 } from '@noble/curves/bls12-381.js';

import { fromBigEndian } from '../encoding/bytes.ts';
import { FormError } from '../errors.ts';

const { Point: NoblePoint } = bls12_381.G1;
const { Fp } = NoblePoint;

export type Point = InstanceType<typeof NoblePoint>;

export const POINT_BYTES = 48;
export const IDENTITY: Point = NoblePoint.ZERO;
/** The generator of G1 that BLS12-381 comes with; element 0 of sigma proofs. */
export const GENERATOR: Point = NoblePoint.BASE;
/** Characteristic of the base field. */
export const FIELD_CHARACTERISTIC = Fp.ORDER;

const CURVE_CONSTANT = 4n;
const COMPRESSED = 0x80;
const INFINITY = 0x40;
const SIGN = 0x20;

/** Decodes a compressed point strictly: canonical, on E, not necessarily in G1. */
export function decodePoint(bytes: Uint8Array, what: string): Point {
  const flags = bytes[0];
  if (bytes.length !== POINT_BYTES || flags === undefined) {
    throw new FormError(`${what}: is not ${POINT_BYTES} bytes`);
  }
  if ((flags & COMPRESSED) === 0) {
    throw new FormError(`${what}: is not a compressed point`);
  }
  if ((flags & INFINITY) !== 0) {
    if (flags !== (COMPRESSED | INFINITY) || bytes.subarray(1).some((byte) => byte !== 0)) {
      throw new FormError(`${what}: is the identity with stray bits`);
    }
    return IDENTITY;
  }
  const magnitude = bytes.slice();
  magnitude[0] = flags & 0x1f;
  const x = fromBigEndian(magnitude);
  if (x >= FIELD_CHARACTERISTIC) {
    throw new FormError(`${what}: x is not below the field characteristic`);
  }
  const y = squareRoot(((x * x * x) % FIELD_CHARACTERISTIC) + CURVE_CONSTANT);
  if (y === undefined) {
    throw new FormError(`${what}: is not a point of the curve`);
  }
  const wantLarge = (flags & SIGN) !== 0;
  // x^3 = -4 has no root in the field (E has no points of order 2), so y is never 0.
  return NoblePoint.fromAffine({ x, y: isLarge(y) === wantLarge ? y : FIELD_CHARACTERISTIC - y });
}

function squareRoot(square: bigint): bigint | undefined {
  try {
    return Fp.sqrt(Fp.create(square));
  } catch {
    return undefined;
  }
}

function isLarge(y: bigint): boolean {
  return y > (FIELD_CHARACTERISTIC - 1n) / 2n;
}

export function encodePoint(point: Point): Uint8Array {
  const bytes = new Uint8Array(POINT_BYTES);
  if (isIdentity(point)) {
    bytes[0] = COMPRESSED | INFINITY;
    return bytes;
  }
  const { x, y } = point.toAffine();
  bytes.set(Fp.toBytes(x));
  bytes[0] = (bytes[0] ?? 0) | COMPRESSED | (isLarge(y) ? SIGN : 0);
  return bytes;
}

/** The same points with Z = 1, at the price of one inversion for all of them. */
export function normalized(points: readonly Point[]): Point[] {
  const inverses = Fp.invertBatch(points.map((point) => (isIdentity(point) ? Fp.ONE : point.Z)));
  return points.map((point, i) =>
    isIdentity(point) ? IDENTITY : NoblePoint.fromAffine(point.toAffine(inverses[i])),
  );
}

export function isIdentity(point: Point): boolean {
  return Fp.is0(point.Z);
}

/** An integer that clears the cofactor (RFC 9380, section 8.8.1): h_eff r P is the identity for every P of E. */
export const EFFECTIVE_COFACTOR = 0xd201000000010001n;

/** h_eff P by doubling and adding, bit after bit from the top: right for every point of E. */
export function timesCofactor(point: Point): Point {
  let product = IDENTITY;
  for (const bit of EFFECTIVE_COFACTOR.toString(2)) {
    product = product.double();
    if (bit === '1') {
      product = product.add(point);
    }
  }
  return product;
}
