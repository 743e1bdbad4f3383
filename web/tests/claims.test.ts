import { describe, expect, test } from 'vitest';

import { readClaims } from '../src/verifier/book/claims.ts';
import { coverOf } from '../src/verifier/claims/cover.ts';
import { Field } from '../src/verifier/json/fields.ts';
import { boundedRow, nonNegativeRow } from '../src/verifier/statement/rows.ts';
import type { Row, Statement } from '../src/verifier/statement/statement.ts';
import { encoded } from './vectors.ts';

const DIGEST = 'ab'.repeat(32);
const accounts = {
  kind: 'accounts',
  name: 'a',
  model: 'model.json',
  market: 'market.json',
  statement: DIGEST,
  batches: 2,
};
const solvency = {
  kind: 'solvency',
  name: 's',
  reserves: 'reserves.json',
  ratio: { numerator: 21, denominator: 20 },
  totals: 'hidden',
  statement: DIGEST,
};
const book = {
  kind: 'book',
  name: 'b',
  model: 'book-model.json',
  market: 'market.json',
  signatures: 'totals.json',
  statement: DIGEST,
};
const DOCUMENTS = ['book-model.json', 'model.json', 'market.json', 'reserves.json', 'totals.json'];
const PROOFS = ['proofs/a-000000.narg', 'proofs/a-000001.narg', 'proofs/s.narg'];

function read(claims: object[], files = [...DOCUMENTS, ...PROOFS]): unknown {
  return readClaims(Field.document(encoded(JSON.stringify(claims))), new Set(files));
}

describe('claims of an attestation', () => {
  test('are read', () => {
    expect(read([accounts, solvency])).toHaveLength(2);
    expect(read([], DOCUMENTS)).toEqual([]);
    expect(read([accounts, book, solvency], [...DOCUMENTS, ...PROOFS, 'proofs/b.narg'])).toMatchObject([
      { kind: 'accounts' },
      { kind: 'book', market: 'market.json', signatures: 'totals.json' },
      { kind: 'solvency' },
    ]);
  });

  test.each([
    ['out of order', [solvency, accounts], 'stands after'],
    ['one name twice', [accounts, { ...solvency, name: 'a' }], 'stands after'],
    ['of another kind', [{ ...accounts, kind: 'margin' }, solvency], "kind 'margin' are not known"],
    [
      'of a kind of its own',
      [...[accounts, solvency], { kind: 'zeta', name: 'z' }],
      'this verifier is too old',
    ],
    ['of no kind', [accounts, solvency, { name: 'z' }], '.kind: expected text'],
    [
      'about the book without a market',
      [accounts, { ...book, market: undefined }, solvency],
      "'market' is missing",
    ],
    ['about the book with batches', [accounts, { ...book, batches: 1 }, solvency], "unknown field 'batches'"],
    [
      'about the book, no proof',
      [accounts, { ...book, name: 'c' }, solvency],
      "'proofs/c.narg' is not listed",
    ],
    ['a name in capitals', [{ ...accounts, name: 'A' }, solvency], 'not the name of a claim'],
    ['a name too long', [{ ...accounts, name: 'a'.repeat(41) }, solvency], 'not the name of a claim'],
    ['a document that is not listed', [{ ...accounts, model: 'other.json' }, solvency], 'not listed'],
    ['a proof that is not listed', [{ ...accounts, batches: 3 }, solvency], 'not listed'],
    ['a proof that belongs to none', [solvency], 'belongs to no claim'],
    ['one proof of two claims', [accounts, { ...solvency, name: 'a-000000' }], 'is a proof of'],
    ['no batch', [{ ...accounts, batches: 0 }, solvency], 'not between 1 and'],
    [
      'signatures without a market',
      [{ ...accounts, market: undefined, signatures: 'totals.json' }, solvency],
      'of a market',
    ],
    ['an unknown field', [{ ...accounts, margin: 1 }, solvency], "unknown field 'margin'"],
    ['a ratio below 1', [accounts, { ...solvency, ratio: { numerator: 20, denominator: 21 } }], 'below 1'],
    [
      'a ratio not in lowest terms',
      [accounts, { ...solvency, ratio: { numerator: 4, denominator: 2 } }],
      'lowest terms',
    ],
    [
      'a ratio too large',
      [accounts, { ...solvency, ratio: { numerator: 1000001, denominator: 1 } }],
      'not between',
    ],
    ['public totals without a file', [accounts, { ...solvency, totals: 'public' }], 'totals_file'],
    ['hidden totals with a file', [accounts, { ...solvency, totals_file: 'totals.json' }], 'totals_file'],
    ['other totals', [accounts, { ...solvency, totals: 'secret' }], 'is not one of'],
  ])('refused: %s', (_, claims, reason) => {
    expect(() => read(claims)).toThrow(reason);
  });
});

describe('what totals rest on', () => {
  const statementOf = (...rows: Row[]): Statement => ({
    assets: ['A', 'B', 'C'].map((id) => ({ id, decimals: 0 })),
    rows,
    auxiliaryWidths: [8],
  });
  const value = (constant: bigint, auxiliary: bigint, price = 2n): Row => ({
    width: 90,
    constant,
    positions: [
      { index: 0, coefficient: 3n },
      { index: 1, coefficient: price },
    ],
    auxiliaries: [{ index: 0, coefficient: auxiliary }],
  });
  const bounds = [boundedRow(0), boundedRow(1)];
  const level = (rows: Row[], reserved: number[], agreed = true): string =>
    coverOf(0, [{ statement: statementOf(...rows), agreed }], new Set(reserved)).level;

  test('no account below zero', () => {
    expect(level([nonNegativeRow(0)], [], false)).toBe('proven');
    expect(level([boundedRow(0)], [0])).toBe('not-proven');
    expect(coverOf(0, [], new Set([0])).level).toBe('not-proven');
  });

  test('debts outweighed, with reserves for all that is counted', () => {
    expect(level([value(0n, -1n), ...bounds], [0, 1])).toBe('proven');
    expect(level([value(-5n, -1n), ...bounds], [0, 1])).toBe('proven');
    expect(level([value(0n, -1n), ...bounds], [0, 1], false)).toBe('claimed');
    expect(level([value(0n, -1n), ...bounds], [0])).toBe('not-proven');
  });

  test('rows that do not show it', () => {
    expect(level([value(1n, -1n), ...bounds], [0, 1])).toBe('not-proven');
    expect(level([value(0n, 1n), ...bounds], [0, 1])).toBe('not-proven');
    expect(level([value(0n, -1n, -2n), ...bounds], [0, 1])).toBe('not-proven');
    expect(level([value(0n, -1n)], [0, 1])).toBe('not-proven');
  });
});
