/** Plain decimal text: `-1.5`, no exponent, no `+`, no superfluous zeros. */

import { FormError } from '../errors.ts';

/** A number as digits and how many of them stand behind the point. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

const PLAIN = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/;
/** Longer texts are no amount or price of any document. */
const MAX_CHARACTERS = 200;

/** Plain text; `-0` is refused, zeros at the end of the fraction are allowed. */
export function parseDecimal(text: string, what: string): Decimal {
  if (text.length > MAX_CHARACTERS || !PLAIN.test(text)) {
    throw new FormError(`${what}: is not a plain decimal number`);
  }
  const [whole = '', fraction = ''] = text.split('.');
  const digits = BigInt(whole + fraction);
  if (digits === 0n && text.startsWith('-')) {
    throw new FormError(`${what}: zero has no sign`);
  }
  return { digits, scale: fraction.length };
}

/** Plain text without superfluous zeros. */
export function parseCanonicalDecimal(text: string, what: string): Decimal {
  const value = parseDecimal(text, what);
  if (value.scale > 0 && text.endsWith('0')) {
    throw new FormError(`${what}: has superfluous zeros`);
  }
  return value;
}

/** `value` in units of 10^-decimals, which has to be an integer. */
export function inUnits(value: Decimal, decimals: number, what: string): bigint {
  if (decimals >= value.scale) {
    return value.digits * 10n ** BigInt(decimals - value.scale);
  }
  const divisor = 10n ** BigInt(value.scale - decimals);
  if (value.digits % divisor !== 0n) {
    throw new FormError(`${what}: is not a multiple of 10^-${decimals}`);
  }
  return value.digits / divisor;
}

/** Base units as decimal text in whole units, without superfluous zeros. */
export function formatUnits(units: bigint, decimals: number): string {
  const magnitude = units < 0n ? -units : units;
  const digits = magnitude.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}
