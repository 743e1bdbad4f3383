import { describe, expect, it } from 'vitest';
import { MINUS } from './amounts.ts';
import { baseUnits, groupDecimal } from './units.ts';

describe('decimal text', () => {
  it.each([
    ['0', '0'],
    ['1234567.000000000000000001', '1,234,567.000000000000000001'],
    ['-1000', `${MINUS}1,000`],
    ['0.1', '0.1'],
    ['not a number', 'not a number'],
  ])('%s is shown as %s', (text, shown) => {
    expect(groupDecimal(text)).toBe(shown);
  });

  it.each([
    ['1.5', 8, 150_000_000n],
    ['-1.5', 1, -15n],
    ['12', 0, 12n],
    ['0.000000000000000001', 18, 1n],
    ['1.55', 1, 0n],
    ['x', 2, 0n],
  ])('%s with %i decimals is %s', (text, decimals, units) => {
    expect(baseUnits(text, decimals)).toBe(units);
  });
});
