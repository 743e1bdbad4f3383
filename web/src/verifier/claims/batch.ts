/** One batch of a claim about every account, with the files it needs. */

import { type Attestation, checkAttestation, checkLeavesFile, LEAVES_FILE } from '../book/attestation.ts';
import { summaryOf } from '../book/book.ts';
import { batchProofFile } from '../book/claims.ts';
import { LEAF_BYTES, leafCommitments } from '../book/tree.ts';
import { VerificationError } from '../errors.ts';
import { chosenStatement, statementWords } from '../models/claim-statement.ts';
import { Recorder } from '../report.ts';
import type { AccountsClaim, BatchInput, BatchReport, Hooks } from '../types.ts';
import {
  type AccountsCase,
  checkAccountsClaim,
  checkProofFiles,
  checkProofs,
  findAccounts,
} from './accounts.ts';
import { checkListed, claimNamed } from './listed.ts';

interface Reached {
  attestation?: Attestation;
  claim?: AccountsClaim;
  claimCase?: AccountsCase;
}

export function verifyBatchProof(input: BatchInput, hooks: Hooks = {}): BatchReport {
  const recorder = new Recorder(hooks);
  const reached: Reached = {};
  const base = recorder.run(() => verify(recorder, input, reached));
  const { attestation, claim, claimCase } = reached;
  const leaves =
    claimCase === undefined ? undefined : { first: input.batchIndex * claimCase.size, count: claimCase.size };
  return {
    kind: 'batch',
    ...base,
    batchIndex: input.batchIndex,
    ...(attestation === undefined ? {} : { book: summaryOf(attestation.book) }),
    ...(claim === undefined ? {} : { claim }),
    ...(leaves === undefined ? {} : { leaves }),
    ...(claimCase === undefined ? {} : { statement: claimCase.statement.summary }),
    proofBytes: input.proof.length,
  };
}

function verify(recorder: Recorder, input: BatchInput, reached: Reached): string {
  const attestation = checkAttestation(recorder, input);
  reached.attestation = attestation;
  const { book } = attestation;
  const claim = claimNamed(attestation, input.claim, 'accounts');
  reached.claim = claim;
  checkListed(recorder, attestation, [
    [claim.model, input.model],
    ...(claim.market === undefined ? [] : [[claim.market, input.market] as const]),
    ...(claim.signatures === undefined || input.signatures === undefined
      ? []
      : [[claim.signatures, input.signatures] as const]),
    [batchProofFile(claim.name, input.batchIndex), input.proof],
  ]);
  const others = attestation.claims.filter(({ name }) => name !== claim.name);
  const statement = chosenStatement(
    input.statements ?? [],
    claim.statement,
    others.map((other) => other.statement),
  );
  const documents = {
    model: input.model,
    ...(claim.market === undefined || input.market === undefined ? {} : { market: input.market }),
    ...(statement === undefined ? {} : { statement }),
  };
  const claimCase = checkAccountsClaim(recorder, book, claim, documents, input.signatures);
  reached.claimCase = claimCase;
  checkProofFiles(recorder, claimCase, [[input.batchIndex, input.proof.length]]);
  const commitments = commitmentsOf(recorder, input, claimCase);
  checkProofs(recorder, claimCase, [
    { batch: input.batchIndex, leafCommitments: commitments, proof: input.proof },
  ]);
  const first = input.batchIndex * claimCase.size;
  const last = first + claimCase.size - 1;
  findAccounts(recorder, `Accounts at leaves ${first} to ${last}`, claimCase, {
    model: false,
    market: false,
  });
  if (claim.batches > 1) {
    recorder.find('All other accounts', 'their batches were not checked', 'not-proven');
  }
  recorder.find('Positions', 'not revealed', 'hidden');
  return `Every account of batch ${input.batchIndex} satisfies ${statementWords(claimCase.statement)}.`;
}

/** The leaves of the batch, out of leaves.bin or given alone. */
function commitmentsOf(recorder: Recorder, input: BatchInput, { book, size }: AccountsCase): Uint8Array[] {
  const { leaves, batchIndex } = input;
  if (!Number.isSafeInteger(batchIndex) || batchIndex < 0 || (batchIndex + 1) * size > book.leafCount) {
    throw new VerificationError('C3-proof-files', `there is no batch ${batchIndex}`);
  }
  if (leaves.length === size * LEAF_BYTES && size !== book.leafCount) {
    recorder.skip(
      'B7-leaves',
      `The leaves of the batch were given alone: that ${LEAVES_FILE} holds them is only claimed.`,
    );
    recorder.find('Leaves', `given alone, not compared with ${LEAVES_FILE}`, 'claimed');
    return leafCommitments(leaves, 0, size);
  }
  recorder.check('B7-leaves', `${LEAVES_FILE} is the one that the attestation is about.`, () => {
    checkLeavesFile(leaves, book);
    return { value: undefined, data: { bytes: leaves.length } };
  });
  return leafCommitments(leaves, batchIndex * size, size);
}
