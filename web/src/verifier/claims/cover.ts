/** What the totals of an asset rest on (docs/protocol.md, section 10, "What it rests on"). */

import { isKeptNonNegative, uses } from '../statement/rows.ts';
import type { Row, Statement } from '../statement/statement.ts';
import { integerBounds } from '../statement/integrality.ts';
import type { Level } from '../types.ts';

export interface Cover {
  readonly level: Level;
  readonly words: string;
}

/** A claim about every account that was verified. */
export interface ProvenStatement {
  readonly statement: Statement;
  /** The user insists on model and market, and the rows were compiled here. */
  readonly agreed: boolean;
}

export const UNKNOWN_COVER: Cover = {
  level: 'not-proven',
  words: 'nothing was checked about every account, so made-up debts could lower the total',
};

const RANK: readonly Level[] = ['not-proven', 'claimed', 'recomputed', 'proven'];

/** The best that any of the claims shows of the asset. `reserved` are the assets that reserves are stated for. */
export function coverOf(
  place: number,
  proven: readonly ProvenStatement[],
  reserved: ReadonlySet<number>,
): Cover {
  return proven
    .map((claim) => coverBy(place, claim, reserved))
    .reduce(
      (best, cover) => (RANK.indexOf(cover.level) > RANK.indexOf(best.level) ? cover : best),
      UNKNOWN_COVER,
    );
}

function coverBy(
  place: number,
  { statement, agreed }: ProvenStatement,
  reserved: ReadonlySet<number>,
): Cover {
  if (statement.rows.some((row) => isKeptNonNegative(row, place))) {
    return { level: 'proven', words: 'no account is below zero' };
  }
  const bounds = integerBounds(statement);
  const rows = statement.rows.filter(
    (row) =>
      uses(row.positions, place) &&
      isNetValueRow(row) &&
      row.positions.every(({ index }) => bounds.has(index)),
  );
  if (rows.some((row) => row.positions.every(({ index }) => reserved.has(index)))) {
    return agreed
      ? { level: 'proven', words: 'debts are outweighed at the prices that you gave' }
      : { level: 'claimed', words: "debts are outweighed at the issuer's own prices" };
  }
  return {
    level: 'not-proven',
    words:
      rows.length > 0
        ? 'something that is counted against debts has no reserves, so a made-up account could set it against a made-up debt'
        : 'nothing shows that debts are outweighed, so made-up debts could lower the total',
  };
}

/**
 * sum_k p_k q_k - (auxiliary variables) + b >= 0 with all p_k > 0 and b <= 0: then sum_k p_k q_k >= 0. Sums of several
 * rows can show the same; they are not looked for here, and the report then says less than it could.
 */
function isNetValueRow({ width, constant, positions, auxiliaries }: Row): boolean {
  return (
    width > 0 &&
    constant <= 0n &&
    positions.every(({ coefficient }) => coefficient > 0n) &&
    auxiliaries.every(({ coefficient }) => coefficient < 0n)
  );
}
