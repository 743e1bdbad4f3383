/** Checking a certificate: K1 to K10 (docs/protocol.md, section 9). */

import { certificateShape } from '../argument/shape.ts';
import { verifyArgument } from '../argument/verify.ts';
import { summaryOf } from '../book/book.ts';
import { decodeSum, leafNode, walkUp } from '../book/tree.ts';
import { checkTrust, findBook } from '../book/trust.ts';
import { POINT_BYTES } from '../curve/point.ts';
import { concat, equalBytes, fromHex, fromUtf8, toHex } from '../encoding/bytes.ts';
import { DIGEST_BYTES } from '../encoding/hashing.ts';
import { FormError, VerificationError } from '../errors.ts';
import {
  chosenStatement,
  type ClaimStatement,
  claimStatement,
  GIVEN_WORDS,
  statementWords,
} from '../models/claim-statement.ts';
import { checkPublishedLeaf } from '../opening/check.ts';
import { Recorder } from '../report.ts';
import type { CertificateExpectations, CertificateReport, Hooks, PathStep, Trust } from '../types.ts';
import { type Certificate, certificateContext, readCertificate } from './certificate.ts';

const SESSION = 'sealedbook/v1/certificate';

/** As far as the verification came. */
interface Reached {
  certificate?: Certificate;
  path: readonly PathStep[];
  statement?: ClaimStatement;
}

export function verifyCertificate(
  bytes: Uint8Array,
  trust: Trust,
  expectations: CertificateExpectations = {},
  hooks: Hooks = {},
): CertificateReport {
  const recorder = new Recorder(hooks);
  const reached: Reached = { path: [] };
  const base = recorder.run(() => {
    const certificate = recorder.check('K1-form', 'The file is a certificate.', () => {
      const value = readCertificate(bytes);
      return { value, data: { proofBytes: value.proof.length } };
    });
    reached.certificate = certificate;
    checkTrust(recorder, 'K2-root', 'certificate', certificate.book, trust);
    checkAudience(recorder, certificate, expectations.audience);
    reached.path = checkLeafAndPath(recorder, certificate, trust);
    const statement = checkStatement(recorder, certificate, expectations);
    reached.statement = statement;
    checkProof(recorder, certificate, statement);
    findAll(recorder, certificate, statement, expectations, trust);
    recorder.progress(1, 'Done');
    const which = statementWords(statement);
    return `The account at leaf ${certificate.leaf.index} of the sealed book satisfies ${which}.`;
  });
  return reportOf(base, trust, reached);
}

function reportOf(
  base: ReturnType<Recorder['run']>,
  trust: Trust,
  { certificate, path, statement }: Reached,
): CertificateReport {
  const report: CertificateReport = { kind: 'certificate', ...base, trust: trust.kind, path };
  if (certificate === undefined) {
    return report;
  }
  const { book, leaf, audience, model, market, proof } = certificate;
  return {
    ...report,
    book: summaryOf(book),
    leaf,
    ...(audience === undefined ? {} : { audience }),
    model: fromUtf8(model, 'model'),
    ...(market === undefined ? {} : { market: fromUtf8(market, 'market') }),
    ...(statement === undefined ? {} : { statement: statement.summary }),
    proofBytes: proof.length,
  };
}

function checkAudience(recorder: Recorder, { audience }: Certificate, expected: string | undefined): void {
  if (expected === undefined) {
    recorder.skip('K3-audience', 'No audience was given to compare with.', { audience: audience ?? '' });
    return;
  }
  recorder.check('K3-audience', 'The certificate is made for whom you expect.', () => {
    if (audience === undefined) {
      throw new FormError(`it is made for nobody in particular, you expect '${expected}'`);
    }
    if (audience !== expected) {
      throw new FormError(`it is made for '${audience}', you expect '${expected}'`);
    }
    return { value: undefined, data: { audience } };
  });
}

