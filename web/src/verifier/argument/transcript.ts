/**
 * The transcript: draft-irtf-cfrg-fiat-shamir with SHAKE128 (docs/protocol-proofs.md, section 2).
 *
 * Challenges are read from SHAKE128(session_id || 0^136 || Q) where Q is all that was absorbed. Reading goes on where the
 * last reading ended, and starts anew from the first byte once something has been absorbed.
 */

import { shake128 } from '@noble/hashes/sha3.js';

import { GROUP_ORDER } from '../curve/scalar.ts';
import { ascii, fromLittleEndian } from '../encoding/bytes.ts';

const BLOCK_FILL = new Uint8Array(136);
const SESSION_ID_BYTES = 32;
const SCALAR_CHALLENGE_BYTES = 48;
const SHORT_CHALLENGE_BYTES = 16;

type Sponge = ReturnType<typeof shake128.create>;

/** First 32 bytes of SHAKE128("irtf-cfrg-fiat-shamir/session-id" || 0^136 || tag). */
export function sessionId(tag: Uint8Array): Uint8Array {
  return shake128
    .create()
    .update(ascii('irtf-cfrg-fiat-shamir/session-id'))
    .update(BLOCK_FILL)
    .update(tag)
    .xof(SESSION_ID_BYTES);
}

export class Transcript {
  private readonly absorbed: Sponge;
  private reader: Sponge | undefined;

  constructor(id: Uint8Array) {
    this.absorbed = shake128.create().update(id).update(BLOCK_FILL);
  }

  /** Nothing is no message: absorbing it leaves the stream where it is. */
  absorb(bytes: Uint8Array): void {
    if (bytes.length === 0) {
      return;
    }
    this.absorbed.update(bytes);
    this.reader = undefined;
  }

  /** The next bytes of the stream. */
  squeeze(length: number): Uint8Array {
    this.reader ??= this.absorbed.clone();
    return this.reader.xof(length);
  }

  /** 48 bytes, little-endian, modulo r. */
  scalarChallenge(): bigint {
    return fromLittleEndian(this.squeeze(SCALAR_CHALLENGE_BYTES)) % GROUP_ORDER;
  }

  /** 16 bytes, little-endian. */
  shortChallenge(): bigint {
    return fromLittleEndian(this.squeeze(SHORT_CHALLENGE_BYTES));
  }
}
