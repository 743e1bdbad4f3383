/** Sizes of a proof (docs/protocol-proofs.md, section 1). All of them come from the verifier's own side. */

import { FormError } from '../errors.ts';
import { POINT_BYTES } from '../curve/point.ts';
import { SCALAR_BYTES } from '../curve/scalar.ts';
import { bitsOf, type Statement } from '../statement/statement.ts';

const MAX_VARIABLES = 32;
const MAX_ROW_VARIABLES = 20;
const MAX_FOLDING_ROUNDS = 10;
/** Cells of a batch at most, and accounts. */
const MAX_BATCH_CELLS = 2 ** 27;
const MAX_BATCH_ACCOUNTS = 2 ** 15;

export interface Shape {
  /** U */
  readonly accounts: number;
  /** W */
  readonly bits: number;
  /** A */
  readonly assets: number;
  /** l: the smallest integer with 2^l >= U */
  readonly accountVariables: number;
  /** p: the smallest integer with 2^p >= max(2, W) */
  readonly bitVariables: number;
  /** n = l + p */
  readonly variables: number;
  /** rho */
  readonly rowVariables: number;
  /** f */
  readonly foldingRounds: number;
  /** Which rows of the table are sent, by index; N of them. */
  readonly sentRows: readonly number[];
  /** len = R + A + 2n + 3 */
  readonly length: number;
  /** m' = ceil(len / 2^f) */
  readonly responses: number;
  /** Of the proof. */
  readonly proofBytes: number;
}

interface Choice {
  readonly rowVariables: number;
  readonly foldingRounds: number;
}

export function shapeOf(statement: Statement, accounts: number, choice: Choice): Shape {
  const { rowVariables, foldingRounds } = choice;
  const bits = bitsOf(statement);
  const accountVariables = ceilLog2(accounts);
  const bitVariables = bitVariablesOf(bits);
  const variables = accountVariables + bitVariables;
  const length = 2 ** rowVariables + statement.assets.length + 2 * variables + 3;
  if (
    accounts < 1 ||
    variables > MAX_VARIABLES ||
    rowVariables > Math.min(variables, MAX_ROW_VARIABLES) ||
    foldingRounds > MAX_FOLDING_ROUNDS ||
    2 ** foldingRounds > length
  ) {
    throw new FormError('sizes are out of range');
  }
  const sentRows = rowsSent(accounts, bits, bitVariables, rowVariables);
  const responses = Math.ceil(length / 2 ** foldingRounds);
  const proofBytes =
    POINT_BYTES * (sentRows.length + 2 + 2 * foldingRounds) +
    SCALAR_BYTES * (2 * variables + 2 + 2 + responses);
  return {
    accounts,
    bits,
    assets: statement.assets.length,
    accountVariables,
    bitVariables,
    variables,
    rowVariables,
    foldingRounds,
    sentRows,
    length,
    responses,
    proofBytes,
  };
}

/** The rows that hold some cell with u < U and k < W. */
function rowsSent(accounts: number, bits: number, bitVariables: number, rowVariables: number): number[] {
  const [R, P] = [2 ** rowVariables, 2 ** bitVariables];
  if (R >= P) {
    return bits === 0 ? [] : Array.from({ length: Math.ceil((accounts * P) / R) }, (_, i) => i);
  }
  const used = Math.ceil(bits / R);
  return Array.from({ length: accounts * used }, (_, i) => Math.floor(i / used) * (P / R) + (i % used));
}

/** U = 1: rho = min(p, ceil(p/2) + 1), and f of 4 .. 7 for the shortest proof. */
export function certificateShape(statement: Statement): Shape {
  const p = bitVariablesOf(bitsOf(statement));
  const rowVariables = Math.min(p, Math.ceil(p / 2) + 1);
  const length = 2 ** rowVariables + statement.assets.length + 2 * p + 3;
  const shapes = [4, 5, 6, 7]
    .filter((f) => 2 ** f <= length)
    .map((foldingRounds) => shapeOf(statement, 1, { rowVariables, foldingRounds }));
  const [first, ...others] = shapes;
  if (first === undefined) {
    return shapeOf(statement, 1, { rowVariables, foldingRounds: 0 });
  }
  return others.reduce((best, shape) => (shape.proofBytes < best.proofBytes ? shape : best), first);
}

/** rho = min(n, max(12, min(14, max(p, ceil(n/2))))) and f = 2. */
export function batchShape(statement: Statement, accounts: number): Shape {
  const p = bitVariablesOf(bitsOf(statement));
  const n = p + ceilLog2(accounts);
  const rowVariables = Math.min(n, Math.max(12, Math.min(14, Math.max(p, Math.ceil(n / 2)))));
  return shapeOf(statement, accounts, { rowVariables, foldingRounds: 2 });
}

/** Leaves of a batch: min(n, 2^15, max(1, floor(2^27 / P))) (docs/protocol.md, section 11). */
export function batchSize(statement: Statement, leaves: number): number {
  const P = 2 ** bitVariablesOf(bitsOf(statement));
  return Math.min(leaves, MAX_BATCH_ACCOUNTS, Math.max(1, Math.floor(MAX_BATCH_CELLS / P)));
}

function bitVariablesOf(bits: number): number {
  return Math.max(1, ceilLog2(bits));
}

/** The smallest k >= 0 with 2^k >= value. */
function ceilLog2(value: number): number {
  let k = 0;
  while (2 ** k < value) {
    k += 1;
  }
  return k;
}
