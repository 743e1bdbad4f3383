/** Which positions a statement makes true integers (docs/statements.md, section 2). */

import { GROUP_ORDER } from '../curve/scalar.ts';
import { absolute, AMOUNT_LIMIT, largestDifference, type Row, type Statement } from './statement.ts';

/**
 * Bounds on abs(q_a) by index, for the positions that the rows make integers: a row that has q_a with coefficient 1 or -1
 * and beside it auxiliary variables and positions that are integers already gives q_a = +-(value - A_x x - A_q q - b).
 */
export function integerBounds(statement: Statement): ReadonlyMap<number, bigint> {
  const bounds = new Map<number, bigint>();
  let found = true;
  while (found) {
    found = false;
    for (const row of statement.rows) {
      const [open, ...others] = row.positions.filter(({ index }) => !bounds.has(index));
      if (open === undefined || others.length > 0 || absolute(open.coefficient) !== 1n) {
        continue;
      }
      const bound = boundFrom(row, statement, open.index, bounds);
      // Two integers that agree modulo r are one if they cannot differ by r.
      if (2n * bound < GROUP_ORDER) {
        bounds.set(open.index, bound);
        found = true;
      }
    }
  }
  for (const row of statement.rows) {
    tighten(row, bounds);
  }
  return bounds;
}

function boundFrom(
  row: Row,
  statement: Statement,
  index: number,
  bounds: ReadonlyMap<number, bigint>,
): bigint {
  return largestDifference(row, statement.auxiliaryWidths, (other) =>
    other === index ? 0n : (bounds.get(other) ?? AMOUNT_LIMIT),
  );
}

/** A range row says more than the sum of its parts. */
function tighten(row: Row, bounds: Map<number, bigint>): void {
  const [term, ...others] = row.positions;
  if (
    term === undefined ||
    others.length > 0 ||
    row.auxiliaries.length > 0 ||
    absolute(term.coefficient) !== 1n
  ) {
    return;
  }
  const high = absolute((1n << BigInt(row.width)) - 1n - row.constant);
  const low = absolute(row.constant);
  const bound = low > high ? low : high;
  if (bound < (bounds.get(term.index) ?? GROUP_ORDER)) {
    bounds.set(term.index, bound);
  }
}

/**
 * Every position that some row uses is an integer, and with these integers no row can wrap around modulo r: then the rows
 * hold over the integers for each account alone. Returns what is amiss, or undefined.
 */
export function notIntegral(statement: Statement): string | undefined {
  const bounds = integerBounds(statement);
  for (const [i, row] of statement.rows.entries()) {
    const open = row.positions.find(({ index }) => !bounds.has(index));
    if (open !== undefined) {
      return `nothing makes the position in '${statement.assets[open.index]?.id ?? ''}' an integer`;
    }
    const size = largestDifference(
      row,
      statement.auxiliaryWidths,
      (index) => bounds.get(index) ?? AMOUNT_LIMIT,
    );
    if (size >= GROUP_ORDER) {
      return `row ${i} can wrap around with the positions that the rows allow`;
    }
  }
  return undefined;
}
