/** The worker's side: takes one request after the other, answers with steps, progress and a report. */

import * as checks from './checks.ts';
import type { Call, Request, Response } from './messages.ts';
import type { Hooks, Report } from './types.ts';

function run(call: Call, hooks: Hooks): Report {
  switch (call.check) {
    case 'readAttestation':
      return checks.readAttestation(call.attestation, call.signature, call.issuerKey, hooks);
    case 'checkOpening':
      return checks.checkOpening(call.opening, call.typedAccountId, call.trust, hooks);
    case 'verifyCertificate':
      return checks.verifyCertificate(call.certificate, call.trust, call.expectations, hooks);
    case 'verifyBatchProof':
      return checks.verifyBatchProof(call.input, hooks);
    case 'verifyBookClaim':
      return checks.verifyBookClaim(call.input, hooks);
    case 'verifySolvency':
      return checks.verifySolvency(call.input, hooks);
    case 'verifyBundle':
      return checks.verifyBundle(call.input, hooks);
  }
}

function answer(response: Response): void {
  self.postMessage(response);
}

self.onmessage = (event: MessageEvent<Request>) => {
  const { id, call } = event.data;
  try {
    const report = run(call, {
      onStep: (step) => {
        answer({ id, type: 'step', step });
      },
      onProgress: (fraction, words) => {
        answer({ id, type: 'progress', fraction, words });
      },
    });
    answer({ id, type: 'report', report });
  } catch (error) {
    // Not a verdict: every failed check is a report. This is a fault of the verifier.
    answer({ id, type: 'broken', message: error instanceof Error ? error.message : String(error) });
  }
};
