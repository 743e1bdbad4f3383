/** Claims that reserves cover the totals: S1 to S5 (docs/protocol.md, section 10). */

import { certificateShape } from '../argument/shape.ts';
import { verifyArgument } from '../argument/verify.ts';
import { type Attestation, checkAttestation } from '../book/attestation.ts';
import { type Book, summaryOf as bookSummary } from '../book/book.ts';
import { singleProofFile } from '../book/claims.ts';
import { asCheck } from '../certificate/check.ts';
import { POINT_BYTES } from '../curve/point.ts';
import { fromHex, toHex } from '../encoding/bytes.ts';
import { formatUnits } from '../encoding/decimal.ts';
import { FormError } from '../errors.ts';
import { summaryOf } from '../models/claim-statement.ts';
import { Recorder } from '../report.ts';
import { encodeStatement, statementDigest } from '../statement/canonical.ts';
import { LARGEST_AMOUNT, widthOf } from '../statement/rows.ts';
import { checked, type Statement } from '../statement/statement.ts';
import type { Hooks, SolvencyAsset, SolvencyClaim, SolvencyInput, SolvencyReport } from '../types.ts';
import { claimContext } from './context.ts';
import { type Cover, UNKNOWN_COVER } from './cover.ts';
import { checkListed, claimNamed } from './listed.ts';
import { type Ownership, ownershipOf } from './ownership.ts';
import { readReserves, readTotals, type Reserves } from './reserves.ts';
import { verifyTotalsProof } from './totals-proof.ts';

const SESSION = 'sealedbook/v1/solvency';

export interface SolvencyDocuments {
  readonly reserves: Uint8Array;
  readonly totals?: Uint8Array;
  readonly proof: Uint8Array;
}

/** What S1 to S5 established. */
export interface SolvencyResult {
  readonly reserves: Reserves;
  readonly totals?: readonly bigint[];
  readonly statement: Statement;
  readonly statementDigest: Uint8Array;
}

/** 0 <= d R_a - n T_a < 2^w,  w = bit length of (d R_a + n U (2^63 - 1)), for each asset with reserves. */
export function solvencyStatement(book: Book, reserves: Reserves, ratio: SolvencyClaim['ratio']): Statement {
  const [n, d] = [BigInt(ratio.numerator), BigInt(ratio.denominator)];
  return checked({
    assets: book.assets,
    auxiliaryWidths: [],
    rows: reserves.assets.map(({ place, total }) => ({
      width: widthOf(d * total + n * BigInt(book.leafCount) * LARGEST_AMOUNT),
      constant: d * total,
      positions: [{ index: place, coefficient: -n }],
      auxiliaries: [],
    })),
  });
}

export function checkSolvency(
  recorder: Recorder,
  book: Book,
  claim: SolvencyClaim,
  documents: SolvencyDocuments,
): SolvencyResult {
  const reserves = recorder.check('S1-reserves', 'The document of reserves is well-formed.', () => {
    const value = readReserves(documents.reserves, book);
    return { value, data: { asOf: value.asOf, assets: value.assets.length } };
  });
  const { statement, digest } = recorder.check(
    'S2-statement',
    'It makes the statement that is claimed.',
    () => {
      const compiled = solvencyStatement(book, reserves, claim.ratio);
      const compiledDigest = statementDigest(encodeStatement(compiled));
      if (toHex(compiledDigest) !== claim.statement) {
        throw new FormError(`compiled ${toHex(compiledDigest)}, claimed ${claim.statement}`);
      }
      return { value: { statement: compiled, digest: compiledDigest }, data: { digest: claim.statement } };
    },
  );
  const totals = claim.totals === 'hidden' ? undefined : checkTotals(recorder, book, documents.totals);
  recorder.check('S4-proof', "The proof holds for the root's sum.", () => {
    asCheck('S4-proof', () => {
      verifyProof(recorder, book, claim, documents, { totals, statement, digest });
    });
    return { value: undefined, data: { proofBytes: documents.proof.length } };
  });
  if (totals !== undefined) {
    checkCovered(recorder, book, claim, reserves, totals);
  }
  return { reserves, ...(totals === undefined ? {} : { totals }), statement, statementDigest: digest };
}

function checkTotals(recorder: Recorder, book: Book, document: Uint8Array | undefined): bigint[] {
  return recorder.check('S3-totals', 'The published totals are well-formed and of this book.', () => {
    if (document === undefined) {
      throw new FormError('the document of totals is missing');
    }
    return { value: readTotals(document, book), data: {} };
  });
}

function verifyProof(
  recorder: Recorder,
  book: Book,
  claim: SolvencyClaim,
  documents: SolvencyDocuments,
  {
    totals,
    statement,
    digest,
  }: { totals: readonly bigint[] | undefined; statement: Statement; digest: Uint8Array },
): void {
  const rootSum = fromHex(book.root.sum, POINT_BYTES, "the root's sum");
  const contextDigest = solvencyContext(book, claim, documents, digest);
  if (totals !== undefined) {
    verifyTotalsProof(book.assets, totals, rootSum, contextDigest, documents.proof);
    return;
  }
  const instance = {
    session: SESSION,
    contextDigest,
    batchIndex: 0,
    shape: certificateShape(statement),
    statement,
    leafCommitments: [rootSum],
  };
  verifyArgument(instance, documents.proof, recorder.stretch(0, 1, 'Proof of solvency'));
}

export function solvencyContext(
  book: Book,
  claim: SolvencyClaim,
  documents: SolvencyDocuments,
  digest: Uint8Array,
): Uint8Array {
  const bound = [
    ['reserves', documents.reserves],
    ['totals', claim.totals === 'hidden' ? undefined : documents.totals],
  ] as const;
  return claimContext('solvency', claim.name, book.digest, bound, digest);
}

