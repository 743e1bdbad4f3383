import { describe, expect, test } from 'vitest';

import { checkAttestation } from '../src/verifier/book/attestation.ts';
import { readBook } from '../src/verifier/book/book.ts';
import { readBookClaim } from '../src/verifier/book/claims.ts';
import { type BookResult, checkBookClaim, findBookClaim } from '../src/verifier/claims/book.ts';
import { claimContext } from '../src/verifier/claims/context.ts';
import { toHex } from '../src/verifier/encoding/bytes.ts';
import { canonicalJson } from '../src/verifier/json/canonical.ts';
import { Field } from '../src/verifier/json/fields.ts';
import { claimStatement } from '../src/verifier/models/claim-statement.ts';
import { balancedBookWords } from '../src/verifier/models/limits.ts';
import { Recorder } from '../src/verifier/report.ts';
import { parseStatement, statementDigest } from '../src/verifier/statement/canonical.ts';
import { boundedRow } from '../src/verifier/statement/rows.ts';
import type { Row, Statement } from '../src/verifier/statement/statement.ts';
import { usedTotals } from '../src/verifier/statement/totals.ts';
import { encoded, refusalOf, unhex, vectors } from './vectors.ts';

interface Accepted {
  name: string;
  book: { leaves: { count: number }; assets: { id: string; decimals: number }[] };
  claim: Record<string, unknown>;
  model: string;
  market: string;
  statement: string;
  context_digest: string;
  proof: string;
}

interface Rejected {
  name: string;
  base: string;
  changes: Partial<Accepted>;
  check: string;
  detail: string;
}

const ACCEPTED = vectors<Accepted[]>('book/accepted.json');
const REJECTED = vectors<Rejected[]>('book/rejected.json');

/**
 * Models and markets are not compiled here, and the statement given is that of the base: what is wrong with these
 * documents shows where the proof, which is bound to their bytes, does not hold.
 */
const FOUND_BY_THE_PROOF = new Set([
  'an underlying that the market has not',
  "a risk array that is not the market's",
  'a market without an instrument',
  'another limit',
]);

const vector = (name: string): Accepted => {
  const found = ACCEPTED.find((candidate) => candidate.name === name);
  if (found === undefined) {
    throw new Error(`no vector ${name}`);
  }
  return found;
};

function field(value: unknown): Field {
  return Field.document(encoded(JSON.stringify(value)));
}

function check(vector: Accepted, statement: string | undefined = vector.statement): BookResult {
  return checkBookClaim(
    new Recorder(),
    readBook(field(vector.book)),
    readBookClaim(field(vector.claim), (name) => name.text()),
    {
      model: encoded(vector.model),
      market: encoded(vector.market),
      proof: unhex(vector.proof),
      ...(statement === '' ? {} : { statement: unhex(statement) }),
    },
  );
}

function altered({ base, changes }: Rejected): Accepted {
  const original = vector(base);
  return {
    ...original,
    ...changes,
    book: { ...original.book, ...changes.book },
    claim: { ...original.claim, ...changes.claim },
  };
}

