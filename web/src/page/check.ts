/** From files and expectations to the verifier's reports. Nothing is decided here. */

import type {
  BaseReport,
  CertificateExpectations,
  Claim,
  ClientHooks,
  Report,
  Step,
  Trust,
  Verifier,
} from '../verifier/types.ts';
import { type Added, type Arrangement, type Task, isRecord } from './files.ts';
import { missing } from './strings.ts';

/** What the user typed; absent where a field is empty. */
export interface Expectations {
  readonly account?: string;
  readonly audience?: string;
  readonly issuerKey?: string;
  readonly bookDigest?: string;
  readonly rootHash?: string;
}

/** What the result rests on: something that the user trusts, or only what the file says of itself. */
export type Compared = 'bundle' | 'book-digest' | 'root' | 'nothing';

export interface Outcome {
  readonly task: Task;
  readonly compared: Compared;
  /** One, or one for each proof that was added. The first that failed is the last. */
  readonly reports: readonly Report[];
  /** Proofs that could not be looked at, and what is missing for them. */
  readonly notes: readonly string[];
  /** What the attestation claims about the whole book, where one was read. */
  readonly claims?: readonly Claim[];
  /** Whether the signing key was compared with one that the user gave. */
  readonly keyExpected: boolean;
  readonly sample: boolean;
}

/** What `runTask` finds out. */
export type Found = Omit<Outcome, 'sample' | 'keyExpected'>;

/** A check cannot be started; the message says what is missing. */
export class Missing extends Error {
  override readonly name = 'Missing';
}

interface Run {
  readonly files: Arrangement;
  readonly expected: Expectations;
  readonly verifier: Verifier;
  readonly hooks: ClientHooks;
}

/** Make the checks of `task`. Rejects with `Missing`, or with the verifier's reasons (cancelled, broken). */
export async function runTask(task: Task, run: Run): Promise<Found> {
  switch (task) {
    case 'opening':
      return withClaims(run, {
        task,
        notes: [],
        ...(await inEveryTrust(run, run.files.opening, checkOpening)),
      });
    case 'certificate':
      return withClaims(run, {
        task,
        notes: [],
        ...(await inEveryTrust(run, run.files.certificate, checkCertificate)),
      });
    case 'bundle':
      return { task, notes: [], compared: 'bundle', reports: [await checkBundle(run)] };
    case 'proofs':
      return { task, compared: 'bundle', ...(await checkProofs(run)) };
    case 'attestation':
      return withClaims(run, { task, notes: [], compared: 'bundle', reports: [await checkAttestation(run)] });
  }
}

/** `outcome` with what else the attestation claims, if that is what it was compared with. */
async function withClaims(run: Run, outcome: Found): Promise<Found> {
  if (outcome.compared !== 'bundle' || outcome.reports.some((report) => !report.verdict.ok)) return outcome;
  const report = await checkAttestation(run);
  return report.kind === 'attestation' ? { ...outcome, claims: report.claims } : outcome;
}

type CheckAgainst = (run: Run, file: Added, trust: Trust) => Promise<Report>;

/**
 * Check `file` against all that the user trusts: a root hash, a book digest, and the bundle, one after the other. The last
 * report counts, as it rests on most; a failed one ends it.
 */
async function inEveryTrust(
  run: Run,
  file: Added | undefined,
  check: CheckAgainst,
): Promise<Pick<Outcome, 'compared' | 'reports'>> {
  if (file === undefined) throw new Missing(missing.file);
  const trusts = allTrust(run.files, run.expected);
  if (trusts.length === 0) {
    const own: Trust = { kind: 'root', hash: statedRoot(file.data) };
    return { compared: 'nothing', reports: [await check(run, file, own)] };
  }
  let last: Report | undefined;
  let compared: Compared = 'nothing';
  for (const trust of trusts) {
    last = await check(run, file, trust);
    compared = trust.kind;
    if (!last.verdict.ok) break;
  }
  return { compared, reports: last === undefined ? [] : [last] };
}

function allTrust(files: Arrangement, expected: Expectations): readonly Trust[] {
  const trusts: Trust[] = [];
  if (expected.rootHash !== undefined) trusts.push({ kind: 'root', hash: expected.rootHash });
  if (expected.bookDigest !== undefined) trusts.push({ kind: 'book-digest', digest: expected.bookDigest });
  if (files.attestation !== undefined && files.signature !== undefined) {
    trusts.push({
      kind: 'bundle',
      ...signed(files),
      ...keyOf(expected),
      ...(files.leaves && { leaves: files.leaves.data }),
    });
  }
  return trusts;
}

/** The root hash that an opening or a certificate states itself. Zeros if it states none: then its form fails. */
export function statedRoot(data: Uint8Array): string {
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(data));
    const book = isRecord(document) ? document['book'] : undefined;
    const root = isRecord(book) ? book['root'] : undefined;
    const hash = isRecord(root) ? root['hash'] : undefined;
    return typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash) ? hash : '0'.repeat(64);
  } catch {
    return '0'.repeat(64);
  }
}

function signed(files: Arrangement): { attestation: Uint8Array; signature: Uint8Array } {
  if (files.attestation === undefined || files.signature === undefined) throw new Missing(missing.signature);
  return { attestation: files.attestation.data, signature: files.signature.data };
}

