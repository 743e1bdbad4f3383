/** The generators of docs/protocol.md, section 2, each computed once. */

import { bls12_381 } from '@noble/curves/bls12-381.js';

import { ascii, bigEndian, concat, toUtf8 } from '../encoding/bytes.ts';
import { labelled } from '../encoding/hashing.ts';
import type { Asset } from '../types.ts';
import type { Point } from './point.ts';

export const DOMAIN = 'SEALEDBOOK-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_';

/** RFC 9380 hash_to_curve, suite BLS12381G1_XMD:SHA-256_SSWU_RO_. */
export function hashToCurve(message: Uint8Array, domain: string = DOMAIN): Point {
  return bls12_381.G1.hashToCurve(message, { DST: domain });
}

const CACHE = new Map<string, Point>();

function cached(key: string, label: () => Uint8Array): Point {
  let point = CACHE.get(key);
  if (point === undefined) {
    point = hashToCurve(label());
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

/** `B_c = H2C("bit-column" || 00 || u32(c))`. */
export function columnGenerator(column: number): Point {
  return cached(`column ${column}`, () => concat(labelled('bit-column'), bigEndian(column, 4)));
}

/** `M_j = H2C("mask" || 00 || u32(j))`. */
export function maskGenerator(mask: number): Point {
  return cached(`mask ${mask}`, () => concat(labelled('mask'), bigEndian(mask, 4)));
}

/** `E = H2C("linear-form")`. */
export function linearFormGenerator(): Point {
  return cached('linear-form', () => ascii('linear-form'));
}
