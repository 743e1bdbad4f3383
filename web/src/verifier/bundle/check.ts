/** Verifying a whole bundle: B1 to B10 and every claim (docs/protocol.md, sections 6, 10, 11 and 14). */

import {
  type Attestation,
  ATTESTATION_FILE,
  checkAttestation,
  LEAVES_FILE,
  SIGNATURE_FILE,
} from '../book/attestation.ts';
import { findPredecessor } from '../book/book.ts';
import { batchProofFile, singleProofFile } from '../book/claims.ts';
import { buildTree, LEAF_BYTES, leafCommitments, nodeSummary, type SumNode } from '../book/tree.ts';
import {
  type AccountsCase,
  checkAccountsClaim,
  checkProofFiles,
  checkProofs,
  findAccounts,
} from '../claims/accounts.ts';
import { type BookResult, checkBookClaim, findBookClaim } from '../claims/book.ts';
import { coverOf, type ProvenStatement } from '../claims/cover.ts';
import { checkFile } from '../claims/listed.ts';
import { checkSolvency, findSolvency, solvencyFields, type SolvencyResult } from '../claims/solvency.ts';
import { equalBytes, toHex } from '../encoding/bytes.ts';
import { FormError, VerificationError } from '../errors.ts';
import { chosenStatement, WHOLE_BOOK_KIND } from '../models/claim-statement.ts';
import { marginKind } from '../models/model.ts';
import { Recorder } from '../report.ts';
import type {
  AccountsClaim,
  AccountsClaimReport,
  AttestationReport,
  BookClaim,
  BookClaimReport,
  BundleInput,
  BundleReport,
  Hooks,
  SolvencyClaim,
  SolvencyReport,
  Step,
} from '../types.ts';
import { attestationFields } from './attestation-report.ts';

const LARGEST_DRAWN_TREE = 1024;

type ClaimReport = AccountsClaimReport | BookClaimReport | SolvencyReport;

interface Reached {
  attestation?: Attestation;
  attestationReport?: AttestationReport;
  tree?: readonly (readonly SumNode[])[];
  readonly claims: ClaimReport[];
}

export function verifyBundle(input: BundleInput, hooks: Hooks = {}): BundleReport {
  const recorder = new Recorder(hooks);
  const reached: Reached = { claims: [] };
  const base = recorder.run(() => verify(recorder, input, reached, hooks));
  const { attestation, attestationReport, tree, claims } = reached;
  const shown = tree !== undefined && (tree[0]?.length ?? 0) <= LARGEST_DRAWN_TREE ? tree : undefined;
  return {
    kind: 'bundle',
    ...base,
    attestation: attestationReport ?? {
      kind: 'attestation',
      ...base,
      ...attestationFields(attestation, input.issuerKey),
    },
    ...(shown === undefined ? {} : { tree: shown.map((level) => level.map(nodeSummary)) }),
    claims,
  };
}

function verify(recorder: Recorder, input: BundleInput, reached: Reached, hooks: Hooks): string {
  const attestation = checkSigned(recorder, input);
  reached.attestation = attestation;
  reached.attestationReport = {
    kind: 'attestation',
    verdict: { ok: true, words: 'The attestation is signed.' },
    steps: [...recorder.steps],
    findings: [],
    milliseconds: 0,
    ...attestationFields(attestation, input.issuerKey),
  };
  checkRequired(recorder, input, attestation);
  checkFiles(recorder, input, attestation);
  reached.tree = checkTree(recorder, input, attestation);

  const proven = checkAllClaims(input, attestation, reached, hooks);
  findAll(recorder, input, attestation, proven);
  recorder.progress(1, 'Done');
  return `The bundle is whole: its leaves make up the attested root, and the attestation is signed.${
    attestation.claims.length === 0 ? ' It makes no claims.' : claimsWords(reached.claims)
  }`;
}

function claimsWords(claims: readonly ClaimReport[]): string {
  return claims.some(({ statement }) => statement?.source === 'given')
    ? " Its claims hold; those with a compiled statement that you added, of its rows, which are claimed to be the model's."
    : ' Its claims hold.';
}

function checkSigned(recorder: Recorder, { files, issuerKey }: BundleInput): Attestation {
  const attestation = files.get(ATTESTATION_FILE);
  const signature = files.get(SIGNATURE_FILE);
  if (attestation === undefined || signature === undefined) {
    const missing = attestation === undefined ? ATTESTATION_FILE : SIGNATURE_FILE;
    throw new VerificationError('B1-files', `${missing} is missing`);
  }
  return checkAttestation(recorder, {
    attestation,
    signature,
    ...(issuerKey === undefined ? {} : { issuerKey }),
  });
}

