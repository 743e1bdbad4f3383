/** Claims of an attestation (docs/protocol.md, sections 5, 10, 11 and 14). */

import { DIGEST_BYTES } from '../encoding/hashing.ts';
import { Field, type Fields } from '../json/fields.ts';
import type { AccountsClaim, BookClaim, Claim, SolvencyClaim } from '../types.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;
const MAX_SHOWN_KIND = 40;
const MAX_BATCHES = 65_536;
const MAX_RATIO = 1_000_000;
const ACCOUNTS_FIELDS = ['kind', 'name', 'model', 'statement', 'batches'];
const BOOK_FIELDS = ['kind', 'name', 'model', 'market', 'statement'];
const SOLVENCY_FIELDS = ['kind', 'name', 'reserves', 'ratio', 'totals', 'statement'];

export const PROOF_FOLDER = 'proofs/';

/** Claims in order of their names, over these files. */
export function readClaims(field: Field, fileNames: ReadonlySet<string>): Claim[] {
  const claims = field.list(0, fileNames.size + 1).map((entry) => readClaim(entry, fileNames));
  claims.forEach((claim, i) => {
    const before = claims[i - 1];
    if (before !== undefined && before.name >= claim.name) {
      throw field.error(`claim '${claim.name}' stands after '${before.name}'`);
    }
  });
  checkProofFiles(field, claims, fileNames);
  return claims;
}

/** Every file under proofs/ belongs to exactly one claim, and no claim lacks one. */
function checkProofFiles(field: Field, claims: readonly Claim[], fileNames: ReadonlySet<string>): void {
  const owners = new Map<string, string>();
  for (const claim of claims) {
    for (const name of proofFiles(claim)) {
      const owner = owners.get(name);
      if (owner !== undefined) {
        throw field.error(`'${name}' is a proof of '${owner}' and of '${claim.name}'`);
      }
      if (!fileNames.has(name)) {
        throw field.error(`claim '${claim.name}': '${name}' is not listed in files`);
      }
      owners.set(name, claim.name);
    }
  }
  for (const name of fileNames) {
    if (name.startsWith(PROOF_FOLDER) && !owners.has(name)) {
      throw field.error(`'${name}' belongs to no claim`);
    }
  }
}

export function proofFiles(claim: Claim): string[] {
  if (claim.kind !== 'accounts') {
    return [singleProofFile(claim.name)];
  }
  return Array.from({ length: claim.batches }, (_, i) => batchProofFile(claim.name, i));
}

/** The proof of a claim that has one alone. */
export function singleProofFile(claimName: string): string {
  return `${PROOF_FOLDER}${claimName}.narg`;
}

export function batchProofFile(claimName: string, batchIndex: number): string {
  return `${PROOF_FOLDER}${claimName}-${String(batchIndex).padStart(6, '0')}.narg`;
}

function readClaim(entry: Field, fileNames: ReadonlySet<string>): Claim {
  const kind = new Field(entry.object().get('kind') ?? null, `${entry.path}.kind`);
  switch (kind.text()) {
    case 'accounts':
      return readAccounts(entry, fileNames);
    case 'book':
      return readBookClaim(entry, (field) => readFileName(field, fileNames));
    case 'solvency':
      return readSolvency(entry, fileNames);
    default:
      // Never passed over: what nobody checked would look like something that was.
      throw kind.error(
        `claims of the kind '${kind.text().slice(0, MAX_SHOWN_KIND)}' are not known: this verifier is too old for them, or they are wrong`,
      );
  }
}

/** A claim about the whole book; `readFile` reads the name of a document. */
export function readBookClaim(entry: Field, readFile: (field: Field) => string): BookClaim {
  const fields = entry.record(BOOK_FIELDS, ['signatures']);
  fields.get('kind').constant('book');
  const signatures = fields.optional('signatures', readFile);
  return {
    kind: 'book',
    name: readName(fields),
    model: readFile(fields.get('model')),
    market: readFile(fields.get('market')),
    ...(signatures === undefined ? {} : { signatures }),
    statement: fields.get('statement').hex(DIGEST_BYTES),
  };
}

function readAccounts(entry: Field, fileNames: ReadonlySet<string>): AccountsClaim {
  const fields = entry.record(ACCOUNTS_FIELDS, ['market', 'signatures']);
  fields.get('kind').constant('accounts');
  const market = fields.optional('market', (field) => readFileName(field, fileNames));
  const signatures = fields.optional('signatures', (field) => readFileName(field, fileNames));
  if (signatures !== undefined && market === undefined) {
    throw entry.error("'signatures' are of a market, and there is none");
  }
  return {
    kind: 'accounts',
    name: readName(fields),
    model: readFileName(fields.get('model'), fileNames),
    ...(market === undefined ? {} : { market }),
    ...(signatures === undefined ? {} : { signatures }),
    statement: fields.get('statement').hex(DIGEST_BYTES),
    batches: fields.get('batches').integer(1, MAX_BATCHES),
  };
}

function readSolvency(entry: Field, fileNames: ReadonlySet<string>): SolvencyClaim {
  return readSolvencyClaim(entry, (field) => readFileName(field, fileNames));
}

/** A claim about reserves; `readFile` reads the name of a document. */
export function readSolvencyClaim(entry: Field, readFile: (field: Field) => string): SolvencyClaim {
  const fields = entry.record(SOLVENCY_FIELDS, ['totals_file']);
  fields.get('kind').constant('solvency');
  const totals = fields.get('totals').oneOf(['hidden', 'public']);
  if (fields.has('totals_file') !== (totals === 'public')) {
    throw entry.error("'totals_file' goes with public totals, and only with them");
  }
  const totalsFile = fields.optional('totals_file', readFile);
  return {
    kind: 'solvency',
    name: readName(fields),
    reserves: readFile(fields.get('reserves')),
    ratio: readRatio(fields.get('ratio')),
    totals,
    ...(totalsFile === undefined ? {} : { totalsFile }),
    statement: fields.get('statement').hex(DIGEST_BYTES),
  };
}

function readName(fields: Fields): string {
  const field = fields.get('name');
  const name = field.text();
  if (!NAME.test(name)) {
    throw field.error(`'${name}' is not the name of a claim`);
  }
  return name;
}

function readFileName(field: Field, fileNames: ReadonlySet<string>): string {
  const name = field.text();
  if (!fileNames.has(name)) {
    throw field.error(`'${name}' is not listed in files`);
  }
  return name;
}

function readRatio(field: Field): SolvencyClaim['ratio'] {
  const fields = field.record(['numerator', 'denominator']);
  const numerator = fields.get('numerator').integer(1, MAX_RATIO);
  const denominator = fields.get('denominator').integer(1, MAX_RATIO);
  if (greatestCommonDivisor(numerator, denominator) !== 1) {
    throw field.error('is not in lowest terms');
  }
  if (numerator < denominator) {
    throw field.error('is below 1');
  }
  return { numerator, denominator };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
