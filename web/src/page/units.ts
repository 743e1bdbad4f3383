/** Decimal text of the verifier, in whole units, for showing and for comparing lengths. */

import { MINUS, groupThousands } from './amounts.ts';

/** "-1234.5" as "−1,234.5". The text is kept digit for digit. */
export function groupDecimal(text: string): string {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(\.\d+)?$/.exec(text) ?? [];
  return whole === '' ? text : (sign === '' ? '' : MINUS) + groupThousands(whole) + fraction;
}

/** "1.5" with 8 decimals as 150000000n; 0n for text that is no such number, which only shortens a bar. */
export function baseUnits(text: string, decimals: number): bigint {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === '' || fraction.length > decimals) return 0n;
  const units = BigInt(whole + fraction.padEnd(decimals, '0'));
  return sign === '' ? units : -units;
}
