/** What a random combination of the rows of a statement comes to, in terms of bits and positions. */

import { GROUP_ORDER, reduce } from '../curve/scalar.ts';
import type { Statement } from './statement.ts';

const r = GROUP_ORDER;

/**
 * With weights alpha^1 .. alpha^m on the rows (docs/statements.md, section 4)
 *
 *     sum_i alpha^i (value_i - A_x[i] x - A_q[i] q - b_i) = sum_k lambda_k b_k - <c, q> - kappa    (mod r)
 */
export interface Weights {
  /**
   * lambda, as one factor and one width for each row and variable in the order of their bits: lambda_k = factor 2^j for
   * the j-th bit of a row or variable.
   */
  readonly bits: readonly { readonly factor: bigint; readonly width: number }[];
  /** c, for all assets. */
  readonly positions: readonly bigint[];
  /** kappa. */
  readonly constant: bigint;
}

export function linearWeights(statement: Statement, alpha: bigint): Weights {
  const positions = statement.assets.map(() => 0n);
  const auxiliaries = statement.auxiliaryWidths.map(() => 0n);
  const rows: { factor: bigint; width: number }[] = [];
  let kappa = 0n;
  let power = 1n;
  for (const row of statement.rows) {
    power = (power * alpha) % r;
    rows.push({ factor: power, width: row.width });
    for (const { index, coefficient } of row.positions) {
      positions[index] = reduce((positions[index] ?? 0n) + power * coefficient);
    }
    for (const { index, coefficient } of row.auxiliaries) {
      auxiliaries[index] = reduce((auxiliaries[index] ?? 0n) - power * coefficient);
    }
    kappa = reduce(kappa + power * row.constant);
  }
  const variables = statement.auxiliaryWidths.map((width, v) => ({ factor: auxiliaries[v] ?? 0n, width }));
  return { bits: [...rows, ...variables], positions, constant: kappa };
}
