/** Integer base units as text for people: exact, never through floating point. */

/** U+2212, as wide as a digit; a hyphen is easily overlooked before a debt. */
export const MINUS = '\u2212';

/**
 * `units` base units of 10^-decimals as decimal text, thousands set off, superfluous zeros left out.
 *
 * formatAmount(-150000000n, 8) is "−1.5"; formatAmount(1234567n, 0) is "1,234,567".
 */
export function formatAmount(units: bigint, decimals: number): string {
  if (!Number.isInteger(decimals) || decimals < 0)
    throw new RangeError('decimals is not a whole number from 0');
  const size = units < 0n ? -units : units;
  const digits = size.toString().padStart(decimals + 1, '0');
  const whole = groupThousands(digits.slice(0, digits.length - decimals));
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return (units < 0n ? MINUS : '') + whole + (fraction === '' ? '' : `.${fraction}`);
}

/** "1234567" as "1,234,567"; digits only. */
export function groupThousands(digits: string): string {
  return digits.replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** A whole number as text, thousands set off. */
export function formatCount(count: number | bigint): string {
  return groupThousands(count.toString());
}

/**
 * How large `part` is of `whole`, from 0 to 1, for the length of a bar: never 0 for something, never 1 for less than all.
 *
 * The one place where an amount becomes a floating-point number; nothing is decided by it.
 */
export function barShare(part: bigint, whole: bigint): number {
  if (part <= 0n || whole <= 0n) return 0;
  if (part >= whole) return 1;
  const thousandths = Number((part * 1000n) / whole);
  return Math.min(Math.max(thousandths, 4), 996) / 1000;
}

/** 65536 as "64 KiB"; rounded up, for telling a size that is too large. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let size = bytes / 1024;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size < 10 ? Math.ceil(size * 10) / 10 : groupThousands(Math.ceil(size).toString())} ${units[unit]}`;
}
