import { describe, expect, test } from 'vitest';

import { readBook } from '../src/verifier/book/book.ts';
import { readSolvencyClaim } from '../src/verifier/book/claims.ts';
import { ownershipOf } from '../src/verifier/claims/ownership.ts';
import { checkSolvency, solvencyContext, type SolvencyDocuments } from '../src/verifier/claims/solvency.ts';
import { toHex } from '../src/verifier/encoding/bytes.ts';
import { Field } from '../src/verifier/json/fields.ts';
import { Recorder } from '../src/verifier/report.ts';
import { encoded, refusalOf, unhex, vectors } from './vectors.ts';

interface Accepted {
  name: string;
  book: object;
  claim: object;
  reserves: string;
  totals: string | null;
  proof: string;
  context_digest: string;
}

interface Rejected {
  name: string;
  base: string;
  changes: Partial<Accepted>;
  check: string;
}

const ACCEPTED = vectors<Accepted[]>('solvency/accepted.json');
const REJECTED = vectors<Rejected[]>('solvency/rejected.json');

function check(vector: Accepted): string {
  const book = readBook(Field.document(encoded(JSON.stringify(vector.book))));
  const claim = readSolvencyClaim(Field.document(encoded(JSON.stringify(vector.claim))), (name) =>
    name.text(),
  );
  const documents: SolvencyDocuments = {
    reserves: encoded(vector.reserves),
    ...(vector.totals === null ? {} : { totals: encoded(vector.totals) }),
    proof: unhex(vector.proof),
  };
  const result = checkSolvency(new Recorder(), book, claim, documents);
  return toHex(solvencyContext(book, claim, documents, result.statementDigest));
}

describe('solvency', () => {
  test.each(ACCEPTED)('accepted: $name', (vector) => {
    expect(check(vector)).toBe(vector.context_digest);
  });

  test.each(REJECTED)('refused: $name ($check)', (vector) => {
    const base = ACCEPTED.find(({ name }) => name === vector.base);
    if (base === undefined) {
      throw new Error(`no vector ${vector.base}`);
    }
    const { book = {}, claim = {}, ...others } = vector.changes;
    const changed = {
      ...base,
      ...others,
      book: { ...base.book, ...book },
      claim: { ...base.claim, ...claim },
    };
    expect(refusalOf(() => check(changed))?.check).toBe(vector.check);
  });
});

interface Summa {
  signatures: { chain: string; address: string; signature: string; message: string }[];
}

describe('signatures of addresses', () => {
  const { signatures } = vectors<Summa>('solvency/summa.json');

  test.each(signatures)('published: $address', ({ chain, address, signature, message }) => {
    const of = (scheme: string, text: string, owner = address): string =>
      ownershipOf(
        { chain, address: owner, balance: 0n, signature: { scheme, message: text, signature } },
        'CryptoExchange',
      );
    expect(of('eip-191-abi-keccak256', message)).toBe('signed');
    expect(of('eip-191-abi-keccak256', message, address.toUpperCase().replace('0X', '0x'))).toBe('signed');
    expect(of('eip-191', message)).toBe('does-not-verify');
    expect(of('eip-191-abi-keccak256', `${message} `)).toBe('does-not-verify');
    expect(of('something-else', message)).toBe('not-checked');
  });

  test('a message without the digest of the book does not count', () => {
    const entry = signatures[0];
    if (entry === undefined) {
      throw new Error('no signature');
    }
    const signature = { scheme: 'eip-191-abi-keccak256', message: entry.message, signature: entry.signature };
    expect(ownershipOf({ ...entry, balance: 0n, signature }, 'ab'.repeat(32))).toBe('other-book');
  });
});