function checkLeafAndPath(recorder: Recorder, certificate: Certificate, trust: Trust): readonly PathStep[] {
  const { book, leaf, path } = certificate;
  const tag = fromHex(leaf.tag, DIGEST_BYTES, 'tag');
  const commitment = fromHex(leaf.commitment, POINT_BYTES, 'commitment');
  if (trust.kind === 'bundle' && trust.leaves !== undefined) {
    checkPublishedLeaf(recorder, 'K4-leaf', book, leaf.index, concat(tag, commitment), trust);
  }
  recorder.check('K4-leaf', 'The leaf holds a commitment.', () => {
    decodeSum(commitment, `commitment of leaf ${leaf.index}`);
    return { value: undefined, data: { index: leaf.index, commitment: leaf.commitment } };
  });
  const walk = recorder.check('K5-path', 'The path leads from the leaf to the top of the tree.', () => ({
    value: walkUp(leafNode(tag, commitment, 'the commitment'), leaf.index, path, book.height),
    data: { levels: book.height },
  }));
  recorder.check('K6-root-hash', 'The path ends at the root hash of the book.', () => {
    if (toHex(walk.top.hash) !== book.root.hash) {
      throw new FormError(`leaf and path give root hash ${toHex(walk.top.hash)}, not ${book.root.hash}`);
    }
    return { value: undefined, data: { rootHash: book.root.hash } };
  });
  recorder.check('K7-root-sum', 'The leaf is part of the sum that the root commits to.', () => {
    if (toHex(walk.top.sum) !== book.root.sum) {
      throw new FormError(`leaf and path add up to ${toHex(walk.top.sum)}, not ${book.root.sum}`);
    }
    return { value: undefined, data: { rootSum: book.root.sum } };
  });
  return walk.steps;
}

function checkStatement(
  recorder: Recorder,
  certificate: Certificate,
  expectations: CertificateExpectations,
): ClaimStatement {
  const { book, model, market } = certificate;
  const statement = recorder.check('K8-documents', 'Model and market make a statement.', () => {
    insist('model', model, expectations.model);
    insist('market', market, expectations.market);
    const given = chosenStatement(expectations.statements ?? [], certificate.statement);
    const documents = {
      model,
      ...(market === undefined ? {} : { market }),
      ...(given === undefined ? {} : { statement: given }),
    };
    const value = claimStatement('K8-documents', documents, book.assets, 'account');
    return { value, data: { source: value.summary.source, bits: value.summary.bits } };
  });
  recorder.check('K9-statement', 'It is the statement that the certificate names.', () => {
    if (statement.summary.digest !== certificate.statement) {
      throw new FormError(
        `the statement ${statement.summary.source} has digest ${statement.summary.digest}, the certificate names ${certificate.statement}`,
      );
    }
    return { value: undefined, data: { digest: certificate.statement } };
  });
  return statement;
}

function insist(what: string, has: Uint8Array | undefined, expected: Uint8Array | undefined): void {
  if (expected === undefined) {
    return;
  }
  if (has === undefined) {
    throw new FormError(`it was made without a ${what}, you insist on one`);
  }
  if (!equalBytes(has, expected)) {
    throw new FormError(`it was made with another ${what} than yours`);
  }
}

function checkProof(
  recorder: Recorder,
  certificate: Certificate,
  { statement, digest }: ClaimStatement,
): void {
  recorder.check('K10-proof', 'The proof holds.', () => {
    const shape = certificateShape(statement);
    const instance = {
      session: SESSION,
      contextDigest: certificateContext(certificate, digest),
      batchIndex: 0,
      shape,
      statement,
      leafCommitments: [fromHex(certificate.leaf.commitment, POINT_BYTES, 'commitment')],
    };
    asCheck('K10-proof', () => {
      verifyArgument(instance, certificate.proof, recorder.stretch(0.1, 1, 'Proof'));
    });
    return { value: undefined, data: { proofBytes: shape.proofBytes, bits: shape.bits } };
  });
}

/** A failed check of the argument fails this check; its own name goes into the message. */
export function asCheck(check: string, body: () => void): void {
  try {
    body();
  } catch (error) {
    throw error instanceof VerificationError
      ? new VerificationError(check, `${error.check}: ${error.message}`)
      : error;
  }
}

function findAll(
  recorder: Recorder,
  certificate: Certificate,
  statement: ClaimStatement,
  expectations: CertificateExpectations,
  trust: Trust,
): void {
  for (const { formula } of statement.summary.rows) {
    recorder.find('Statement', formula, 'proven');
  }
  if (statement.summary.source === 'given') {
    recorder.find('Rows are what the model says', GIVEN_WORDS, 'claimed');
  }
  const chosen = (insisted: boolean): ['recomputed' | 'claimed', string] =>
    insisted ? ['recomputed', 'the one that you gave'] : ['claimed', 'chosen by the holder: read it'];
  const [modelLevel, modelText] = chosen(expectations.model !== undefined);
  recorder.find('Model', modelText, modelLevel);
  if (certificate.market !== undefined) {
    const [marketLevel, marketText] = chosen(expectations.market !== undefined);
    recorder.find('Market', marketText, marketLevel);
  }
  recorder.find('Audience', certificate.audience ?? 'nobody in particular', 'proven');
  recorder.find('Positions', 'not revealed', 'hidden');
  findBook(recorder, certificate.book, trust);
}
