/**
 * hash_to_curve of RFC 9380 without its last step, the multiplication by h_eff: what noble-curves does beyond that (it
 * clears the cofactor and then checks that it did) takes most of the time, and equations that are multiplied by h_eff at
 * the end do not need it. A batch has thousands of generators.
 */

import { bls12_381 } from '@noble/curves/bls12-381.js';
import { hash_to_field } from '@noble/curves/abstract/hash-to-curve.js';

import * as isogeny from './isogeny.ts';
import { IDENTITY, type Point } from './point.ts';

const { Point: NoblePoint, defaults } = bls12_381.G1;
const { Fp } = NoblePoint;

/** E': y'^2 = x'^3 + A x' + B, and the constants of the map to it (RFC 9380, section 8.8.1). */
const A = 0x144698a3b8e9433d693a02c96d4982b0ea985383ee66a8d8e8981aefd881ac98936f8da0e0f97f5cf428082d584c1dn;
const B = 0x12e2908d11688030018b12e8753eee3b2016c1f0f24f4070a0b9c14fcef35ef55a23215a316ceaa5d1cc48e98e172be0n;
const Z = 11n;
/** (p - 3) / 4 and sqrt(-Z), c1 and c2 of sqrt_ratio_3mod4 (appendix F.2.1.2). */
const C1 = (Fp.ORDER - 3n) / 4n;
const C2 = Fp.sqrt(Fp.neg(Z));

/** A point Q of E with h_eff Q = hash_to_curve(message). */
export function hashBeforeCofactor(message: Uint8Array, domain: string): Point {
  const [first, second] = hash_to_field(message, 2, { ...defaults, DST: domain });
  if (first?.[0] === undefined || second?.[0] === undefined) {
    throw new RangeError('hash_to_field gave fewer than two elements');
  }
  return mapToCurve(first[0]).add(mapToCurve(second[0]));
}

/** map_to_curve: simplified SWU to E' (appendix F.2), then the isogeny to E (section 6.6.3). */
function mapToCurve(u: bigint): Point {
  const { x, y } = simplifiedSwu(u);
  const xDenominator = evaluate(isogeny.X_DENOMINATOR, x);
  const yDenominator = evaluate(isogeny.Y_DENOMINATOR, x);
  const denominator = Fp.mul(xDenominator, yDenominator);
  if (Fp.is0(denominator)) {
    return IDENTITY;
  }
  return new NoblePoint(
    Fp.mul(evaluate(isogeny.X_NUMERATOR, x), yDenominator),
    Fp.mul(Fp.mul(y, evaluate(isogeny.Y_NUMERATOR, x)), xDenominator),
    denominator,
  );
}

/** The names of variables are those of appendix F.2. */
function simplifiedSwu(u: bigint): { readonly x: bigint; readonly y: bigint } {
  const tv1 = Fp.mul(Z, Fp.sqr(u));
  const tv2 = Fp.add(Fp.sqr(tv1), tv1);
  const tv3 = Fp.mul(B, Fp.add(tv2, 1n));
  const tv4 = Fp.mul(A, Fp.is0(tv2) ? Z : Fp.neg(tv2));
  // g(tv3 / tv4) = gNumerator / tv4^3
  const tv4Square = Fp.sqr(tv4);
  const tv4Cube = Fp.mul(tv4Square, tv4);
  const gNumerator = Fp.add(Fp.mul(Fp.add(Fp.sqr(tv3), Fp.mul(A, tv4Square)), tv3), Fp.mul(B, tv4Cube));
  const { isSquare, root } = squareRootOfRatio(gNumerator, tv4Cube);
  const numerator = isSquare ? tv3 : Fp.mul(tv1, tv3);
  const y = isSquare ? root : Fp.mul(Fp.mul(tv1, u), root);
  return { x: Fp.mul(numerator, Fp.inv(tv4)), y: (u & 1n) === (y & 1n) ? y : Fp.neg(y) };
}

/** sqrt_ratio_3mod4: a root of u / v if that is a square, else of Z u / v. */
function squareRootOfRatio(u: bigint, v: bigint): { readonly isSquare: boolean; readonly root: bigint } {
  const uv = Fp.mul(u, v);
  const y1 = Fp.mul(Fp.pow(Fp.mul(Fp.sqr(v), uv), C1), uv);
  const isSquare = Fp.eql(Fp.mul(Fp.sqr(y1), v), u);
  return { isSquare, root: isSquare ? y1 : Fp.mul(y1, C2) };
}

function evaluate(coefficients: readonly bigint[], x: bigint): bigint {
  return coefficients.reduceRight((sum, coefficient) => Fp.add(Fp.mul(sum, x), coefficient), 0n);
}
