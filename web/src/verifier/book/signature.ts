/** Ed25519 as docs/protocol.md asks for it: RFC 8032, pure, canonical keys, none of small order. */

import { ed25519 } from '@noble/curves/ed25519.js';

import { concat, fromHex } from '../encoding/bytes.ts';
import { labelled } from '../encoding/hashing.ts';
import { FormError } from '../errors.ts';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const LABEL = labelled('sealedbook/v1/attestation-signature');
/** 128 hexadecimal digits and a newline. */
export const SIGNATURE_FILE_BYTES = 2 * SIGNATURE_BYTES + 1;

/** The signature in attestation.sig. */
function readSignatureFile(file: Uint8Array): Uint8Array {
  if (file.length !== SIGNATURE_FILE_BYTES || file.at(-1) !== 0x0a) {
    throw new FormError('attestation.sig: expected 128 hexadecimal digits and a newline');
  }
  return fromHex(String.fromCharCode(...file.subarray(0, -1)), SIGNATURE_BYTES, 'attestation.sig');
}

/** Throws a FormError unless the signature holds. */
export function checkSignature(attestation: Uint8Array, signatureFile: Uint8Array, publicKey: string): void {
  const key = fromHex(publicKey, KEY_BYTES, 'the public key');
  const signature = readSignatureFile(signatureFile);
  checkEd25519(signature, concat(LABEL, attestation), key, 'the signature of the attestation');
}

/**
 * Throws a FormError unless 8 S B = 8 R + 8 SHA-512(R || A || message) A, with A and R canonical, A not of small order and
 * S below the order of the group.
 */
export function checkEd25519(
  signature: Uint8Array,
  message: Uint8Array,
  key: Uint8Array,
  what: string,
): void {
  checkKey(key);
  // zip215: false is RFC 8032; true would admit encodings that are not canonical.
  if (!ed25519.verify(signature, message, key, { zip215: false })) {
    throw new FormError(`${what} does not match`);
  }
}

function checkKey(key: Uint8Array): void {
  let point: ReturnType<typeof ed25519.Point.fromBytes>;
  try {
    point = ed25519.Point.fromBytes(key, false);
  } catch {
    throw new FormError('the public key is not the canonical encoding of a point');
  }
  if (point.isSmallOrder()) {
    throw new FormError('the public key is of small order: every message has a signature under it');
  }
}
