/** Parts of a bundle, given one by one: the claim meant, and that files are those of the attestation. */

import type { Attestation } from '../book/attestation.ts';
import { toHex } from '../encoding/bytes.ts';
import { sha256 } from '../encoding/hashing.ts';
import { FormError, VerificationError } from '../errors.ts';
import type { Recorder } from '../report.ts';
import type { Claim } from '../types.ts';

export function claimNamed<K extends Claim['kind']>(
  attestation: Attestation,
  name: string,
  kind: K,
): Extract<Claim, { kind: K }> {
  const claim = attestation.claims.find(
    (candidate): candidate is Extract<Claim, { kind: K }> =>
      candidate.name === name && candidate.kind === kind,
  );
  if (claim === undefined) {
    throw new VerificationError('B10-claims', `the attestation makes no claim '${name}' of kind ${kind}`);
  }
  return claim;
}

/** B6 for these files, by name. */
export function checkListed(
  recorder: Recorder,
  attestation: Attestation,
  files: readonly (readonly [string, Uint8Array | undefined])[],
): void {
  recorder.check('B6-digests', 'The files are those that the attestation lists.', () => {
    for (const [name, bytes] of files) {
      checkFile(attestation, name, bytes);
    }
    return { value: undefined, data: { files: files.map(([name]) => name) } };
  });
}

export function checkFile(attestation: Attestation, name: string, bytes: Uint8Array | undefined): void {
  const entry = attestation.files.find((file) => file.name === name);
  if (bytes === undefined || entry === undefined) {
    throw new FormError(`${name} is missing`);
  }
  if (bytes.length !== entry.bytes) {
    throw new FormError(`${name} has ${bytes.length} bytes, attested are ${entry.bytes}`);
  }
  if (toHex(sha256(bytes)) !== entry.sha256) {
    throw new FormError(`${name} has another SHA-256 than attested`);
  }
}