/** d R_a >= n T_a for the published totals. */
function checkCovered(
  recorder: Recorder,
  book: Book,
  { ratio }: SolvencyClaim,
  reserves: Reserves,
  totals: readonly bigint[],
): void {
  recorder.check('S5-cover', 'The reserves are at least the ratio times the totals.', () => {
    const [n, d] = [BigInt(ratio.numerator), BigInt(ratio.denominator)];
    for (const { place, total: reserved } of reserves.assets) {
      const [asset, total] = [book.assets[place], totals[place] ?? 0n];
      if (asset !== undefined && d * reserved < n * total) {
        const required = (n * total + d - 1n) / d;
        const words = (units: bigint): string => formatUnits(units, asset.decimals);
        throw new FormError(
          `${asset.id}: ${words(required)} required, ${words(reserved)} in reserve, short by ${words(required - reserved)}`,
        );
      }
    }
    return { value: undefined };
  });
}

/** Lines about a claim that passed; `coverOf` says what the totals rest on. */
export function findSolvency(
  recorder: Recorder,
  book: Book,
  claim: SolvencyClaim,
  result: SolvencyResult,
  coverOf: (place: number) => Cover,
): void {
  const { numerator, denominator } = claim.ratio;
  const ratio = numerator === denominator ? '' : `${numerator}/${denominator} times `;
  for (const { place, total } of result.reserves.assets) {
    const asset = book.assets[place];
    if (asset === undefined) {
      continue;
    }
    const cover = coverOf(place);
    recorder.find(
      `Reserves of ${asset.id}`,
      `the stated ones are at least ${ratio}the total of all accounts, debts deducted; ${cover.words}`,
      // Published totals are compared in the open: there the comparison is computed, not proven.
      cover.level === 'proven' && result.totals !== undefined ? 'recomputed' : cover.level,
    );
    recorder.find(
      `Amount of ${asset.id} in reserve`,
      `${formatUnits(total, asset.decimals)}; no chain was read`,
      'claimed',
    );
  }
  findAddresses(recorder, book, result.reserves);
  for (const [place, asset] of book.assets.entries()) {
    const total = result.totals?.[place];
    if (total !== undefined) {
      recorder.find(`Total of ${asset.id}`, formatUnits(total, asset.decimals), 'proven');
    }
  }
  if (result.totals === undefined) {
    recorder.find('Totals', 'not revealed', 'hidden');
  }
}

const OWNERSHIP_WORDS: Readonly<Record<Exclude<Ownership, 'signed'>, string>> = {
  'other-book': 'signed, but the message does not name this book',
  'does-not-verify': 'the signature does not verify',
  'not-checked': 'signed in a way that is not checked here',
  none: 'not signed',
};

function findAddresses(recorder: Recorder, book: Book, reserves: Reserves): void {
  for (const { addresses } of reserves.assets) {
    for (const entry of addresses) {
      const ownership = ownershipOf(entry, book.digest);
      const subject = `Address ${entry.address} (${entry.chain})`;
      if (ownership === 'signed') {
        recorder.find(subject, 'whoever has its key signed a message that names this book', 'signed');
      } else {
        recorder.find(subject, OWNERSHIP_WORDS[ownership], 'claimed');
      }
    }
  }
}

export function solvencyFields(
  book: Book,
  claim: SolvencyClaim,
  result: SolvencyResult | undefined,
): Pick<SolvencyReport, 'claim' | 'assets' | 'statement'> {
  if (result === undefined) {
    return { claim, assets: [] };
  }
  const assets = result.reserves.assets.flatMap(({ place, total: reserved }): SolvencyAsset[] => {
    const asset = book.assets[place];
    const total = result.totals?.[place];
    return asset === undefined
      ? []
      : [
          {
            asset: asset.id,
            decimals: asset.decimals,
            reserves: formatUnits(reserved, asset.decimals),
            ...(total === undefined ? {} : { total: formatUnits(total, asset.decimals) }),
          },
        ];
  });
  return { claim, assets, statement: summaryOf(result.statement, result.statementDigest, 'compiled') };
}

/** One claim about reserves, with the files it needs: B1 to B4, the digests of the files, S1 to S5. */
export function verifySolvency(input: SolvencyInput, hooks: Hooks = {}): SolvencyReport {
  const recorder = new Recorder(hooks);
  let attestation: Attestation | undefined;
  let claim: SolvencyClaim | undefined;
  let result: SolvencyResult | undefined;
  const base = recorder.run(() => {
    attestation = checkAttestation(recorder, input);
    const { book } = attestation;
    claim = claimNamed(attestation, input.claim, 'solvency');
    const given: [string, Uint8Array | undefined][] = [
      [claim.reserves, input.reserves],
      [singleProofFile(claim.name), input.proof],
    ];
    if (claim.totalsFile !== undefined) {
      given.push([claim.totalsFile, input.totals]);
    }
    checkListed(recorder, attestation, given);
    recorder.skip('B9-root-sum', "The root's sum is taken from the attestation; the tree was not computed.");
    result = checkSolvency(recorder, book, claim, input);
    findSolvency(recorder, book, claim, result, () => UNKNOWN_COVER);
    recorder.find('Issuer', book.issuer.name, input.issuerKey === undefined ? 'claimed' : 'signed');
    return "The stated reserves cover the totals that the attested root's sum commits to.";
  });
  return {
    kind: 'solvency',
    ...base,
    assets: [],
    ...(attestation === undefined ? {} : { book: bookSummary(attestation.book) }),
    ...(attestation === undefined || claim === undefined
      ? {}
      : solvencyFields(attestation.book, claim, result)),
  };
}
