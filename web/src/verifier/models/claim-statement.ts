/**
 * The statement of a claim or certificate: compiled here from its documents, or, for margin models, given in canonical
 * form by the user.
 */

import { toHex } from '../encoding/bytes.ts';
import { FormError, VerificationError } from '../errors.ts';
import { encodeStatement, parseStatement, statementDigest } from '../statement/canonical.ts';
import { notIntegral } from '../statement/integrality.ts';
import { describeRows } from '../statement/rows.ts';
import { bitsOf, type Statement } from '../statement/statement.ts';
import type { Asset, StatementSummary } from '../types.ts';
import { compileModel, marginKind, type Scope } from './model.ts';

/** The one kind about the sum of all accounts (docs/models/balanced-book.md). */
export const WHOLE_BOOK_KIND = 'balanced-book';

export interface Documents {
  readonly model: Uint8Array;
  readonly market?: Uint8Array;
  /** Canonical form, for models that are not compiled here. */
  readonly statement?: Uint8Array;
}

/** What a statement that was given, not compiled, leaves open. */
export const GIVEN_WORDS =
  'they were taken from the compiled statement that you added; that model and market say this was not computed here: ' +
  '`sealedbook model compile` makes the statement from them';

/** What was proven, to follow "satisfies". */
export function statementWords({ summary }: ClaimStatement): string {
  return summary.source === 'given'
    ? "the compiled statement that you added, which is claimed to be the model's"
    : 'the statement';
}

export interface ClaimStatement {
  readonly statement: Statement;
  readonly digest: Uint8Array;
  readonly summary: StatementSummary;
  /** Why the rows do not hold over the integers for each account alone; undefined if they do. */
  readonly notIntegral: string | undefined;
}

export function claimStatement(
  check: string,
  documents: Documents,
  assets: readonly Asset[],
  scope: Scope,
): ClaimStatement {
  const kind = marginKind(documents.model);
  if (kind === undefined) {
    return finished(compileModel(documents.model, documents.market, assets, scope), 'compiled', scope);
  }
  if (kind === WHOLE_BOOK_KIND) {
    throw new FormError(`models of kind '${kind}' are about the sum of all accounts, not about an account`);
  }
  const given = givenStatement(check, kind, documents.statement, assets);
  return finished(given, 'given', scope);
}

/** The statement in canonical form that the user gave, for the assets of a book. */
export function givenStatement(
  check: string,
  kind: string,
  canonical: Uint8Array | undefined,
  assets: readonly Asset[],
): Statement {
  if (canonical === undefined) {
    throw new VerificationError(
      check,
      `models of kind '${kind}' are not compiled here: give the compiled statement, from a source you trust`,
      'statement',
    );
  }
  const given = parseStatement(canonical);
  checkAssets(given, assets);
  return given;
}

/**
 * Of the statements that the user gave, the one for a claim: with the digest claimed; or else one that is not of another
 * claim, so that a statement that the user compiled is compared, and fails, if it is not what was claimed.
 */
export function chosenStatement(
  given: readonly Uint8Array[],
  claimed: string,
  othersClaimed: readonly string[] = [],
): Uint8Array | undefined {
  const digests = given.map((canonical) => toHex(statementDigest(canonical)));
  const own = given.find((_, i) => digests[i] === claimed);
  return own ?? given.find((_, i) => !othersClaimed.includes(digests[i] ?? ''));
}

function finished(statement: Statement, source: StatementSummary['source'], scope: Scope): ClaimStatement {
  const reason = notIntegral(statement);
  if (scope === 'account' && reason !== undefined) {
    throw new FormError(`the statement says nothing about one account: ${reason}`);
  }
  const digest = statementDigest(encodeStatement(statement));
  return { statement, digest, summary: summaryOf(statement, digest, source), notIntegral: reason };
}

export function summaryOf(
  statement: Statement,
  digest: Uint8Array,
  source: StatementSummary['source'],
): StatementSummary {
  const formulas = describeRows(statement);
  return {
    digest: toHex(digest),
    source,
    rows: statement.rows.map(({ width }, i) => ({ formula: formulas[i] ?? '', width })),
    auxiliaryVariables: statement.auxiliaryWidths.length,
    bits: bitsOf(statement),
  };
}

function checkAssets(statement: Statement, assets: readonly Asset[]): void {
  const same =
    statement.assets.length === assets.length &&
    assets.every(({ id, decimals }, i) => {
      const other = statement.assets[i];
      return other?.id === id && other.decimals === decimals;
    });
  if (!same) {
    throw new FormError('the statement given is about other assets than the book has');
  }
}
