/**
 * Claims about the whole book: W1 to W3 (docs/protocol.md, section 14).
 *
 * The statement is taken as the user gives it, compiled: that its rows are what model and market say is not computed here.
 * That they are about whole totals is checked, and so is the proof.
 */

import { certificateShape } from '../argument/shape.ts';
import { verifyArgument } from '../argument/verify.ts';
import { type Attestation, checkAttestation } from '../book/attestation.ts';
import { type Book, summaryOf as bookSummary } from '../book/book.ts';
import { singleProofFile } from '../book/claims.ts';
import { asCheck } from '../certificate/check.ts';
import { POINT_BYTES } from '../curve/point.ts';
import { fromHex, toHex } from '../encoding/bytes.ts';
import { FormError } from '../errors.ts';
import {
  chosenStatement,
  GIVEN_WORDS,
  givenStatement,
  summaryOf,
  WHOLE_BOOK_KIND,
} from '../models/claim-statement.ts';
import { balancedBookWords } from '../models/limits.ts';
import { Recorder } from '../report.ts';
import { encodeStatement, statementDigest } from '../statement/canonical.ts';
import { integerBounds } from '../statement/integrality.ts';
import { AMOUNT_LIMIT, type Statement } from '../statement/statement.ts';
import { usedTotals } from '../statement/totals.ts';
import type { BookClaim, BookClaimInput, BookClaimReport, Hooks, StatementSummary } from '../types.ts';
import { checkMarketSignatures, findDocuments } from './accounts.ts';
import { claimContext } from './context.ts';
import { checkListed, claimNamed } from './listed.ts';

const SESSION = 'sealedbook/v1/book';
const SHOWN_ASSETS = 6;

export interface BookDocuments {
  readonly model: Uint8Array;
  readonly market: Uint8Array;
  readonly signatures?: Uint8Array;
  readonly proof: Uint8Array;
  /** Canonical form. */
  readonly statement?: Uint8Array;
}

/** What W1 to W3 established. */
export interface BookResult {
  readonly statement: Statement;
  readonly summary: StatementSummary;
  /** The limits of the model, a sentence each. */
  readonly words: readonly string[];
  /** Assets whose totals the statement uses, by their places. */
  readonly used: readonly number[];
}

/** W1 to W3, for the root's sum of `book`. */
export function checkBookClaim(
  recorder: Recorder,
  book: Book,
  claim: BookClaim,
  documents: BookDocuments,
): BookResult {
  const { statement, words } = recorder.check(
    'W1-documents',
    'The model is about the whole book, and there is a statement for it.',
    () => {
      const value = {
        words: balancedBookWords(documents.model),
        statement: givenStatement('W1-documents', WHOLE_BOOK_KIND, documents.statement, book.assets),
      };
      return { value, data: { source: 'given', limits: value.words.length } };
    },
  );
  checkMarketSignatures(recorder, claim, documents.market, documents.signatures);
  const digest = statementDigest(encodeStatement(statement));
  const used = recorder.check(
    'W2-statement',
    'It is the statement that is claimed, and is about whole totals.',
    () => {
      if (toHex(digest) !== claim.statement) {
        throw new FormError(`the statement given has digest ${toHex(digest)}, claimed is ${claim.statement}`);
      }
      return { value: usedTotals(statement, book.leafCount), data: { digest: claim.statement } };
    },
  );
  recorder.check('W3-proof', "The proof holds for the root's sum.", () => {
    checkProof(recorder, book, claim, documents, statement, digest);
    return { value: undefined, data: { proofBytes: documents.proof.length } };
  });
  return { statement, summary: summaryOf(statement, digest, 'given'), words, used };
}

function checkProof(
  recorder: Recorder,
  book: Book,
  claim: BookClaim,
  { model, market, proof }: BookDocuments,
  statement: Statement,
  digest: Uint8Array,
): void {
  const bound = [
    ['model', model],
    ['market', market],
  ] as const;
  const instance = {
    session: SESSION,
    contextDigest: claimContext('book', claim.name, book.digest, bound, digest),
    batchIndex: 0,
    shape: certificateShape(statement),
    statement,
    leafCommitments: [fromHex(book.root.sum, POINT_BYTES, "the root's sum")],
  };
  asCheck('W3-proof', () => {
    verifyArgument(instance, proof, recorder.stretch(0, 1, 'Proof about the whole book'));
  });
}