function keyOf(expected: Expectations): { issuerKey?: string } {
  return expected.issuerKey === undefined ? {} : { issuerKey: expected.issuerKey };
}

function checkOpening(run: Run, file: Added, trust: Trust): Promise<Report> {
  if (run.expected.account === undefined) throw new Missing(missing.account);
  return run.verifier.checkOpening(file.data, run.expected.account, trust, run.hooks);
}

function checkCertificate(run: Run, file: Added, trust: Trust): Promise<Report> {
  const { files, expected } = run;
  const expectations: CertificateExpectations = {
    ...(expected.audience !== undefined && { audience: expected.audience }),
    ...(files.model && { model: files.model.data }),
    ...(files.market && { market: files.market.data }),
    statements: statementsOf(files),
  };
  return run.verifier.verifyCertificate(file.data, trust, expectations, run.hooks);
}

function checkAttestation(run: Run): Promise<Report> {
  const { attestation, signature } = signed(run.files);
  return run.verifier.readAttestation(attestation, signature, run.expected.issuerKey, run.hooks);
}

function checkBundle(run: Run): Promise<Report> {
  const { files, expected, verifier, hooks } = run;
  return verifier.verifyBundle(
    {
      files: new Map([...files.bundle].map(([name, file]) => [name, file.data])),
      ...keyOf(expected),
      ...(files.model && { model: files.model.data }),
      ...(files.market && { market: files.market.data }),
      statements: statementsOf(files),
    },
    hooks,
  );
}

function statementsOf(files: Arrangement): readonly Uint8Array[] {
  return files.statements.map(({ data }) => data);
}

/** Every proof that is there, each with the documents that its claim names. */
async function checkProofs(run: Run): Promise<Pick<Outcome, 'reports' | 'notes'>> {
  const attestation = await checkAttestation(run);
  if (attestation.kind !== 'attestation' || !attestation.verdict.ok)
    return { reports: [attestation], notes: [] };
  const proofs = [...run.files.bundle].filter(([, file]) => file.kind === 'proof');
  const reports: Report[] = [];
  const notes: string[] = [];
  for (const [name, file] of proofs) {
    const claim = attestation.claims.find((candidate) => belongsTo(name, candidate));
    const report = claim && (await checkProof(run, claim, name, file, notes));
    if (report !== undefined) reports.push(report);
    if (report?.verdict.ok === false) break;
  }
  return { reports: reports.length > 0 ? reports : [attestation], notes };
}

function belongsTo(file: string, claim: Claim): boolean {
  return claim.kind !== 'accounts'
    ? file === `proofs/${claim.name}.narg`
    : file.startsWith(`proofs/${claim.name}-`) &&
        /^-\d{6}\.narg$/.test(file.slice(`proofs/${claim.name}`.length));
}

async function checkProof(
  run: Run,
  claim: Claim,
  name: string,
  proof: Added,
  notes: string[],
): Promise<Report | undefined> {
  const document = (wanted: string): Uint8Array | undefined => run.files.bundle.get(wanted)?.data;
  const absent = neededFor(claim).filter((wanted) => document(wanted) === undefined);
  if (absent.length > 0) {
    notes.push(missing.forProof(name, absent));
    return undefined;
  }
  const empty = new Uint8Array();
  const base = { ...signed(run.files), ...keyOf(run.expected), claim: claim.name, proof: proof.data };
  if (claim.kind === 'solvency') {
    const totals = claim.totalsFile === undefined ? undefined : document(claim.totalsFile);
    const reserves = document(claim.reserves) ?? empty;
    return run.verifier.verifySolvency({ ...base, reserves, ...(totals && { totals }) }, run.hooks);
  }
  const market = claim.market === undefined ? undefined : document(claim.market);
  const signatures = claim.signatures === undefined ? undefined : document(claim.signatures);
  const more = { ...(signatures && { signatures }), statements: statementsOf(run.files) };
  const model = document(claim.model) ?? empty;
  if (claim.kind === 'book') {
    return run.verifier.verifyBookClaim({ ...base, ...more, model, market: market ?? empty }, run.hooks);
  }
  const batchIndex = Number(/(\d{6})\.narg$/.exec(name)?.[1]);
  const leaves = document('leaves.bin') ?? empty;
  return run.verifier.verifyBatchProof(
    { ...base, ...more, leaves, model, batchIndex, ...(market && { market }) },
    run.hooks,
  );
}

/** Files of the bundle without which the proofs of a claim cannot be looked at. */
function neededFor(claim: Claim): readonly string[] {
  const market = claim.kind === 'solvency' || claim.market === undefined ? [] : [claim.market];
  switch (claim.kind) {
    case 'solvency':
      return [claim.reserves, ...(claim.totalsFile === undefined ? [] : [claim.totalsFile])];
    case 'book':
      return [claim.model, ...market];
    case 'accounts':
      return ['leaves.bin', claim.model, ...market];
  }
}

/** The report that decides: the first that failed, or else the first. */
export function decisive(outcome: Pick<Outcome, 'reports'>): Report | undefined {
  return outcome.reports.find((report) => !report.verdict.ok) ?? outcome.reports[0];
}

/** All steps of a report, those of the reports inside it included, in order. */
export function allSteps(report: Report): readonly Step[] {
  if (report.kind !== 'bundle') return report.steps;
  return [
    ...new Set([report, report.attestation, ...report.claims].flatMap((part: BaseReport) => part.steps)),
  ];
}
