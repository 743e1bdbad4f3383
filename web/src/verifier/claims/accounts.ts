/** Claims about every account: C1 to C4 (docs/protocol.md, section 11). */

import { Combination } from '../argument/combination.ts';
import type { Instance } from '../argument/instance.ts';
import { batchShape, batchSize } from '../argument/shape.ts';
import { equationOf, holds } from '../argument/verify.ts';
import type { Book } from '../book/book.ts';
import { batchProofFile } from '../book/claims.ts';
import { asCheck } from '../certificate/check.ts';
import { fromBigEndian } from '../encoding/bytes.ts';
import { FormError, VerificationError } from '../errors.ts';
import {
  type ClaimStatement,
  claimStatement,
  type Documents,
  GIVEN_WORDS,
} from '../models/claim-statement.ts';
import type { Recorder } from '../report.ts';
import type { AccountsClaim, BookClaim } from '../types.ts';
import { claimContext } from './context.ts';
import { marketSigners } from './market-signatures.ts';

const SESSION = 'sealedbook/v1/accounts';
const WEIGHT_BYTES = 16;

/** A claim, its documents and the statement they make. */
export interface AccountsCase {
  readonly book: Book;
  readonly claim: AccountsClaim;
  readonly documents: Documents;
  readonly statement: ClaimStatement;
  /** Leaves of a batch. */
  readonly size: number;
}

/** C1, M2 and C2. `signatures` are those of the market, where the claim has them. */
export function checkAccountsClaim(
  recorder: Recorder,
  book: Book,
  claim: AccountsClaim,
  documents: Documents,
  signatures: Uint8Array | undefined,
): AccountsCase {
  const statement = recorder.check('C1-documents', 'Model and market make a statement.', () => {
    const value = claimStatement('C1-documents', documents, book.assets, 'book');
    return { value, data: { source: value.summary.source, bits: value.summary.bits } };
  });
  checkMarketSignatures(recorder, claim, documents.market, signatures);
  recorder.check('C2-statement', 'It is the statement that is claimed.', () => {
    if (statement.summary.digest !== claim.statement) {
      throw new FormError(
        `the statement ${statement.summary.source} has digest ${statement.summary.digest}, claimed is ${claim.statement}`,
      );
    }
    return { value: undefined, data: { digest: claim.statement } };
  });
  return { book, claim, documents, statement, size: batchSize(statement.statement, book.leafCount) };
}

/** M2, where the claim has signatures of its market. */
export function checkMarketSignatures(
  recorder: Recorder,
  claim: AccountsClaim | BookClaim,
  market: Uint8Array | undefined,
  signatures: Uint8Array | undefined,
): void {
  if (claim.signatures === undefined) {
    return;
  }
  if (signatures === undefined || market === undefined) {
    recorder.skip('M2-signatures', 'The signatures of the market were not given.');
    return;
  }
  const signers = recorder.check('M2-signatures', 'Every signature of the market holds.', () => {
    const value = marketSigners(signatures, market);
    return { value, data: { keys: value.map(({ publicKey }) => publicKey) } };
  });
  for (const { source, publicKey } of signers) {
    recorder.find(
      `Market of '${claim.name}'`,
      `signed with key ${publicKey}, which calls itself '${source}': compare the key with its source`,
      'claimed',
    );
  }
}

/** C3: as many batches as there have to be, and every proof of exactly the length of its shape. */
export function checkProofFiles(
  recorder: Recorder,
  { book, claim, statement, size }: AccountsCase,
  lengths: readonly (readonly [number, number])[],
): void {
  recorder.check('C3-proof-files', 'There is one proof of exact length for every batch of leaves.', () => {
    const batches = book.leafCount / size;
    if (claim.batches !== batches) {
      throw new FormError(`claimed are ${claim.batches} batches, there have to be ${batches}`);
    }
    const { proofBytes } = batchShape(statement.statement, size);
    for (const [batch, length] of lengths) {
      if (length !== proofBytes) {
        throw new FormError(
          `${batchProofFile(claim.name, batch)} has ${length} bytes, a proof of this statement has ${proofBytes}`,
        );
      }
    }
    return { value: undefined, data: { batches, leavesPerBatch: size, proofBytes } };
  });
}