/**
 * Lines about a claim that passed. `accounts`: the statements that were verified of every account, which alone make the
 * totals sums of whole amounts; undefined if none was looked at.
 */
export function findBookClaim(
  recorder: Recorder,
  claim: BookClaim,
  result: BookResult,
  accounts: readonly Statement[] | undefined,
  insisted: { readonly model: boolean; readonly market: boolean },
): void {
  const loose = looseAssets(result, accounts ?? []);
  for (const { formula } of result.summary.rows) {
    recorder.find('Totals of the whole book', formula, loose.length === 0 ? 'proven' : 'not-proven');
  }
  if (loose.length > 0) {
    const more = loose.length - SHOWN_ASSETS;
    const names = loose.slice(0, SHOWN_ASSETS).join(', ') + (more > 0 ? ` and ${more} more` : '');
    recorder.find(
      'Whole amounts',
      accounts === undefined
        ? 'no claim about every account was checked: half a contract more here and half a contract less there would not show'
        : `no claim makes what every account holds in ${names} a whole number`,
      'not-proven',
    );
  }
  for (const words of result.words) {
    recorder.find(`What the model of '${claim.name}' says`, words, 'claimed');
  }
  recorder.find('Rows are what the model says', GIVEN_WORDS, 'claimed');
  recorder.find(
    'Who is in the sum',
    'all sealed accounts; that nobody made up an account to balance the others, no proof can show',
    'not-proven',
  );
  findDocuments(recorder, claim, insisted);
}

/** Used assets in which no verified statement makes what every account holds an integer of 64 bits. */
function looseAssets({ statement, used }: BookResult, accounts: readonly Statement[]): string[] {
  const bounds = accounts.map(integerBounds);
  return used
    .filter((asset) => !bounds.some((known) => (known.get(asset) ?? AMOUNT_LIMIT + 1n) <= AMOUNT_LIMIT))
    .map((asset) => statement.assets[asset]?.id ?? '');
}

/** One claim about the whole book, with the files it needs: B1 to B4, the digests of the files, W1 to W3. */
export function verifyBookClaim(input: BookClaimInput, hooks: Hooks = {}): BookClaimReport {
  const recorder = new Recorder(hooks);
  let attestation: Attestation | undefined;
  let claim: BookClaim | undefined;
  let result: BookResult | undefined;
  const base = recorder.run(() => {
    attestation = checkAttestation(recorder, input);
    claim = claimNamed(attestation, input.claim, 'book');
    const { name, model, market, signatures } = claim;
    checkListed(recorder, attestation, [
      [model, input.model],
      [market, input.market],
      ...(signatures === undefined || input.signatures === undefined
        ? []
        : [[signatures, input.signatures] as const]),
      [singleProofFile(name), input.proof],
    ]);
    recorder.skip('B9-root-sum', "The root's sum is taken from the attestation; the tree was not computed.");
    const others = attestation.claims.filter((other) => other.name !== name);
    const statement = chosenStatement(
      input.statements ?? [],
      claim.statement,
      others.map((other) => other.statement),
    );
    result = checkBookClaim(recorder, attestation.book, claim, {
      model: input.model,
      market: input.market,
      ...(input.signatures === undefined ? {} : { signatures: input.signatures }),
      proof: input.proof,
      ...(statement === undefined ? {} : { statement }),
    });
    findBookClaim(recorder, claim, result, undefined, { model: false, market: false });
    const { issuer } = attestation.book;
    recorder.find('Issuer', issuer.name, input.issuerKey === undefined ? 'claimed' : 'signed');
    return "What the attested root's sum commits to satisfies the statement about the whole book that you added, which is claimed to be the model's.";
  });
  return {
    kind: 'book',
    ...base,
    ...(attestation === undefined ? {} : { book: bookSummary(attestation.book) }),
    ...(claim === undefined ? {} : { claim }),
    ...(result === undefined ? {} : { statement: result.summary }),
  };
}
