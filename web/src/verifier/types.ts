/**
 * What the verifier takes and what it reports. Plain data throughout: everything here crosses from a Web Worker
 * to the page by structured clone. Digests, keys and points are lower-case hexadecimal; amounts are decimal text
 * in whole units, with their base units beside them.
 */

/** What stands behind a finding; a report never rounds up. */
export type Level = 'proven' | 'recomputed' | 'signed' | 'claimed' | 'hidden' | 'not-proven';

export type StepStatus = 'ok' | 'skipped' | 'failed';

/** Figures of a step, for those who want to look closer. */
export type StepData = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** One check of docs/protocol.md, in the order in which it was made. */
export interface Step {
  /** The name of the check, such as `O4-tag`. */
  readonly check: string;
  readonly status: StepStatus;
  /** One sentence in plain words. For a failed step: why. */
  readonly words: string;
  readonly data: StepData;
}

/** One line of what was learned, and how well it is founded. */
export interface Finding {
  readonly subject: string;
  readonly text: string;
  readonly level: Level;
}

export type Verdict =
  | { readonly ok: true; readonly words: string }
  | {
      readonly ok: false;
      readonly check: string;
      readonly message: string;
      /** Not refused, but not to be decided without this: the compiled statement of a model that is not compiled here. */
      readonly needs?: 'statement';
    };

export interface BaseReport {
  readonly verdict: Verdict;
  readonly steps: readonly Step[];
  /** Empty unless the verdict is ok. */
  readonly findings: readonly Finding[];
  /** Time taken, in milliseconds. */
  readonly milliseconds: number;
}

export interface Asset {
  readonly id: string;
  readonly decimals: number;
}

/** A node of the sum tree. */
export interface TreeNode {
  /** SHA-256, 64 hexadecimal digits. */
  readonly hash: string;
  /** Compressed point, 96 hexadecimal digits. */
  readonly sum: string;
}

export interface BookSummary {
  readonly issuer: { readonly name: string; readonly publicKey: string };
  /** `YYYY-MM-DDThh:mm:ssZ`. */
  readonly asOf: string;
  readonly assets: readonly Asset[];
  /** Number of leaves, padding included: a power of two. */
  readonly leafCount: number;
  /** Levels below the root. */
  readonly height: number;
  readonly leavesSha256: string;
  readonly root: TreeNode;
  /** The book that this one was made from: some leaves `changed`, or all of them made `anew`. Only claimed. */
  readonly predecessor?: { readonly book: string; readonly form: 'changed' | 'anew' };
  /** Names this sealed book; stays the same when proofs are added. */
  readonly digest: string;
}