export interface BatchProof {
  readonly batch: number;
  readonly leafCommitments: readonly Uint8Array[];
  readonly proof: Uint8Array;
}

/**
 * C4: every proof holds. The equations are added up with independent random weights, drawn when all proofs are known, and
 * computed at once; if that fails, one by one to name the proof at fault.
 */
export function checkProofs(
  recorder: Recorder,
  claimCase: AccountsCase,
  proofs: readonly BatchProof[],
): void {
  recorder.check('C4-proofs', 'Every proof holds for its leaves.', () => {
    const equations = proofs.map((proof, i) => {
      const share = recorder.stretch(
        (0.5 * i) / proofs.length,
        (0.5 * (i + 1)) / proofs.length,
        'Reading proofs',
      );
      return equationOfBatch(claimCase, proof, share);
    });
    const sum = new Combination();
    for (const { combination } of equations) {
      sum.addCombination(proofs.length === 1 ? 1n : randomWeight(), combination);
    }
    if (!holds(sum, recorder.stretch(0.5, 1, 'Checking proofs'))) {
      const fault = equations.find(({ combination }) => !holds(combination)) ?? equations[0];
      throw new VerificationError(
        'C4-proofs',
        `batch ${fault?.batch ?? 0}: opening-equation: the proof does not hold for its leaves`,
      );
    }
    const leaves = proofs.reduce((count, { leafCommitments }) => count + leafCommitments.length, 0);
    return { value: undefined, data: { proofs: proofs.length, leaves, points: sum.size } };
  });
}

function equationOfBatch(
  { book, claim, documents, statement }: AccountsCase,
  { batch, leafCommitments, proof }: BatchProof,
  onProgress: (fraction: number) => void,
): { readonly batch: number; readonly combination: Combination } {
  const bound = [
    ['model', documents.model],
    ['market', documents.market],
  ] as const;
  const instance: Instance = {
    session: SESSION,
    contextDigest: claimContext('accounts', claim.name, book.digest, bound, statement.digest),
    batchIndex: batch,
    shape: batchShape(statement.statement, leafCommitments.length),
    statement: statement.statement,
    leafCommitments,
  };
  let combination = new Combination();
  asCheck('C4-proofs', () => {
    ({ combination } = equationOf(instance, proof, onProgress));
  });
  return { batch, combination };
}

/** Uniform from 1 to 2^128 - 1. */
function randomWeight(): bigint {
  for (;;) {
    const weight = fromBigEndian(crypto.getRandomValues(new Uint8Array(WEIGHT_BYTES)));
    if (weight !== 0n) {
      return weight;
    }
  }
}

/** Lines about a claim whose proofs hold. `what` is whom they are about. */
export function findAccounts(
  recorder: Recorder,
  what: string,
  { claim, statement }: AccountsCase,
  insisted: { readonly model: boolean; readonly market: boolean },
): void {
  for (const { formula } of statement.summary.rows) {
    recorder.find(what, formula, 'proven');
  }
  if (statement.notIntegral !== undefined) {
    recorder.find(
      'Each single account',
      `only sums over accounts are shown: ${statement.notIntegral}`,
      'not-proven',
    );
  }
  if (statement.summary.source === 'given') {
    recorder.find('Rows are what the model says', GIVEN_WORDS, 'claimed');
  }
  findDocuments(recorder, claim, insisted);
}

/** Lines about whose model and market they are. */
export function findDocuments(
  recorder: Recorder,
  claim: AccountsClaim | BookClaim,
  insisted: { readonly model: boolean; readonly market: boolean },
): void {
  const level = (mine: boolean): ['recomputed' | 'signed', string] =>
    mine ? ['recomputed', 'the one that you gave'] : ['signed', 'chosen by the issuer: read it'];
  const [modelLevel, modelText] = level(insisted.model);
  recorder.find(`Model of '${claim.name}'`, modelText, modelLevel);
  if (claim.market !== undefined) {
    const [marketLevel, marketText] = level(insisted.market);
    recorder.find(`Market of '${claim.name}'`, marketText, marketLevel);
  }
}
