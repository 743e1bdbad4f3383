/** The generators of docs/protocol.md, section 2, each computed once. */

import { bls12_381 } from '@noble/curves/bls12-381.js';

import { ascii, bigEndian, concat, toUtf8 } from '../encoding/bytes.ts';
import { labelled } from '../encoding/hashing.ts';
import type { Asset } from '../types.ts';
import { hashBeforeCofactor } from './map-to-curve.ts';
import { EFFECTIVE_COFACTOR, type Point } from './point.ts';

export const DOMAIN = 'SEALEDBOOK-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_';

/** RFC 9380 hash_to_curve, suite BLS12381G1_XMD:SHA-256_SSWU_RO_. */
export function hashToCurve(message: Uint8Array, domain: string = DOMAIN): Point {
  return bls12_381.G1.hashToCurve(message, { DST: domain });
}

const CACHE = new Map<string, Point>();

function cached(
  key: string,
  label: () => Uint8Array,
  compute: (label: Uint8Array) => Point = hashToCurve,
): Point {
  let point = CACHE.get(key);
  if (point === undefined) {
    point = compute(label());
    CACHE.set(key, point);
  }
  return point;
}

/** `G_a = H2C("asset" || 00 || u8(decimals) || id)`. */
export function assetGenerator(asset: Asset): Point {
  return cached(`asset ${asset.decimals} ${asset.id}`, () =>
    concat(labelled('asset'), bigEndian(asset.decimals, 1), toUtf8(asset.id)),
  );
}

/** `H = H2C("blinding")`. */
export function blindingGenerator(): Point {
  return cached('blinding', () => ascii('blinding'));
}

/**
 * A generator that is used only in equations which are multiplied by h_eff at the end, as `factor` times a `point` of E
 * that is not in G1. With G = h_eff Q and any integer s, h_eff (s h_eff mod r) Q = h_eff s G, because h_eff r Q is the
 * identity for every Q of E.
 */
export interface UnclearedGenerator {
  readonly factor: bigint;
  readonly point: Point;
}

function uncleared(key: string, label: () => Uint8Array): UnclearedGenerator {
  const compute = (bytes: Uint8Array): Point => hashBeforeCofactor(bytes, DOMAIN);
  return { factor: EFFECTIVE_COFACTOR, point: cached(key, label, compute) };
}

/** `B_c = H2C("bit-column" || 00 || u32(c))`. */
export function columnGenerator(column: number): UnclearedGenerator {
  return uncleared(`column ${column}`, () => concat(labelled('bit-column'), bigEndian(column, 4)));
}

/** `M_j = H2C("mask" || 00 || u32(j))`. */
export function maskGenerator(mask: number): UnclearedGenerator {
  return uncleared(`mask ${mask}`, () => concat(labelled('mask'), bigEndian(mask, 4)));
}

/** `E = H2C("linear-form")`. */
export function linearFormGenerator(): Point {
  return cached('linear-form', () => ascii('linear-form'));
}
