/**
 * Verification of range arguments (docs/protocol-proofs.md, section 5). The names of symbols are those of that page.
 *
 * The checks, in order: `length`, `instance`, `encoding`, `identity`, `challenge-degenerate`, `opening-equation`.
 */

import {
  assetGenerator,
  blindingGenerator,
  columnGenerator,
  linearFormGenerator,
  maskGenerator,
  type UnclearedGenerator,
} from '../curve/generators.ts';
import { decodePoint, isIdentity, type Point, timesCofactor } from '../curve/point.ts';
import { eqTable, GROUP_ORDER, invert, reduce, tensor } from '../curve/scalar.ts';
import { underCheck, VerificationError } from '../errors.ts';
import { linearWeights, type Weights } from '../statement/weights.ts';
import { Combination } from './combination.ts';
import { type Instance, transcriptOf } from './instance.ts';
import { type Challenges, type Messages, readProof } from './messages.ts';
import type { Shape } from './shape.ts';

const r = GROUP_ORDER;

/** Called with the part that is done, 0 to 1. */
export type Progress = (fraction: number) => void;

/** What a proof comes down to: it holds if h_eff times `combination` is the identity. */
export interface Equation {
  readonly combination: Combination;
  readonly challenges: Challenges;
}

/** Verifies one proof, or throws the VerificationError of the check that fails. */
export function verifyArgument(instance: Instance, proof: Uint8Array, onProgress?: Progress): void {
  const { combination } = equationOf(instance, proof, (done) => onProgress?.(done / 2));
  verifyEquation(combination, (done) => onProgress?.(0.5 + done / 2));
}

export function verifyEquation(combination: Combination, onProgress?: Progress): void {
  if (!holds(combination, onProgress)) {
    throw new VerificationError('opening-equation', 'the proof does not hold for this instance');
  }
}

export function holds(combination: Combination, onProgress?: Progress): boolean {
  return isIdentity(timesCofactor(combination.sum(onProgress)));
}

/** All checks but the last, and the combination that the last one is about. */
export function equationOf(instance: Instance, proof: Uint8Array, onProgress?: Progress): Equation {
  const { shape, statement } = instance;
  if (proof.length !== shape.proofBytes) {
    throw new VerificationError(
      'length',
      `the proof has ${proof.length} bytes, a proof of this statement has ${shape.proofBytes}`,
    );
  }
  const leaves = decodeLeaves(instance.leafCommitments, (done) => onProgress?.(done / 2));
  const { messages, challenges } = readProof(proof, shape, transcriptOf(instance));
  checkChallenges(challenges);
  const weights = linearWeights(statement, challenges.alpha);
  const combination = combine(instance, leaves, messages, challenges, weights, (done) =>
    onProgress?.(0.5 + done / 2),
  );
  return { combination, challenges };
}

function decodeLeaves(commitments: readonly Uint8Array[], onProgress?: Progress): Point[] {
  return commitments.map((commitment, u) => {
    const point = underCheck('instance', () => decodePoint(commitment, `commitment of account ${u}`));
    if (isIdentity(point)) {
      throw new VerificationError('instance', `commitment of account ${u} is the identity`);
    }
    if (u % 256 === 255) {
      onProgress?.(u / commitments.length);
    }
    return point;
  });
}

/** No tau_j is 0 or 1; r_n is not 0 or 1; omega is not 0. */
export function checkChallenges({ tau, r: rounds, omega }: Challenges): void {
  const isBit = (value: bigint | undefined): boolean => value === 0n || value === 1n;
  if (tau.some(isBit) || isBit(rounds.at(-1)) || omega === 0n) {
    throw new VerificationError('challenge-degenerate', 'a challenge has a value that must not occur');
  }
}

/**
 *     X (K + e T' - z_H H) + sum_t X_{>t} (A_t + x_t^2 B_t) - <v, base> - c <v, L> E
 *     T' = sum_i eq(r_top, i) D_i + omega sum_u eq(tau_acc, u) C_u + omega^2 M + c val E
 */
function combine(
  instance: Instance,
  leaves: readonly Point[],
  messages: Messages,
  challenges: Challenges,
  weights: Weights,
  onProgress?: Progress,
): Combination {
  const { shape, statement } = instance;
  const { omega, c, e, x } = challenges;
  const X = product(x);
  const result = new Combination();

  result.add(X, messages.nonce);
  result.add(-X * messages.blindingResponse, blindingGenerator());
  messages.folds.forEach(({ a, b }, t) => {
    const after = product(x.slice(t + 1));
    const x_t = at(x, t);
    result.add(after, a);
    result.add(after * ((x_t * x_t) % r), b);
  });

  const Xe = (X * e) % r;
  const eqTop = eqTable(challenges.r.slice(0, shape.variables - shape.rowVariables));
  messages.rows.forEach((D, i) => {
    result.add(Xe * at(eqTop, at(shape.sentRows, i)), D);
  });
  const eqAccounts = eqTable(challenges.tau.slice(0, shape.accountVariables));
  const XeOmega = (Xe * omega) % r;
  leaves.forEach((C, u) => {
    result.add(XeOmega * at(eqAccounts, u), C);
  });
  result.add(XeOmega * omega, messages.mask);

  const S_U = reduce(eqAccounts.slice(0, shape.accounts).reduce((sum, entry) => sum + entry, 0n));
  const val = value(shape, messages, challenges, weights, S_U);
  const L = linearForm(shape, challenges, weights);
  const v = unfolded(shape, messages.responses, x);
  let vL = 0n;
  v.forEach((v_i, i) => {
    vL += v_i * at(L, i);
    const { factor, point } = base(i, shape, statement.assets);
    result.add(-v_i * factor, point);
    if (i % 64 === 63) {
      onProgress?.(i / v.length);
    }
  });
  result.add(c * reduce(Xe * val - vL), linearFormGenerator());
  return result;
}

