/** What the user trusts, and that a book is the one (checks O3 and K2). */

import { fromHex } from '../encoding/bytes.ts';
import { DIGEST_BYTES } from '../encoding/hashing.ts';
import { FormError, VerificationError } from '../errors.ts';
import type { Recorder } from '../report.ts';
import type { Level, Trust } from '../types.ts';
import { checkAttestation, checkLeavesFile } from './attestation.ts';
import { type Book, findPredecessor, sameBook } from './book.ts';

/** Refuses another book than the trusted one. `what` is the file that carries the book, such as "opening". */
export function checkTrust(recorder: Recorder, check: string, what: string, book: Book, trust: Trust): void {
  switch (trust.kind) {
    case 'bundle': {
      const attestation = checkAttestation(recorder, trust);
      recorder.check(check, `The ${what} is for the book that the bundle attests.`, () => {
        if (!sameBook(attestation.book, book)) {
          throw new FormError(
            `the ${what} is for another book (digest ${book.digest}) than the bundle attests (${attestation.book.digest})`,
          );
        }
        return { value: undefined, data: { bookDigest: book.digest } };
      });
      return;
    }
    case 'root':
      compare(recorder, check, what, 'root hash', book.root.hash, trust.hash);
      return;
    case 'book-digest':
      compare(recorder, check, what, 'book digest', book.digest, trust.digest);
  }
}

function compare(
  recorder: Recorder,
  check: string,
  what: string,
  kind: string,
  has: string,
  trusted: string,
): void {
  recorder.check(check, `The ${what} has the ${kind} that you trust.`, () => {
    // What somebody pasted; its form is no property of the file that is checked.
    const expected = trusted.trim().toLowerCase();
    fromHex(expected, DIGEST_BYTES, `the ${kind} given`);
    if (has !== expected) {
      throw new VerificationError(check, `the ${what} has ${kind} ${has}, you trust ${expected}`);
    }
    return { value: undefined, data: { [kind === 'root hash' ? 'rootHash' : 'bookDigest']: has } };
  });
}

/** leaves.bin of a trusted bundle, if it was given: the one that its attestation is about. */
export function trustedLeaves(book: Book, trust: Trust): Uint8Array | undefined {
  if (trust.kind !== 'bundle' || trust.leaves === undefined) {
    return undefined;
  }
  checkLeavesFile(trust.leaves, book);
  return trust.leaves;
}

/** What issuer, time and list of assets are worth. */
export function levelOfBook(trust: Trust): Level {
  switch (trust.kind) {
    case 'bundle':
      return trust.issuerKey === undefined ? 'claimed' : 'signed';
    case 'root':
      return 'claimed';
    case 'book-digest':
      return 'recomputed';
  }
}

/** Lines about the book itself. */
export function findBook(recorder: Recorder, book: Book, trust: Trust): void {
  const level = levelOfBook(trust);
  recorder.find('Issuer', book.issuer.name, level);
  recorder.find('As of', book.asOf, level);
  findPredecessor(recorder, book, level);
  recorder.find('Assets', book.assets.map(({ id }) => id).join(', '), level);
  recorder.find('Root hash', book.root.hash, trust.kind === 'bundle' ? level : 'recomputed');
}
