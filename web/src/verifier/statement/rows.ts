/** The rows that simple models are made of (docs/statements.md, section 6). */

import { absolute, AMOUNT_LIMIT, type LinearTerm, type Row, type Statement } from './statement.ts';

/** Largest amount of a position. */
export const LARGEST_AMOUNT = AMOUNT_LIMIT - 1n;

/** 0 <= q_a < 2^63 */
export function nonNegativeRow(asset: number): Row {
  return positionRow(asset, 0n, 63);
}

/** 0 <= q_a + 2^63 < 2^64 */
export function boundedRow(asset: number): Row {
  return positionRow(asset, AMOUNT_LIMIT, 64);
}

/** 0 <= q_a + b < 2^w */
export function positionRow(asset: number, constant: bigint, width: number): Row {
  return { width, constant, positions: [{ index: asset, coefficient: 1n }], auxiliaries: [] };
}

/** The smallest width that holds 0 .. value; at least 1, since a row of width 0 is an equation. */
export function widthOf(value: bigint): number {
  return value.toString(2).length;
}

/** The only position of a row 0 <= +-q_a + b < 2^w, with the interval that the row keeps it in; undefined for other rows. */
export function rangeOf(
  row: Row,
): { readonly asset: number; readonly low: bigint; readonly high: bigint } | undefined {
  const [term, ...others] = row.positions;
  if (
    term === undefined ||
    others.length > 0 ||
    row.auxiliaries.length > 0 ||
    absolute(term.coefficient) !== 1n
  ) {
    return undefined;
  }
  const [low, high] = [-row.constant, (1n << BigInt(row.width)) - 1n - row.constant];
  return term.coefficient === 1n
    ? { asset: term.index, low, high }
    : { asset: term.index, low: -high, high: -low };
}

/** A range row keeps q_a within +-2^63. */
export function isKeptInRange(row: Row, asset: number): boolean {
  const range = rangeOf(row);
  return range?.asset === asset && range.low >= -AMOUNT_LIMIT && range.high <= AMOUNT_LIMIT;
}

/** A range row keeps q_a from being negative. */
export function isKeptNonNegative(row: Row, asset: number): boolean {
  const range = rangeOf(row);
  return range?.asset === asset && range.low >= 0n && range.high <= AMOUNT_LIMIT;
}

export function uses(terms: readonly LinearTerm[], index: number): boolean {
  return terms.some((term) => term.index === index);
}

/** A statement in formulas, in base units: `0 <= 6500012 BTC + 300050 ETH < 2^90`. */
export function describeRows(statement: Statement): string[] {
  return statement.rows.map((row) => {
    const terms = [
      ...row.positions.map(({ index, coefficient }) => ({
        coefficient,
        name: statement.assets[index]?.id ?? '',
      })),
      ...row.auxiliaries.map(({ index, coefficient }) => ({ coefficient, name: `x${index}` })),
      ...(row.constant === 0n ? [] : [{ coefficient: row.constant, name: '' }]),
    ];
    const sum = terms.length === 0 ? '0' : terms.map(describeTerm).join('');
    return row.width === 0 ? `${sum} = 0` : `0 <= ${sum} < 2^${row.width}`;
  });
}

function describeTerm(term: { coefficient: bigint; name: string }, place: number): string {
  const negative = term.coefficient < 0n;
  const sign = place === 0 ? (negative ? '-' : '') : negative ? ' - ' : ' + ';
  const size = absolute(term.coefficient);
  if (term.name === '') {
    return `${sign}${size === AMOUNT_LIMIT ? '2^63' : size.toString()}`;
  }
  return `${sign}${size === 1n ? '' : `${size.toString()} `}${term.name}`;
}
