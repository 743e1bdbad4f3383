import { describe, expect, test } from 'vitest';

import { sessionId, Transcript } from '../src/verifier/argument/transcript.ts';
import { encodeRelation, type LinearRelation, verifyRelation } from '../src/verifier/claims/totals-proof.ts';
import { hashToCurve } from '../src/verifier/curve/generators.ts';
import { decodePoint } from '../src/verifier/curve/point.ts';
import { concat, fromBigEndian, fromLittleEndian, toHex } from '../src/verifier/encoding/bytes.ts';
import { encoded, refusalOf, unhex, vectors } from './vectors.ts';

interface Sponge {
  traces: {
    name: string;
    session_id: string;
    steps: ['absorb' | 'squeeze', string | number][];
    squeezed: string;
  }[];
  session_ids: { tag: string; session_id: string }[];
}

interface Sigma {
  statements: Record<string, { instance: string; witness: string }>;
  accepted: Record<
    string,
    { relation: string; flavour: string; tag: string; session_id: string; narg: string }
  >;
}

interface Rfc9380 {
  domain: string;
  cases: { message: string; x: string; y: string }[];
}

describe('draft-irtf-cfrg-fiat-shamir, SHAKE128', () => {
  const sponge = vectors<Sponge>('cfrg/sponge.json');

  test.each(sponge.traces)('trace: $name', ({ session_id, steps, squeezed }) => {
    const transcript = new Transcript(unhex(session_id));
    const read: Uint8Array[] = [];
    for (const [step, value] of steps) {
      if (step === 'absorb') {
        transcript.absorb(unhex(String(value)));
      } else {
        read.push(transcript.squeeze(Number(value)));
      }
    }
    expect(toHex(concat(...read))).toBe(squeezed);
  });

  test.each(sponge.session_ids)('session id of $tag', ({ tag, session_id }) => {
    expect(toHex(sessionId(unhex(tag)))).toBe(session_id);
  });
});

describe('RFC 9380, BLS12381G1_XMD:SHA-256_SSWU_RO_', () => {
  const { domain, cases } = vectors<Rfc9380>('rfc9380_bls12381g1.json');

  test.each(cases)('hash_to_curve of $message', ({ message, x, y }) => {
    const point = hashToCurve(encoded(message), domain).toAffine();
    expect([point.x, point.y]).toEqual([BigInt(`0x${x}`), BigInt(`0x${y}`)]);
  });
});

/** A relation of one equation, one witness and one image term, in the draft's canonical form. */
function relationOf(instance: Uint8Array): LinearRelation {
  const u32 = (at: number): number => Number(fromLittleEndian(instance.subarray(at, at + 4)));
  const elements: ReturnType<typeof decodePoint>[] = [];
  for (let at = 88; at < instance.length; at += 48) {
    elements.push(decodePoint(instance.subarray(at, at + 48), 'element'));
  }
  return {
    image: [{ element: u32(8), coefficient: fromBigEndian(instance.subarray(12, 44)) }],
    base: u32(52),
    elements,
  };
}

describe('draft-irtf-cfrg-sigma-protocols, batchable', () => {
  const sigma = vectors<Sigma>('cfrg/sigma.json');
  const discreteLogarithm = unhex(sigma.statements['discrete_logarithm']?.instance ?? '');
  const vector = sigma.accepted['discrete_logarithm/batchable'];

  test('session ids', () => {
    for (const { tag, session_id } of Object.values(sigma.accepted)) {
      expect(toHex(sessionId(encoded(tag)))).toBe(session_id);
    }
  });

  test('canonical form and proof of a discrete logarithm', () => {
    const relation = relationOf(discreteLogarithm);
    expect(toHex(encodeRelation(relation))).toBe(toHex(discreteLogarithm));
    const narg = unhex(vector?.narg ?? '');
    verifyRelation(relation, encoded(vector?.tag ?? ''), narg);
  });

  test('refused: another tag, a changed byte, a nonce that is the identity', () => {
    const relation = relationOf(discreteLogarithm);
    const tag = encoded(vector?.tag ?? '');
    const narg = unhex(vector?.narg ?? '');
    const changed = narg.slice();
    changed[79] = (changed[79] ?? 0) ^ 1;
    const identity = concat(Uint8Array.of(0xc0), new Uint8Array(47), narg.subarray(48));
    const cases: [Uint8Array, Uint8Array, string][] = [
      [encoded('other'), narg, 'verification-equation'],
      [tag, changed, 'verification-equation'],
      [tag, identity, 'identity'],
      [tag, narg.subarray(1), 'length'],
    ];
    for (const [useTag, proof, check] of cases) {
      expect(
        refusalOf(() => {
          verifyRelation(relation, useTag, proof);
        })?.check,
      ).toBe(check);
    }
  });
});
