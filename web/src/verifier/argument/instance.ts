/** What a proof belongs to (docs/protocol-proofs.md, sections 2 and 3). */

import { ascii, bigEndian, concat, littleEndian } from '../encoding/bytes.ts';
import { labelled } from '../encoding/hashing.ts';
import { encodeStatement } from '../statement/canonical.ts';
import type { Statement } from '../statement/statement.ts';
import type { Shape } from './shape.ts';
import { sessionId, Transcript } from './transcript.ts';

const PROTOCOL = labelled('sealedbook/v1/range-argument/BLS12381G1/SHAKE128');

export interface Instance {
  /** Says what the proof is for; the file that carries the proof fixes it. */
  readonly session: string;
  /** 32 bytes. */
  readonly contextDigest: Uint8Array;
  readonly batchIndex: number;
  readonly shape: Shape;
  readonly statement: Statement;
  /** C_0 .. C_{U-1}, compressed, as published. */
  readonly leafCommitments: readonly Uint8Array[];
}

/** A transcript that has absorbed the instance. */
export function transcriptOf(instance: Instance): Transcript {
  const { shape } = instance;
  const transcript = new Transcript(sessionId(concat(PROTOCOL, ascii(instance.session))));
  const sizes = [instance.batchIndex, shape.accounts, shape.rowVariables, shape.foldingRounds];
  const fields = [
    instance.contextDigest,
    concat(...sizes.map((size) => bigEndian(size, 8))),
    encodeStatement(instance.statement),
    concat(...instance.leafCommitments),
  ];
  for (const field of fields) {
    transcript.absorb(littleEndian(field.length, 4));
    transcript.absorb(field);
  }
  return transcript;
}