describe('claims about the whole book', () => {
  test.each(ACCEPTED)('accepted: $name', (vector) => {
    const { statement, words, summary } = check(vector);
    expect(summary.source).toBe('given');
    expect(words.length).toBeGreaterThan(0);
    expect(toHex(statementDigest(unhex(vector.statement)))).toBe(vector.claim['statement']);
    expect(statement.rows.length).toBeGreaterThan(0);
    const context = claimContext(
      'book',
      String(vector.claim['name']),
      readBook(field(vector.book)).digest,
      [
        ['model', encoded(vector.model)],
        ['market', encoded(vector.market)],
      ],
      unhex(String(vector.claim['statement'])),
    );
    expect(toHex(context)).toBe(vector.context_digest);
  });

  test.each(REJECTED)('refused: $name ($check)', (vector) => {
    const changed = altered(vector);
    const refusal = refusalOf(() => check(changed));
    if (vector.name === 'a net delta one unit above its end') {
      // It claims a statement that is none of the vectors'.
      expect(refusal?.check).toBe('W2-statement');
    } else if (FOUND_BY_THE_PROOF.has(vector.name)) {
      expect(refusal?.check).toBe('W3-proof');
    } else {
      expect(refusal?.check).toBe(vector.check);
    }
  });

  test('nothing is decided without the statement', () => {
    const [example] = ACCEPTED;
    expect(refusalOf(() => example && check(example, ''))).toMatchObject({
      check: 'W1-documents',
      needs: 'statement',
    });
  });

  test('a proof of one claim is none of another', () => {
    const [upper, lower] = [vector('a net delta at its upper end'), vector('a net delta at its lower end')];
    expect(upper.statement).toBe(lower.statement);
    expect(refusalOf(() => check({ ...upper, proof: lower.proof }))?.check).toBe('W3-proof');
  });

  test('what it rests on is said', () => {
    const example = vector('the example');
    const result = check(example);
    const claim = readBookClaim(field(example.claim), (name) => name.text());
    const levels = (accounts: readonly Statement[] | undefined): Record<string, string> => {
      const recorder = new Recorder();
      findBookClaim(recorder, claim, result, accounts, { model: false, market: false });
      return Object.fromEntries(recorder.findings.map(({ subject, level }) => [subject, level]));
    };
    const { assets } = example.book;
    const whole = { assets, rows: assets.map((_, place) => boundedRow(place)), auxiliaryWidths: [] };
    const total = 'Totals of the whole book';
    expect(levels([whole])).toMatchObject({ [total]: 'proven', "What the model of 'book' says": 'claimed' });
    expect(levels([whole])).not.toHaveProperty('Whole amounts');
    const wide = whole.rows.map((row) => ({ ...row, width: 65 }));
    for (const accounts of [
      undefined,
      [],
      [{ ...whole, rows: whole.rows.slice(1) }],
      [{ ...whole, rows: wide }],
    ]) {
      expect(levels(accounts)).toMatchObject({ [total]: 'not-proven', 'Whole amounts': 'not-proven' });
    }
  });

  test('a model of the whole book makes no claim about accounts', () => {
    const { model, market, statement, book } = vector('the example');
    const documents = { model: encoded(model), market: encoded(market), statement: unhex(statement) };
    expect(() => claimStatement('C1-documents', documents, book.assets, 'book')).toThrow(
      'about the sum of all accounts',
    );
  });

  test('an attestation with a claim of an unknown kind is refused, whatever else it holds', () => {
    const attestation = {
      format: 'sealedbook/attestation/v1',
      book: vector('the example').book,
      claims: [{ kind: 'zeta', name: 'z' }],
      files: [
        {
          name: 'leaves.bin',
          bytes: 640,
          sha256: (vector('the example').book.leaves as { sha256?: string }).sha256,
        },
      ],
    };
    const bytes = canonicalJson(field(attestation).value);
    const refusal = refusalOf(() =>
      checkAttestation(new Recorder(), { attestation: bytes, signature: new Uint8Array(129) }),
    );
    expect(refusal?.check).toBe('B2-attestation');
    expect(refusal?.message).toContain("$.claims[0].kind: claims of the kind 'zeta' are not known");
  });
});