/** B10: claims that the user requires, by kind or name. */
function checkRequired(recorder: Recorder, { require = [] }: BundleInput, { claims }: Attestation): void {
  if (require.length === 0) {
    return;
  }
  recorder.check('B10-claims', 'The bundle makes the claims that you require.', () => {
    for (const wanted of require) {
      if (!claims.some(({ kind, name }) => kind === wanted || name === wanted)) {
        throw new FormError(`no claim '${wanted}'`);
      }
    }
    return { value: undefined, data: { required: require } };
  });
}

/** B5 and B6. */
function checkFiles(recorder: Recorder, { files }: BundleInput, attestation: Attestation): void {
  recorder.check('B5-listing', 'No listed file is missing, and there are no others.', () => {
    const listed = new Set([ATTESTATION_FILE, SIGNATURE_FILE, ...attestation.files.map(({ name }) => name)]);
    for (const name of files.keys()) {
      if (!listed.has(name)) {
        throw new FormError(`${name} is not listed in the attestation`);
      }
    }
    for (const name of listed) {
      if (!files.has(name)) {
        throw new FormError(`${name} is missing`);
      }
    }
    return { value: undefined, data: { files: listed.size } };
  });
  recorder.check('B6-digests', 'Each file has its length and SHA-256.', () => {
    for (const { name } of attestation.files) {
      checkFile(attestation, name, files.get(name));
    }
    return { value: undefined, data: { files: attestation.files.length } };
  });
}

/** B7 to B9. */
function checkTree(recorder: Recorder, { files }: BundleInput, { book }: Attestation): SumNode[][] {
  const levels = recorder.check('B7-leaves', 'Every leaf is sound, and no two have one tag.', () => {
    const leaves = files.get(LEAVES_FILE) ?? new Uint8Array();
    if (leaves.length !== LEAF_BYTES * book.leafCount) {
      throw new FormError(`${LEAVES_FILE} has ${leaves.length} bytes for ${book.leafCount} leaves`);
    }
    const value = buildTree(leaves, recorder.stretch(0, 0.3, 'Computing the tree'));
    return { value, data: { leaves: book.leafCount } };
  });
  const root = levels.at(-1)?.[0];
  recorder.check('B8-root-hash', 'The tree computed from the leaves has the attested root hash.', () => {
    const hash = root === undefined ? '' : toHex(root.hash);
    if (hash !== book.root.hash) {
      throw new FormError(`the leaves make root hash ${hash}, attested is ${book.root.hash}`);
    }
    return { value: undefined, data: { rootHash: hash } };
  });
  recorder.check('B9-root-sum', 'The sum of all leaves is the attested sum.', () => {
    const sum = root === undefined ? '' : toHex(root.sum);
    if (sum !== book.root.sum) {
      throw new FormError(`the leaves add up to ${sum}, attested is ${book.root.sum}`);
    }
    return { value: undefined, data: { rootSum: sum } };
  });
  return levels;
}

/** All claims, those about accounts first: what totals rest on comes from them. */
function checkAllClaims(
  input: BundleInput,
  attestation: Attestation,
  reached: Reached,
  hooks: Hooks,
): readonly ProvenStatement[] {
  const accounts = attestation.claims.filter((claim) => claim.kind === 'accounts');
  const books = attestation.claims.filter((claim) => claim.kind === 'book');
  const solvency = attestation.claims.filter((claim) => claim.kind === 'solvency');
  checkInsisted(input, accounts, books);
  const total = accounts.length + books.length + solvency.length;
  const share = (done: number): Hooks => shareOf(hooks, 0.3 + (0.7 * done) / total, 0.7 / total);
  const proven = accounts.map((claim, i) => {
    const { report, proven: statement } = accountsReport(input, attestation, claim, share(i));
    reached.claims.push(report);
    return settle(report, statement);
  });
  books.forEach((claim, i) => {
    const report = bookReport(input, attestation, claim, proven, share(accounts.length + i));
    reached.claims.push(report);
    settle(report, true);
  });
  solvency.forEach((claim, i) => {
    const before = accounts.length + books.length;
    const report = solvencyReport(input, attestation, claim, proven, share(before + i));
    reached.claims.push(report);
    settle(report, true);
  });
  return proven;
}

