/** SHA-256 and the labelled digests of docs/protocol.md. */

import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';

import { canonicalJson } from '../json/canonical.ts';
import type { Json } from '../json/parse.ts';
import { ascii, concat } from './bytes.ts';

export const DIGEST_BYTES = 32;

const SEPARATOR = new Uint8Array(1);

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = nobleSha256.create();
  for (const part of parts) {
    hash.update(part);
  }
  return hash.digest();
}

/** `label || 00`. */
export function labelled(label: string): Uint8Array {
  return concat(ascii(label), SEPARATOR);
}

/** SHA-256(label || 00 || canonical JSON of `value`). */
export function jsonDigest(label: string, value: Json): Uint8Array {
  return sha256(labelled(label), canonicalJson(value));
}