describe('statements about totals', () => {
  const example = vector('the example');
  const statement = parseStatement(unhex(example.statement));
  const leaves = example.book.leaves.count;
  const without = (dropped: (row: Row) => boolean): Statement => ({
    ...statement,
    rows: statement.rows.filter((row) => !dropped(row)),
  });

  test('make every total that they use an integer', () => {
    expect(usedTotals(statement, leaves).length).toBeGreaterThan(2);
    const keeps = (row: Row): boolean => row.positions.length === 1 && row.constant > 1n << 64n;
    expect(() => usedTotals(without(keeps), leaves)).toThrow('an integer');
    const halves = statement.rows.map((row) =>
      keeps(row) ? { ...row, positions: row.positions.map((term) => ({ ...term, coefficient: 2n })) } : row,
    );
    expect(() => usedTotals({ ...statement, rows: halves }, leaves)).toThrow('an integer');
  });

  test('have the sizes of the book', () => {
    expect(() => usedTotals(statement, 2 * leaves)).toThrow('an integer');
    const gross = vector('gross, and against equity, at the boundary');
    const split = parseStatement(unhex(gross.statement));
    expect(split.auxiliaryWidths.length).toBeGreaterThan(0);
    expect(usedTotals(split, gross.book.leaves.count).length).toBeGreaterThan(0);
    const wider = { ...split, auxiliaryWidths: split.auxiliaryWidths.map((width) => width + 1) };
    expect(() => usedTotals(wider, gross.book.leaves.count)).toThrow('a variable has');
    const other = split.rows.map((row) =>
      row.auxiliaries.length === 1 ? { ...row, constant: row.constant + 1n } : row,
    );
    expect(() => usedTotals({ ...split, rows: other }, gross.book.leaves.count)).toThrow('an integer');
  });

  test('cannot wrap with totals of that size, though they could not with amounts', () => {
    const [first, ...rest] = statement.rows;
    if (first === undefined) {
      throw new Error('no row');
    }
    const positions = first.positions.map((term) => ({ ...term, coefficient: 1n << 188n }));
    const large = { ...statement, rows: [{ ...first, positions }, ...rest] };
    expect(() => usedTotals(large, leaves)).toThrow('row 0 can wrap around');
  });
});

describe('limits in words', () => {
  const words = (limit: object, more: object = {}): readonly string[] =>
    balancedBookWords(
      encoded(
        JSON.stringify({
          format: 'sealedbook/model/v1',
          kind: 'balanced-book',
          version: 1,
          limits: [{ name: 'one', greek: 'delta', underlying: 'BTC', ...limit }],
          ...more,
        }),
      ),
    );

  test.each([
    [{ least: '-5', greatest: '5' }, "the book's net delta in BTC is within ±5"],
    [{ least: '0', greatest: '0' }, "the book's net delta in BTC is zero"],
    [{ least: '-4', greatest: '5.5' }, "the book's net delta in BTC is at least -4 and at most 5.5"],
    [{ greek: 'gamma', least: '0' }, "the book's net gamma in BTC is not negative"],
    [{ least: '2' }, "the book's net delta in BTC is at least 2"],
    [
      { greek: 'vega', greatest: '6', expiries: { to_days: 45 } },
      "the book's net vega in BTC of expiries within 45 days is at most 6",
    ],
    [
      { greatest: '6', expiries: { after_days: 7, to_days: 45 } },
      "the book's net delta in BTC of expiries beyond 7 and within 45 days is at most 6",
    ],
    [
      { greatest: '6', expiries: { after_days: 7 } },
      "the book's net delta in BTC of expiries beyond 7 days is at most 6",
    ],
    [
      { measure: 'gross', greatest: '5', expiries: 'perpetual' },
      "the book's gross delta in BTC of what never expires is at most 5",
    ],
    [
      { measure: 'equity', share: '0.5' },
      "the book's delta in BTC, at the index, is worth at most 50 % of its equity either way",
    ],
  ])('%j', (limit, expected) => {
    expect(words(limit)).toEqual([expected]);
  });

  test('a hedge of the document is named', () => {
    const hedge = [{ asset: 'BTC-PERP', amount: '2.25' }];
    expect(words({ measure: 'hedged', least: '-1', greatest: '1' }, { hedge })).toEqual([
      "the book's net delta in BTC, after the hedge of the document, is within ±1",
    ]);
  });

  test.each([
    ['no limit at all', {}, {}, 'nothing is limited'],
    ['another measure', { measure: 'most', greatest: '1' }, {}, 'is not one of'],
    ['another Greek', { greek: 'rho', greatest: '1' }, {}, 'is not one of'],
    ['a bucket of nothing', { greatest: '1', expiries: {} }, {}, 'needs'],
    ['finer than the scale', { greatest: '1.5' }, { scales: { delta: 0 } }, 'not a multiple'],
    ['another version', { greatest: '1' }, { version: 2 }, 'not between'],
    ['an unknown field', { greatest: '1' }, { x: 1 }, "unknown field 'x'"],
    ['another kind', { greatest: '1' }, { kind: 'greeks-limits' }, "is not 'balanced-book'"],
  ])('refused: %s', (_, limit, more, reason) => {
    expect(() => words(limit, more)).toThrow(reason);
  });
});
