/** Reading an attestation alone: B1 to B4. */

import { type Attestation, checkAttestation } from '../book/attestation.ts';
import { findPredecessor, summaryOf } from '../book/book.ts';
import { Recorder } from '../report.ts';
import type { AttestationReport, Hooks } from '../types.ts';

export function readAttestation(
  attestation: Uint8Array,
  signature: Uint8Array,
  issuerKey?: string,
  hooks: Hooks = {},
): AttestationReport {
  const recorder = new Recorder(hooks);
  let read: Attestation | undefined;
  const base = recorder.run(() => {
    read = checkAttestation(recorder, {
      attestation,
      signature,
      ...(issuerKey === undefined ? {} : { issuerKey }),
    });
    const level = issuerKey === undefined ? 'claimed' : 'signed';
    recorder.find('Issuer', read.book.issuer.name, level);
    recorder.find('As of', read.book.asOf, level);
    findPredecessor(recorder, read.book, level);
    return issuerKey === undefined
      ? 'The attestation is signed with the key that it names. Whose key that is, is only claimed.'
      : 'The attestation is signed with the key that you gave.';
  });
  return { kind: 'attestation', ...base, ...attestationFields(read, issuerKey) };
}

/** What reports show of an attestation. */
export function attestationFields(
  read: Attestation | undefined,
  issuerKey: string | undefined,
): Pick<AttestationReport, 'book' | 'claims' | 'files' | 'digest' | 'issuerKey'> {
  return {
    claims: read?.claims ?? [],
    files: read?.files ?? [],
    ...(read === undefined ? {} : { book: summaryOf(read.book), digest: read.digest }),
    issuerKey: issuerKey === undefined ? 'not-checked' : 'expected',
  };
}
