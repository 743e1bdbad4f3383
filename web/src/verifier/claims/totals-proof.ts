/**
 * The proof of public totals: a batchable sigma proof of draft-irtf-cfrg-sigma-protocols (docs/protocol.md, section 10).
 *
 *     S - sum_a T_a G_a = P H   for a secret P
 */

import { Combination } from '../argument/combination.ts';
import { sessionId, Transcript } from '../argument/transcript.ts';
import { holds } from '../argument/verify.ts';
import { assetGenerator, blindingGenerator } from '../curve/generators.ts';
import { decodePoint, encodePoint, GENERATOR, isIdentity, type Point, POINT_BYTES } from '../curve/point.ts';
import { decodeScalar, encodeScalar, reduce, SCALAR_BYTES } from '../curve/scalar.ts';
import { ascii, concat, littleEndian } from '../encoding/bytes.ts';
import { underCheck, VerificationError } from '../errors.ts';
import type { Asset } from '../types.ts';

const APPLICATION = 'sealedbook/v1/solvency-totals';
/** Batchable proofs over SHAKE128 and BLS12-381, in the draft's way of naming. */
const CIPHERSUITE = '-DSFS-with-sigma-proofs_Shake128_BLS12381';
const SEPARATOR = new Uint8Array(1);

export const TOTALS_PROOF_BYTES = POINT_BYTES + SCALAR_BYTES;

interface LinearRelationTerm {
  readonly element: number;
  readonly coefficient: bigint;
}

/** One equation: sum of image terms = witness_0 element. */
export interface LinearRelation {
  readonly image: readonly LinearRelationTerm[];
  /** The element that the only witness multiplies. */
  readonly base: number;
  /** E_1, E_2, ..; E_0 is the group's generator and is never written. */
  readonly elements: readonly Point[];
}

/** The canonical form of a relation, which is absorbed first, without its length. */
export function encodeRelation({ image, base, elements }: LinearRelation): Uint8Array {
  const u32 = (value: number): Uint8Array => littleEndian(value, 4);
  return concat(
    u32(1),
    u32(image.length),
    ...image.flatMap(({ element, coefficient }) => [u32(element), encodeScalar(coefficient)]),
    u32(1),
    u32(0),
    u32(base),
    encodeScalar(1n),
    ...elements.map(encodePoint),
  );
}

/** Throws a VerificationError whose check is `length`, `encoding`, `identity`, `instance` or `verification-equation`. */
export function verifyTotalsProof(
  assets: readonly Asset[],
  totals: readonly bigint[],
  rootSum: Uint8Array,
  contextDigest: Uint8Array,
  proof: Uint8Array,
): void {
  const S = underCheck('instance', () => decodePoint(rootSum, "the root's sum"));
  const relation: LinearRelation = {
    image: [
      { element: assets.length + 2, coefficient: 1n },
      ...totals.map((T, a) => ({ element: a + 1, coefficient: reduce(-T) })),
    ],
    base: assets.length + 1,
    elements: [...assets.map(assetGenerator), blindingGenerator(), S],
  };
  const tag = concat(ascii(APPLICATION), ascii(CIPHERSUITE), SEPARATOR, contextDigest);
  verifyRelation(relation, tag, proof);
}

/** z base = K + c image, after multiplication by the cofactor. */
export function verifyRelation(relation: LinearRelation, tag: Uint8Array, proof: Uint8Array): void {
  if (proof.length !== TOTALS_PROOF_BYTES) {
    throw new VerificationError(
      'length',
      `the proof has ${proof.length} bytes, a proof of this statement has ${TOTALS_PROOF_BYTES}`,
    );
  }
  const nonce = proof.subarray(0, POINT_BYTES);
  const K = underCheck('encoding', () => decodePoint(nonce, 'the nonce commitment'));
  const z = underCheck('encoding', () => decodeScalar(proof.subarray(POINT_BYTES), 'the response'));
  if (isIdentity(K)) {
    throw new VerificationError('identity', 'the nonce commitment is the identity');
  }
  const transcript = new Transcript(sessionId(tag));
  transcript.absorb(encodeRelation(relation));
  transcript.absorb(nonce);
  const c = transcript.scalarChallenge();
  const elementAt = (index: number): Point => {
    const element = index === 0 ? GENERATOR : relation.elements[index - 1];
    if (element === undefined || isIdentity(element)) {
      throw new VerificationError('instance', `element ${index} is the identity or missing`);
    }
    return element;
  };
  const image = new Combination();
  for (const { element, coefficient } of relation.image) {
    image.add(coefficient, elementAt(element));
  }
  if (holds(image)) {
    throw new VerificationError('instance', 'the image of the relation is the identity: nothing is proven');
  }
  const equation = new Combination();
  equation.add(z, elementAt(relation.base));
  equation.add(-1n, K);
  equation.addCombination(-c, image);
  if (!holds(equation)) {
    throw new VerificationError('verification-equation', 'the proof does not hold for these totals');
  }
}
