/** What page and worker say to each other. */

import type {
  BatchInput,
  BookClaimInput,
  BundleInput,
  CertificateExpectations,
  Report,
  SolvencyInput,
  Step,
  Trust,
} from './types.ts';

/** One call of a check; `check` names the function. */
export type Call =
  | { check: 'readAttestation'; attestation: Uint8Array; signature: Uint8Array; issuerKey?: string }
  | { check: 'checkOpening'; opening: Uint8Array; typedAccountId: string; trust: Trust }
  | {
      check: 'verifyCertificate';
      certificate: Uint8Array;
      trust: Trust;
      expectations: CertificateExpectations;
    }
  | { check: 'verifyBatchProof'; input: BatchInput }
  | { check: 'verifyBookClaim'; input: BookClaimInput }
  | { check: 'verifySolvency'; input: SolvencyInput }
  | { check: 'verifyBundle'; input: BundleInput };

export interface Request {
  readonly id: number;
  readonly call: Call;
}

export type Response = { readonly id: number } & (
  | { readonly type: 'step'; readonly step: Step }
  | { readonly type: 'progress'; readonly fraction: number; readonly words: string }
  | { readonly type: 'report'; readonly report: Report }
  | { readonly type: 'broken'; readonly message: string }
);
