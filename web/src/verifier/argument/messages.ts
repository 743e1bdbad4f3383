/** Reading a proof: messages and challenges in their order (docs/protocol-proofs.md, section 4). */

import { decodePoint, isIdentity, type Point, POINT_BYTES } from '../curve/point.ts';
import { decodeScalar, SCALAR_BYTES } from '../curve/scalar.ts';
import { underCheck, VerificationError } from '../errors.ts';
import type { Shape } from './shape.ts';
import type { Transcript } from './transcript.ts';

export interface Messages {
  /** D_i for each sent row. */
  readonly rows: readonly Point[];
  /** M */
  readonly mask: Point;
  /** a'_{j,i} for i = 1, 2 in each round, in the last one also 3, 4. */
  readonly rounds: readonly (readonly bigint[])[];
  readonly y: bigint;
  /** K */
  readonly nonce: Point;
  /** z_H */
  readonly blindingResponse: bigint;
  /** A_t and B_t */
  readonly folds: readonly { readonly a: Point; readonly b: Point }[];
  /** z_0 .. z_{m'-1} */
  readonly responses: readonly bigint[];
}

export interface Challenges {
  readonly tau: readonly bigint[];
  readonly alpha: bigint;
  readonly r: readonly bigint[];
  readonly omega: bigint;
  readonly e1: bigint;
  readonly c: bigint;
  readonly e: bigint;
  readonly x: readonly bigint[];
}

/** Coefficients sent in round j of n, counted from 0. */
export function coefficientsInRound(round: number, rounds: number): number {
  return round === rounds - 1 ? 4 : 2;
}

/**
 * The messages and challenges of a proof of the right length. Points and scalars are decoded strictly (check `encoding`)
 * before any point is refused for being the identity (check `identity`).
 */
export function readProof(
  proof: Uint8Array,
  shape: Shape,
  transcript: Transcript,
): { readonly messages: Messages; readonly challenges: Challenges } {
  const reader = new MessageReader(proof, transcript);
  const n = shape.variables;

  const rows = shape.sentRows.map((row) => reader.point(`D_${row}`));
  const mask = reader.point('M');
  const tau = Array.from({ length: n }, () => transcript.scalarChallenge());
  const alpha = transcript.scalarChallenge();

  const r: bigint[] = [];
  const rounds = Array.from({ length: n }, (_, j) => {
    const count = coefficientsInRound(j, n);
    const coefficients = Array.from({ length: count }, (_unused, i) =>
      reader.scalar(`coefficient ${i + 1} of round ${j + 1}`),
    );
    r.push(transcript.scalarChallenge());
    return coefficients;
  });

  const y = reader.scalar('y');
  const omega = transcript.scalarChallenge();
  const e1 = transcript.scalarChallenge();
  const c = transcript.scalarChallenge();

  const nonce = reader.point('K');
  const e = transcript.scalarChallenge();
  const blindingResponse = reader.scalar('z_H');

  const x: bigint[] = [];
  const folds = Array.from({ length: shape.foldingRounds }, (_, t) => {
    const fold = { a: reader.point(`A_${t + 1}`), b: reader.point(`B_${t + 1}`) };
    x.push(transcript.shortChallenge());
    return fold;
  });
  const responses = Array.from({ length: shape.responses }, (_, j) => reader.scalar(`z_${j}`));
  reader.end();

  return {
    messages: { rows, mask, rounds, y, nonce, blindingResponse, folds, responses },
    challenges: { tau, alpha, r, omega, e1, c, e, x },
  };
}

class MessageReader {
  private position = 0;
  private identity: string | undefined;

  constructor(
    private readonly proof: Uint8Array,
    private readonly transcript: Transcript,
  ) {}

  point(what: string): Point {
    const point = underCheck('encoding', () => decodePoint(this.message(POINT_BYTES), what));
    if (isIdentity(point)) {
      this.identity ??= what;
    }
    return point;
  }

  scalar(what: string): bigint {
    return underCheck('encoding', () => decodeScalar(this.message(SCALAR_BYTES), what));
  }

  end(): void {
    if (this.position !== this.proof.length) {
      throw new VerificationError('length', 'the proof does not end after its last message');
    }
    if (this.identity !== undefined) {
      throw new VerificationError('identity', `${this.identity} is the identity`);
    }
  }

  private message(length: number): Uint8Array {
    const bytes = this.proof.subarray(this.position, this.position + length);
    this.position += length;
    this.transcript.absorb(bytes);
    return bytes;
  }
}
