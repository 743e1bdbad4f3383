import { describe, expect, test } from 'vitest';

import type { Instance } from '../src/verifier/argument/instance.ts';
import { shapeOf } from '../src/verifier/argument/shape.ts';
import { checkChallenges, equationOf, holds, verifyArgument } from '../src/verifier/argument/verify.ts';
import { parseStatement } from '../src/verifier/statement/canonical.ts';
import { refusalOf, unhex, vectors } from './vectors.ts';

interface Vector {
  name: string;
  session: string;
  context_digest: string;
  batch_index: number;
  accounts: number;
  row_variables: number;
  folding_rounds: number;
  statement: string;
  /** One after the other, 48 bytes each. */
  leaf_commitments: string;
  proof: string;
}

interface Valid extends Vector {
  challenges: Record<'tau' | 'r' | 'x', string[]> & Record<'alpha' | 'omega' | 'e1' | 'c' | 'e', string>;
}

interface Invalid extends Vector {
  base: string;
  check: string;
}

const VALID = vectors<Valid[]>('argument/valid.json');
const INVALID = vectors<Invalid[]>('argument/invalid.json');

function instanceOf(vector: Vector): Instance {
  const statement = parseStatement(unhex(vector.statement));
  return {
    session: Buffer.from(vector.session, 'hex').toString('ascii'),
    contextDigest: unhex(vector.context_digest),
    batchIndex: vector.batch_index,
    shape: shapeOf(statement, vector.accounts, {
      rowVariables: vector.row_variables,
      foldingRounds: vector.folding_rounds,
    }),
    statement,
    leafCommitments: (vector.leaf_commitments.match(/.{96}/g) ?? []).map(unhex),
  };
}

const scalar = (text: string): bigint => BigInt(`0x${text}`);

describe('range arguments', () => {
  test.each(VALID)('accepts: $name', (vector) => {
    const { combination, challenges } = equationOf(instanceOf(vector), unhex(vector.proof));
    const { tau, alpha, r, omega, e1, c, e, x } = vector.challenges;
    expect(challenges).toEqual({
      tau: tau.map(scalar),
      alpha: scalar(alpha),
      r: r.map(scalar),
      omega: scalar(omega),
      e1: scalar(e1),
      c: scalar(c),
      e: scalar(e),
      x: x.map(scalar),
    });
    expect(holds(combination)).toBe(true);
  });

  test.each(INVALID)('refuses: $name ($check)', (vector) => {
    const refusal = refusalOf(() => {
      verifyArgument(instanceOf(vector), unhex(vector.proof));
    });
    expect(refusal?.check).toBe(vector.check);
  });
});

describe('challenges', () => {
  const good = { tau: [2n, 3n], alpha: 4n, r: [0n, 5n], omega: 6n, e1: 0n, c: 0n, e: 0n, x: [0n] };

  test('of any other value are accepted', () => {
    expect(
      refusalOf(() => {
        checkChallenges(good);
      }),
    ).toBeUndefined();
  });

  test.each([
    { ...good, tau: [0n, 3n] },
    { ...good, tau: [2n, 1n] },
    { ...good, r: [2n, 0n] },
    { ...good, r: [2n, 1n] },
    { ...good, omega: 0n },
  ])('degenerate ones are refused', (challenges) => {
    expect(
      refusalOf(() => {
        checkChallenges(challenges);
      })?.check,
    ).toBe('challenge-degenerate');
  });
});