export interface FileEntry {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface AccountsClaim {
  readonly kind: 'accounts';
  readonly name: string;
  readonly model: string;
  readonly market?: string;
  /** Name of the file with signatures of the market by its sources. */
  readonly signatures?: string;
  readonly statement: string;
  readonly batches: number;
}

export interface SolvencyClaim {
  readonly kind: 'solvency';
  readonly name: string;
  readonly reserves: string;
  readonly ratio: { readonly numerator: number; readonly denominator: number };
  readonly totals: 'hidden' | 'public';
  readonly totalsFile?: string;
  readonly statement: string;
}

/** The sum of all leaves satisfies limits. */
export interface BookClaim {
  readonly kind: 'book';
  readonly name: string;
  readonly model: string;
  readonly market: string;
  /** Name of the file with signatures of the market by its sources. */
  readonly signatures?: string;
  readonly statement: string;
}

export type Claim = AccountsClaim | BookClaim | SolvencyClaim;

/** B1 to B4. */
export interface AttestationReport extends BaseReport {
  readonly kind: 'attestation';
  readonly book?: BookSummary;
  readonly claims: readonly Claim[];
  readonly files: readonly FileEntry[];
  /** SHA-256 of attestation.json. */
  readonly digest?: string;
  /** Whether the signing key is the one that the user expects. */
  readonly issuerKey: 'expected' | 'not-checked';
}

export interface Position {
  readonly asset: string;
  readonly decimals: number;
  /** Base units, decimal text. */
  readonly amount: string;
  /** Whole units, decimal text: `-1.5`. */
  readonly value: string;
}

export interface LeafSummary {
  readonly index: number;
  readonly tag: string;
  readonly commitment: string;
}

/** One level of a path, for drawing: node and sibling at `level` are the children of the next level's node. */
export interface PathStep {
  /** 0 for leaves. */
  readonly level: number;
  /** Position of `node` within its level, from the left. */
  readonly index: number;
  /** Where the sibling stands. */
  readonly siblingSide: 'left' | 'right';
  readonly node: TreeNode;
  readonly sibling: TreeNode;
  /** What the two make together. */
  readonly parent: TreeNode;
}

/** O1 to O10. */
export interface OpeningReport extends BaseReport {
  readonly kind: 'opening';
  readonly trust: Trust['kind'];
  readonly book?: BookSummary;
  readonly account?: string;
  readonly positions: readonly Position[];
  readonly leaf?: LeafSummary;
  /** Lowest level first; as far as it could be computed. */
  readonly path: readonly PathStep[];
}

/** What a statement says, one line for each row. */
export interface RowSummary {
  /** `0 <= 6500012 BTC + 300050 ETH < 2^90`, in base units. */
  readonly formula: string;
  readonly width: number;
}

export interface StatementSummary {
  readonly digest: string;
  /** `compiled` here from the documents, or `given` in compiled form by the user. */
  readonly source: 'compiled' | 'given';
  readonly rows: readonly RowSummary[];
  readonly auxiliaryVariables: number;
  /** Sum of all widths. */
  readonly bits: number;
}

/** K1 to K10. */
export interface CertificateReport extends BaseReport {
  readonly kind: 'certificate';
  readonly trust: Trust['kind'];
  readonly book?: BookSummary;
  readonly leaf?: LeafSummary;
  readonly path: readonly PathStep[];
  readonly audience?: string;
  /** The documents, as they stand in the certificate. */
  readonly model?: string;
  readonly market?: string;
  readonly statement?: StatementSummary;
  readonly proofBytes?: number;
}

/** One batch of a claim about every account: B1 to B4 and the part of C1 to C4 that concerns it. */
export interface BatchReport extends BaseReport {
  readonly kind: 'batch';
  readonly book?: BookSummary;
  readonly claim?: AccountsClaim;
  readonly batchIndex: number;
  /** Leaves of the batch: from `first`, `count` of them. */
  readonly leaves?: { readonly first: number; readonly count: number };
  readonly statement?: StatementSummary;
  readonly proofBytes?: number;
}

export interface SolvencyAsset {
  readonly asset: string;
  readonly decimals: number;
  /** As stated in reserves.json, whole units. */
  readonly reserves: string;
  /** Whole units; absent where totals are hidden. */
  readonly total?: string;
}

/** S1 to S5. */
export interface SolvencyReport extends BaseReport {
  readonly kind: 'solvency';
  readonly book?: BookSummary;
  readonly claim?: SolvencyClaim;
  readonly assets: readonly SolvencyAsset[];
  readonly statement?: StatementSummary;
}

/** B1 to B10, and the claims. */
export interface BundleReport extends BaseReport {
  readonly kind: 'bundle';
  readonly attestation: AttestationReport;
  /** Levels of the recomputed tree, leaves first; absent above 1,024 leaves and where the tree was not reached. */
  readonly tree?: readonly (readonly TreeNode[])[];
  readonly claims: readonly (AccountsClaimReport | BookClaimReport | SolvencyReport)[];
}

/** C1 to C4, and M2, for all batches of one claim. */
export interface AccountsClaimReport extends BaseReport {
  readonly kind: 'accounts';
  readonly claim: AccountsClaim;
  readonly statement?: StatementSummary;
}

/** W1 to W3, and M2. */
export interface BookClaimReport extends BaseReport {
  readonly kind: 'book';
  readonly book?: BookSummary;
  readonly claim?: BookClaim;
  readonly statement?: StatementSummary;
}

export type Report =
  | AttestationReport
  | OpeningReport
  | CertificateReport
  | BatchReport
  | BookClaimReport
  | SolvencyReport
  | BundleReport;

/** What the user trusts already. */
export type Trust =
  | {
      readonly kind: 'bundle';
      readonly attestation: Uint8Array;
      readonly signature: Uint8Array;
      /** 64 hexadecimal digits, from another source than the bundle. */
      readonly issuerKey?: string;
      /** leaves.bin; without it the check that reads it is skipped, and the report says so. */
      readonly leaves?: Uint8Array;
    }
  | { readonly kind: 'root'; readonly hash: string }
  | { readonly kind: 'book-digest'; readonly digest: string };

/** What the user insists on in a certificate; what is left out is not insisted on. */
export interface CertificateExpectations {
  readonly audience?: string;
  /** Byte for byte. */
  readonly model?: Uint8Array;
  readonly market?: Uint8Array;
  /** Canonical forms of statements (docs/statements.md, section 5), for models that are not compiled here. */
  readonly statements?: readonly Uint8Array[];
}

export interface BatchInput {
  readonly attestation: Uint8Array;
  readonly signature: Uint8Array;
  readonly issuerKey?: string;
  /** Name of a claim about every account. */
  readonly claim: string;
  readonly batchIndex: number;
  /** The whole of leaves.bin, or the 80-byte leaves of this batch alone (then only *claimed* to be published ones). */
  readonly leaves: Uint8Array;
  readonly proof: Uint8Array;
  /** The files that the claim names. */
  readonly model: Uint8Array;
  readonly market?: Uint8Array;
  /** Signatures of the market; without them their check is skipped, and the report says so. */
  readonly signatures?: Uint8Array;
  /** Canonical forms of statements, for models that are not compiled here. */
  readonly statements?: readonly Uint8Array[];
}

export interface BookClaimInput {
  readonly attestation: Uint8Array;
  readonly signature: Uint8Array;
  readonly issuerKey?: string;
  /** Name of a claim about the whole book. */
  readonly claim: string;
  /** The files that the claim names. */
  readonly model: Uint8Array;
  readonly market: Uint8Array;
  /** Signatures of the market; without them their check is skipped, and the report says so. */
  readonly signatures?: Uint8Array;
  readonly proof: Uint8Array;
  /** Canonical forms of statements: models of whole books are not compiled here. */
  readonly statements?: readonly Uint8Array[];
}

export interface SolvencyInput {
  readonly attestation: Uint8Array;
  readonly signature: Uint8Array;
  readonly issuerKey?: string;
  /** Name of a claim about reserves. */
  readonly claim: string;
  readonly reserves: Uint8Array;
  /** The document of totals, where they are public. */
  readonly totals?: Uint8Array;
  readonly proof: Uint8Array;
}

export interface BundleInput {
  /** By name, as in the bundle: `attestation.json`, `proofs/accounts-000000.narg`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly issuerKey?: string;
  /** Kinds or names of claims that have to be there. */
  readonly require?: readonly string[];
  /** Model and market that the user insists on, byte for byte. */
  readonly model?: Uint8Array;
  readonly market?: Uint8Array;
  /** Canonical forms of statements, for models that are not compiled here; each claim takes the one with its digest. */
  readonly statements?: readonly Uint8Array[];
}

/** Called while a check runs. */
export interface Hooks {
  readonly onStep?: (step: Step) => void;
  /** `fraction` from 0 to 1, never falling. */
  readonly onProgress?: (fraction: number, words: string) => void;
}

/** Hooks of a check in the worker; `signal` stops it (the promise is rejected with the signal's reason). */
export interface ClientHooks extends Hooks {
  readonly signal?: AbortSignal;
  /** Buffers of the input that are handed over instead of copied; the caller cannot use them any more. */
  readonly transfer?: readonly ArrayBuffer[];
}

/**
 * Every check, off the page's thread. A failed check is a report with a verdict; a promise is rejected only if it is
 * cancelled or the worker breaks.
 */
export interface Verifier {
  readAttestation(
    attestation: Uint8Array,
    signature: Uint8Array,
    issuerKey?: string,
    hooks?: ClientHooks,
  ): Promise<AttestationReport>;
  checkOpening(
    opening: Uint8Array,
    typedAccountId: string,
    trust: Trust,
    hooks?: ClientHooks,
  ): Promise<OpeningReport>;
  verifyCertificate(
    certificate: Uint8Array,
    trust: Trust,
    expectations?: CertificateExpectations,
    hooks?: ClientHooks,
  ): Promise<CertificateReport>;
  verifyBatchProof(input: BatchInput, hooks?: ClientHooks): Promise<BatchReport>;
  verifyBookClaim(input: BookClaimInput, hooks?: ClientHooks): Promise<BookClaimReport>;
  verifySolvency(input: SolvencyInput, hooks?: ClientHooks): Promise<SolvencyReport>;
  verifyBundle(input: BundleInput, hooks?: ClientHooks): Promise<BundleReport>;
  /** Ends the worker. */
  close(): void;
}
