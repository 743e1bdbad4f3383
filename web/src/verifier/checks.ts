/** Every check, on the calling thread. The worker runs these; tests and programs may call them directly. */

export { readAttestation } from './bundle/attestation-report.ts';
export { checkOpening } from './opening/check.ts';
export { verifyCertificate } from './certificate/check.ts';
export { verifyBatchProof } from './claims/batch.ts';
export { verifyBookClaim } from './claims/book.ts';
export { verifySolvency } from './claims/solvency.ts';
export { verifyBundle } from './bundle/check.ts';