/** There is a claim that what the user insists on can be compared with. */
function checkInsisted(
  input: BundleInput,
  accounts: readonly AccountsClaim[],
  books: readonly BookClaim[],
): void {
  if (input.model !== undefined && isWholeBook(input.model)) {
    if (books.length === 0) {
      const message = 'you insist on a model of the whole book, and there is no claim about it';
      throw new VerificationError('W1-documents', message);
    }
  } else if (accounts.length === 0 && (input.model ?? input.market) !== undefined) {
    const message = 'you insist on a model, and there is no claim about accounts';
    throw new VerificationError('C1-documents', message);
  }
}

/** Whether a document is a model of the whole book, which is compared with claims about that alone. */
function isWholeBook(model: Uint8Array): boolean {
  try {
    return marginKind(model) === WHOLE_BOOK_KIND;
  } catch (error) {
    if (error instanceof FormError) {
      return false;
    }
    throw error;
  }
}

/** A claim that failed fails the bundle. */
function settle<T>({ verdict }: ClaimReport, result: T | undefined): T {
  if (!verdict.ok) {
    throw new VerificationError(verdict.check, verdict.message, verdict.needs);
  }
  if (result === undefined) {
    throw new RangeError('a claim passed without a result');
  }
  return result;
}

/** Hooks for a part of the work, from `start`, `size` of the whole. */
function shareOf({ onStep, onProgress }: Hooks, start: number, size: number): Hooks {
  return {
    ...(onStep === undefined
      ? {}
      : {
          onStep: (step: Step) => {
            // A failure ends the bundle too, whose own record tells of it.
            if (step.status !== 'failed') {
              onStep(step);
            }
          },
        }),
    ...(onProgress === undefined
      ? {}
      : {
          onProgress: (fraction: number, words: string) => {
            onProgress(start + size * fraction, words);
          },
        }),
  };
}

function accountsReport(
  input: BundleInput,
  attestation: Attestation,
  claim: AccountsClaim,
  hooks: Hooks,
): { readonly report: AccountsClaimReport; readonly proven: ProvenStatement | undefined } {
  const recorder = new Recorder(hooks);
  const expected = expectedOf(input, claim);
  const insisted = { model: expected.model !== undefined, market: expected.market !== undefined };
  let claimCase: AccountsCase | undefined;
  const base = recorder.run(() => {
    insist(input, claim, expected);
    const signatures = claim.signatures === undefined ? undefined : fileOf(input.files, claim.signatures);
    const documents = documentsOf(input, attestation, claim);
    claimCase = checkAccountsClaim(recorder, attestation.book, claim, documents, signatures);
    checkBatches(recorder, input, claimCase);
    findAccounts(recorder, 'Every account', claimCase, insisted);
    return `Every account satisfies the statement of '${claim.name}'.`;
  });
  const summary = claimCase?.statement.summary;
  const agreed =
    insisted.model && (insisted.market || claim.market === undefined) && summary?.source === 'compiled';
  return {
    report: {
      kind: 'accounts',
      ...base,
      claim,
      ...(summary === undefined ? {} : { statement: summary }),
    },
    proven: claimCase === undefined ? undefined : { statement: claimCase.statement.statement, agreed },
  };
}

function bookReport(
  input: BundleInput,
  attestation: Attestation,
  claim: BookClaim,
  proven: readonly ProvenStatement[],
  hooks: Hooks,
): BookClaimReport {
  const recorder = new Recorder(hooks);
  const expected = expectedOf(input, claim);
  const insisted = { model: expected.model !== undefined, market: expected.market !== undefined };
  let result: BookResult | undefined;
  const base = recorder.run(() => {
    insist(input, claim, expected);
    const { files } = input;
    const statement = statementOf(input, attestation, claim);
    result = checkBookClaim(recorder, attestation.book, claim, {
      model: fileOf(files, claim.model),
      market: fileOf(files, claim.market),
      ...(claim.signatures === undefined ? {} : { signatures: fileOf(files, claim.signatures) }),
      proof: fileOf(files, singleProofFile(claim.name)),
      ...(statement === undefined ? {} : { statement }),
    });
    const statements = proven.map((one) => one.statement);
    findBookClaim(recorder, claim, result, statements, insisted);
    return `The sums over all accounts satisfy the statement of '${claim.name}'.`;
  });
  return {
    kind: 'book',
    ...base,
    claim,
    ...(result === undefined ? {} : { statement: result.summary }),
  };
}

