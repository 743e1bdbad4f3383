/** Statements: integer linear rows over positions and auxiliary integers (docs/statements.md, sections 1 and 2). */

import { GROUP_ORDER } from '../curve/scalar.ts';
import { FormError } from '../errors.ts';
import type { Asset } from '../types.ts';

/** `coefficient` times the position or auxiliary variable with this index. */
export interface LinearTerm {
  readonly index: number;
  readonly coefficient: bigint;
}

/** 0 <= A_q q + A_x x + b < 2^w; an equation if w = 0. */
export interface Row {
  readonly width: number;
  readonly constant: bigint;
  readonly positions: readonly LinearTerm[];
  readonly auxiliaries: readonly LinearTerm[];
}

export interface Statement {
  readonly assets: readonly Asset[];
  readonly rows: readonly Row[];
  /** Widths of the auxiliary variables: 0 <= x < 2^w. */
  readonly auxiliaryWidths: readonly number[];
}

export const MAX_ASSETS = 65_536;
export const MAX_ROWS = 65_536;
export const MAX_AUXILIARIES = 65_536;
export const MAX_BITS = 8_388_608;
export const MAX_WIDTH = 120;
/** Positions are below this in absolute value. */
export const AMOUNT_LIMIT = 1n << 63n;

/** Sum of all widths. */
export function bitsOf(statement: Statement): number {
  const rows = statement.rows.reduce((sum, { width }) => sum + width, 0);
  return statement.auxiliaryWidths.reduce((sum, width) => sum + width, rows);
}

/** Checks all that makes a statement one, and returns it. Throws FormError that begins with the code of the check. */
export function checked(statement: Statement): Statement {
  const { assets, rows, auxiliaryWidths } = statement;
  if (rows.length + auxiliaryWidths.length === 0) {
    throw new FormError('empty: no rows and no variables');
  }
  if (rows.length > MAX_ROWS || auxiliaryWidths.length > MAX_AUXILIARIES || bitsOf(statement) > MAX_BITS) {
    throw new FormError('limit: too many rows, variables or bits');
  }
  checkAssets(assets);
  for (const width of auxiliaryWidths) {
    if (width < 1 || width > MAX_WIDTH) {
      throw new FormError(`width: variable of width ${width}`);
    }
  }
  rows.forEach((row, i) => {
    checkRow(row, statement, `row ${i}`);
  });
  return statement;
}

function checkAssets(assets: readonly Asset[]): void {
  if (assets.length < 1 || assets.length > MAX_ASSETS) {
    throw new FormError(`assets: ${assets.length} assets`);
  }
  const seen = new Map<string, number>();
  assets.forEach(({ id }, i) => {
    const before = seen.get(id);
    if (before !== undefined) {
      throw new FormError(`assets: '${id}' is already asset ${before}`);
    }
    seen.set(id, i);
  });
}

function checkRow(row: Row, statement: Statement, what: string): void {
  if (row.width < 0 || row.width > MAX_WIDTH) {
    throw new FormError(`width: ${what} has width ${row.width}`);
  }
  checkTerms(row.positions, statement.assets.length, what);
  checkTerms(row.auxiliaries, statement.auxiliaryWidths.length, what);
  if (largestDifference(row, statement.auxiliaryWidths, () => AMOUNT_LIMIT) >= GROUP_ORDER) {
    throw new FormError(`wrap: ${what} can wrap around modulo the group order`);
  }
}

function checkTerms(terms: readonly LinearTerm[], count: number, what: string): void {
  let last = -1;
  for (const { index, coefficient } of terms) {
    if (index < 0 || index >= count) {
      throw new FormError(`index-range: ${what} has index ${index} of ${count}`);
    }
    if (index <= last) {
      throw new FormError(`index-order: ${what} has index ${index} after ${last}`);
    }
    if (coefficient === 0n) {
      throw new FormError(`zero-coefficient: ${what} at index ${index}`);
    }
    last = index;
  }
}

/** sum |A_q| bound(q) + sum |A_x| 2^{w_x} + |b| + 2^w: what the two sides of the row can differ by at most. */
export function largestDifference(
  row: Row,
  auxiliaryWidths: readonly number[],
  positionBound: (index: number) => bigint,
): bigint {
  let sum = absolute(row.constant) + (1n << BigInt(row.width));
  for (const { index, coefficient } of row.positions) {
    sum += absolute(coefficient) * positionBound(index);
  }
  for (const { index, coefficient } of row.auxiliaries) {
    sum += absolute(coefficient) << BigInt(auxiliaryWidths[index] ?? 0);
  }
  return sum;
}

export function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}
