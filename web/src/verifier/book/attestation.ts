/** attestation.json and its signature: checks B1 to B4 (docs/protocol.md, sections 5 and 6). */

import { DIGEST_BYTES, sha256 } from '../encoding/hashing.ts';
import { equalBytes, fromHex, toHex } from '../encoding/bytes.ts';
import { FormError, VerificationError } from '../errors.ts';
import { canonicalJson } from '../json/canonical.ts';
import { Field } from '../json/fields.ts';
import { MAX_DOCUMENT_BYTES } from '../json/parse.ts';
import { type Recorder } from '../report.ts';
import type { Claim, FileEntry } from '../types.ts';
import { type Book, readBook } from './book.ts';
import { readClaims } from './claims.ts';
import { checkSignature, SIGNATURE_FILE_BYTES } from './signature.ts';
import { LEAF_BYTES } from './tree.ts';

export const ATTESTATION_FILE = 'attestation.json';
export const SIGNATURE_FILE = 'attestation.sig';
export const LEAVES_FILE = 'leaves.bin';

const FORMAT = 'sealedbook/attestation/v1';
const FILE_NAME = /^[a-z0-9][a-z0-9._-]{0,99}(?:\/[a-z0-9][a-z0-9._-]{0,99})?$/;
const MAX_FILES = 1_000_000;

export interface Attestation {
  readonly book: Book;
  readonly claims: readonly Claim[];
  readonly files: readonly FileEntry[];
  /** SHA-256 of attestation.json. */
  readonly digest: string;
}

export interface SignedAttestation {
  readonly attestation: Uint8Array;
  readonly signature: Uint8Array;
  readonly issuerKey?: string;
}

/** B1 to B4. */
export function checkAttestation(recorder: Recorder, signed: SignedAttestation): Attestation {
  const { attestation: bytes, signature, issuerKey } = signed;
  recorder.check('B1-files', 'The attestation and its signature are there and of a sane size.', () => {
    if (bytes.length > MAX_DOCUMENT_BYTES) {
      throw new FormError(`${ATTESTATION_FILE} has ${bytes.length} bytes`);
    }
    if (signature.length !== SIGNATURE_FILE_BYTES) {
      throw new FormError(`${SIGNATURE_FILE} has ${signature.length} bytes, not ${SIGNATURE_FILE_BYTES}`);
    }
    return { value: undefined, data: { bytes: bytes.length } };
  });
  const attestation = recorder.check(
    'B2-attestation',
    'The attestation is well-formed and in canonical form.',
    () => {
      const value = readAttestationBytes(bytes);
      return { value, data: { digest: value.digest, bookDigest: value.book.digest } };
    },
  );
  const { name, publicKey } = attestation.book.issuer;
  if (issuerKey === undefined) {
    recorder.skip('B3-issuer', 'No issuer key was given to compare with: who signed is only claimed.', {
      publicKey,
    });
  } else {
    recorder.check('B3-issuer', 'The attestation names the key that you gave.', () => {
      if (toHex(fromHex(issuerKey.trim(), 32, 'the issuer key given')) !== publicKey) {
        throw new VerificationError(
          'B3-issuer',
          `the attestation is of '${name}' under another key than the one you gave`,
        );
      }
      return { value: undefined, data: { publicKey } };
    });
  }
  recorder.check('B4-signature', 'The signature covers the attestation, byte for byte.', () => {
    checkSignature(bytes, signature, publicKey);
    return { value: undefined, data: { publicKey } };
  });
  return attestation;
}

function readAttestationBytes(bytes: Uint8Array): Attestation {
  const document = Field.document(bytes);
  const fields = document.record(['format', 'book', 'claims', 'files']);
  fields.get('format').constant(FORMAT);
  const book = readBook(fields.get('book'));
  const files = readFiles(fields.get('files'), book);
  const claims = readClaims(fields.get('claims'), new Set(files.map(({ name }) => name)));
  if (!equalBytes(canonicalJson(document.value), bytes)) {
    throw document.error('is not in canonical form');
  }
  return { book, claims, files, digest: toHex(sha256(bytes)) };
}

function readFiles(field: Field, book: Book): FileEntry[] {
  const files = field.list(1, MAX_FILES).map((entry) => {
    const fields = entry.record(['name', 'bytes', 'sha256']);
    const name = fields.get('name').text();
    if (!FILE_NAME.test(name) || name === ATTESTATION_FILE || name === SIGNATURE_FILE) {
      throw entry.error(`'${name}' is no name for a file of a bundle`);
    }
    return {
      name,
      bytes: fields.get('bytes').integer(0, Number.MAX_SAFE_INTEGER),
      sha256: fields.get('sha256').hex(DIGEST_BYTES),
    };
  });
  files.forEach(({ name }, i) => {
    // File names are ASCII: code units and code points have one order.
    const before = files[i - 1]?.name;
    if (before !== undefined && before >= name) {
      throw field.error(`'${name}' stands after '${before}'`);
    }
  });
  const leaves = files.find(({ name }) => name === LEAVES_FILE);
  if (leaves?.sha256 !== book.leavesSha256) {
    throw field.error(`${LEAVES_FILE} is not listed with the digest that the book states`);
  }
  return files;
}

/** leaves.bin is the one that the attestation is about, and has 80 bytes for every leaf. */
export function checkLeavesFile(leaves: Uint8Array, book: Book): void {
  if (toHex(sha256(leaves)) !== book.leavesSha256) {
    throw new VerificationError(
      'B6-digests',
      `${LEAVES_FILE} has another SHA-256 than the attestation states`,
    );
  }
  if (leaves.length !== LEAF_BYTES * book.leafCount) {
    throw new VerificationError(
      'B7-leaves',
      `${LEAVES_FILE} has ${leaves.length} bytes for ${book.leafCount} leaves`,
    );
  }
}
