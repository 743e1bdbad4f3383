/** Statements about the totals of a book (docs/protocol.md, section 14). */

import { GROUP_ORDER } from '../curve/scalar.ts';
import { FormError } from '../errors.ts';
import { LARGEST_AMOUNT, widthOf } from './rows.ts';
import { largestDifference, type Row, type Statement } from './statement.ts';

/**
 * The assets whose totals a statement uses, after checking that it makes each of them an integer and that no row wraps.
 *
 *     U leaves,  B = U (2^63 - 1),  t = bit length of 2 B;  every auxiliary variable has t bits
 *
 *     0 <= T_a + d_a < 2^t   or   0 <= T_a + B < 2^t                       for each T_a that is used: |T_a| < 2^t
 *     sum |A_T| 2^t + sum |A_x| 2^(w_x) + |b| + 2^w < r                    for each row
 *
 * With this a statement says something about integers whoever compiled it.
 */
export function usedTotals(statement: Statement, leafCount: number): readonly number[] {
  const { rows, auxiliaryWidths } = statement;
  const B = BigInt(leafCount) * LARGEST_AMOUNT;
  const t = widthOf(2n * B);
  const odd = auxiliaryWidths.find((width) => width !== t);
  if (odd !== undefined) {
    throw new FormError(`a variable has ${odd} bits: for ${leafCount} leaves they have ${t}`);
  }
  const used = [...new Set(rows.flatMap(({ positions }) => positions.map(({ index }) => index)))];
  for (const asset of used) {
    if (!rows.some((row) => keepsInteger(row, asset, B, t))) {
      const id = statement.assets[asset]?.id ?? '';
      throw new FormError(`nothing makes the total of '${id}' of ${leafCount} leaves an integer`);
    }
  }
  rows.forEach((row, i) => {
    if (largestDifference(row, auxiliaryWidths, () => 1n << BigInt(t)) >= GROUP_ORDER) {
      throw new FormError(`row ${i} can wrap around modulo the group order`);
    }
  });
  return used.sort((a, b) => a - b);
}

function keepsInteger(row: Row, asset: number, B: bigint, t: number): boolean {
  const [term, ...otherTerms] = row.positions;
  const [part, ...otherParts] = row.auxiliaries;
  if (
    row.width !== t ||
    term?.index !== asset ||
    term.coefficient !== 1n ||
    otherTerms.length + otherParts.length > 0
  ) {
    return false;
  }
  return part === undefined ? row.constant === B : part.coefficient === 1n && row.constant === 0n;
}
