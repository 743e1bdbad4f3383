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

export interface Documents {
  readonly model: Uint8Array;
  readonly market?: Uint8Array;
  /** Canonical form, for models that are not compiled here. */
  readonly statement?: Uint8Array;
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
  if (documents.statement === undefined) {
    throw new VerificationError(
      check,
      `models of kind '${kind}' are not compiled here: give the compiled statement, from a source you trust`,
      'statement',
    );
  }
  const given = parseStatement(documents.statement);
  checkAssets(given, assets);
  return finished(given, 'given', scope);
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