/** What the user insists on of the documents of a claim: a model is meant for claims of one kind, a market for all. */
function expectedOf(
  { model, market }: BundleInput,
  claim: AccountsClaim | BookClaim,
): Pick<BundleInput, 'model' | 'market'> {
  const isForBooks = model !== undefined && isWholeBook(model);
  const hasModel = model !== undefined && isForBooks === (claim.kind === 'book');
  // Who asks for a market together with a model of the whole book has not asked for one of every account.
  const hasMarket = market !== undefined && (claim.market !== undefined || !isForBooks);
  return { ...(hasModel ? { model } : {}), ...(hasMarket ? { market } : {}) };
}

function insist(
  input: BundleInput,
  claim: AccountsClaim | BookClaim,
  expectations: Pick<BundleInput, 'model' | 'market'>,
): void {
  for (const kind of ['model', 'market'] as const) {
    const expected = expectations[kind];
    const name = claim[kind];
    if (expected === undefined) {
      continue;
    }
    const has = name === undefined ? undefined : input.files.get(name);
    if (has === undefined || !equalBytes(has, expected)) {
      throw new VerificationError(
        claim.kind === 'book' ? 'W1-documents' : 'C1-documents',
        `claim '${claim.name}' was made with another ${kind} than yours`,
      );
    }
  }
}

function documentsOf(
  input: BundleInput,
  attestation: Attestation,
  claim: AccountsClaim,
): AccountsCase['documents'] {
  const market = claim.market === undefined ? undefined : fileOf(input.files, claim.market);
  const statement = statementOf(input, attestation, claim);
  return {
    model: fileOf(input.files, claim.model),
    ...(market === undefined ? {} : { market }),
    ...(statement === undefined ? {} : { statement }),
  };
}

function statementOf(
  { statements = [] }: BundleInput,
  { claims }: Attestation,
  claim: AccountsClaim | BookClaim,
): Uint8Array | undefined {
  const others = claims.filter(({ name }) => name !== claim.name).map(({ statement }) => statement);
  return chosenStatement(statements, claim.statement, others);
}

function checkBatches(recorder: Recorder, { files }: BundleInput, claimCase: AccountsCase): void {
  const { claim, size } = claimCase;
  const proofs = Array.from({ length: claim.batches }, (_, i) =>
    fileOf(files, batchProofFile(claim.name, i)),
  );
  checkProofFiles(
    recorder,
    claimCase,
    proofs.map((proof, i) => [i, proof.length]),
  );
  const leaves = fileOf(files, LEAVES_FILE);
  checkProofs(
    recorder,
    claimCase,
    proofs.map((proof, batch) => ({
      batch,
      leafCommitments: leafCommitments(leaves, batch * size, size),
      proof,
    })),
  );
}

function solvencyReport(
  { files }: BundleInput,
  { book }: Attestation,
  claim: SolvencyClaim,
  proven: readonly ProvenStatement[],
  hooks: Hooks,
): SolvencyReport {
  const recorder = new Recorder(hooks);
  let result: SolvencyResult | undefined;
  const base = recorder.run(() => {
    const totals = claim.totalsFile === undefined ? undefined : fileOf(files, claim.totalsFile);
    const checked = checkSolvency(recorder, book, claim, {
      reserves: fileOf(files, claim.reserves),
      ...(totals === undefined ? {} : { totals }),
      proof: fileOf(files, singleProofFile(claim.name)),
    });
    result = checked;
    const reserved = new Set(checked.reserves.assets.map(({ place }) => place));
    findSolvency(recorder, book, claim, checked, (place) => coverOf(place, proven, reserved));
    return `The stated reserves cover the totals (claim '${claim.name}').`;
  });
  return { kind: 'solvency', ...base, ...solvencyFields(book, claim, result) };
}

function fileOf(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) {
    throw new VerificationError('B5-listing', `${name} is missing`);
  }
  return bytes;
}

function findAll(
  recorder: Recorder,
  { issuerKey }: BundleInput,
  { book }: Attestation,
  proven: readonly ProvenStatement[],
): void {
  const level = issuerKey === undefined ? 'claimed' : 'signed';
  recorder.find('Issuer', book.issuer.name, level);
  recorder.find('As of', book.asOf, level);
  findPredecessor(recorder, book, level);
  recorder.find('Root', `${book.leafCount} leaves make it up, padding included`, 'recomputed');
  if (proven.length === 0) {
    recorder.find('Every account', 'nothing is shown about what accounts hold or owe', 'not-proven');
  }
}
