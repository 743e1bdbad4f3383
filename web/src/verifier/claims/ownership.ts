/** Signatures of addresses in reserves (docs/protocol.md, section 10): EIP-191 with secp256k1 and keccak256. */

import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';

import { ascii, bigEndian, concat, fromHex, toHex, toUtf8 } from '../encoding/bytes.ts';
import type { ReserveAddress } from './reserves.ts';

/** What a signature of an address is worth; none of it decides whether a claim is accepted. */
export type Ownership = 'signed' | 'other-book' | 'does-not-verify' | 'not-checked' | 'none';

const SIGNATURE_BYTES = 65;
const WORD_BYTES = 32;

export function ownershipOf({ address, signature }: ReserveAddress, bookDigest: string): Ownership {
  if (signature === undefined) {
    return 'none';
  }
  const digest = digestOf(signature.scheme, signature.message);
  if (digest === undefined) {
    return 'not-checked';
  }
  if (recoveredAddress(digest, signature.signature) !== address.toLowerCase()) {
    return 'does-not-verify';
  }
  return signature.message.includes(bookDigest) ? 'signed' : 'other-book';
}

function digestOf(scheme: string, message: string): Uint8Array | undefined {
  switch (scheme) {
    case 'eip-191':
      return personalDigest(toUtf8(message));
    case 'eip-191-abi-keccak256':
      return personalDigest(keccak_256(abiEncoded(toUtf8(message))));
    default:
      return undefined;
  }
}

/** EIP-191, version 0x45: keccak256("\x19Ethereum Signed Message:\n" || length in decimal || message). */
function personalDigest(message: Uint8Array): Uint8Array {
  return keccak_256(concat(ascii(`\x19Ethereum Signed Message:\n${message.length}`), message));
}

/** abi.encode of one string: the offset of its data, its length, its bytes padded to whole words. */
function abiEncoded(message: Uint8Array): Uint8Array {
  const padding = new Uint8Array((WORD_BYTES - (message.length % WORD_BYTES)) % WORD_BYTES);
  return concat(bigEndian(WORD_BYTES, WORD_BYTES), bigEndian(message.length, WORD_BYTES), message, padding);
}

/** `0x`, then r, s and v, as the address of the key that signed; undefined if there is none. */
function recoveredAddress(digest: Uint8Array, text: string): string | undefined {
  try {
    const bytes = fromHex(text.replace(/^0x/, ''), SIGNATURE_BYTES, 'signature');
    const v = bytes[SIGNATURE_BYTES - 1];
    if (!text.startsWith('0x') || (v !== 27 && v !== 28)) {
      return undefined;
    }
    const key = secp256k1.Signature.fromBytes(bytes.subarray(0, -1), 'compact')
      .addRecoveryBit(v - 27)
      .recoverPublicKey(digest)
      .toBytes(false);
    return `0x${toHex(keccak_256(key.subarray(1)).subarray(-20))}`;
  } catch {
    // No valid signature of anybody.
    return undefined;
  }
}