/** val = y + e1 ( sum_{j,i} (r_j^i - tau_j) a'_{j,i} + kappa S_U - y (1 - y) - Lambda y ) */
function value(
  shape: Shape,
  { y, rounds }: Messages,
  challenges: Challenges,
  weights: Weights,
  S_U: bigint,
): bigint {
  const masks = maskWeights(shape, challenges);
  const sent = rounds.flat().reduce((sum, a, place) => sum + a * at(masks, place), 0n);
  const Lambda = lambda(shape, challenges, weights);
  return reduce(y + challenges.e1 * reduce(sent + weights.constant * S_U - y * (1n - y) - Lambda * y));
}

/** r_j^i - tau_j, in the order in which the a'_{j,i} are sent. */
function maskWeights(shape: Shape, { r: rounds, tau }: Challenges): bigint[] {
  return rounds.flatMap((r_j, j) => {
    const count = j === shape.variables - 1 ? 4 : 2;
    let power = 1n;
    return Array.from({ length: count }, () => {
      power = (power * r_j) % r;
      return reduce(power - at(tau, j));
    });
  });
}

/** Lambda = sum_{k < W} lambda_k eq(r_bits, k) / eq(tau_bits, k) */
function lambda(shape: Shape, { r: rounds, tau }: Challenges, weights: Weights): bigint {
  const ratios = tensor(
    Array.from({ length: shape.bitVariables }, (_, j) => {
      const [r_j, tau_j] = [at(rounds, shape.accountVariables + j), at(tau, shape.accountVariables + j)];
      return {
        zero: reduce((1n - r_j) * invert(1n - tau_j)),
        one: (r_j * invert(tau_j)) % r,
      };
    }),
  );
  let sum = 0n;
  let k = 0;
  for (const { factor, width } of weights.bits) {
    let part = 0n;
    for (let j = width - 1; j >= 0; j -= 1) {
      part = (2n * part + at(ratios, k + j)) % r;
    }
    k += width;
    sum += factor * part;
  }
  return reduce(sum);
}

/** L over the bases B_0 .. B_{R-1}, G_0 .. G_{A-1}, M_0 .. M_{2n+2}. */
function linearForm(shape: Shape, challenges: Challenges, weights: Weights): bigint[] {
  const { e1, omega, r: rounds } = challenges;
  const inverse = invert(omega);
  const inverseSquare = (inverse * inverse) % r;
  const r_n = at(rounds, shape.variables - 1);
  return [
    ...eqTable(rounds.slice(shape.variables - shape.rowVariables)),
    ...weights.positions.map((c_a) => reduce(-e1 * ((c_a * inverse) % r))),
    ...maskWeights(shape, challenges).map((weight) => (e1 * ((weight * inverseSquare) % r)) % r),
    reduce(r_n * reduce((1n - r_n) * inverseSquare)),
  ];
}

/**
 * v_{h m' + j} = s_h z_j without the entries from len on, where s_h is the product of the x_t at the zero bits of h and
 * x_1 belongs to the most significant bit.
 */
function unfolded(shape: Shape, responses: readonly bigint[], x: readonly bigint[]): bigint[] {
  const s = tensor(x.map((x_t) => ({ zero: x_t, one: 1n })));
  return s.flatMap((s_h) => responses.map((z_j) => (s_h * z_j) % r)).slice(0, shape.length);
}

/** The i-th base of the opened vector. */
function base(i: number, shape: Shape, assets: Instance['statement']['assets']): UnclearedGenerator {
  const R = 2 ** shape.rowVariables;
  if (i < R) {
    return columnGenerator(i);
  }
  const asset = assets[i - R];
  return asset === undefined
    ? maskGenerator(i - R - shape.assets)
    : { factor: 1n, point: assetGenerator(asset) };
}

function product(factors: readonly bigint[]): bigint {
  return factors.reduce((result, factor) => (result * factor) % r, 1n);
}

function at<T>(list: readonly T[], index: number): T {
  const entry = list[index];
  if (entry === undefined) {
    throw new RangeError(`no entry ${index} in a list of ${list.length}`);
  }
  return entry;
}
