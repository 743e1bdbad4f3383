import { describe, expect, it } from 'vitest';
import { MINUS, barShare, formatAmount, formatBytes, formatCount } from './amounts.ts';

describe('formatAmount', () => {
  it.each([
    [0n, 0, '0'],
    [0n, 18, '0'],
    [1n, 18, '0.000000000000000001'],
    [150_000_000n, 8, '1.5'],
    [-150_000_000n, 8, `${MINUS}1.5`],
    [-1n, 8, `${MINUS}0.00000001`],
    [100_000_000n, 8, '1'],
    [1_234_567n, 0, '1,234,567'],
    [999n, 0, '999'],
    [1000n, 0, '1,000'],
    [123_456_700n, 4, '12,345.67'],
    [9_223_372_036_854_775_807n, 0, '9,223,372,036,854,775,807'],
    [9_223_372_036_854_775_807n, 18, '9.223372036854775807'],
    [-9_223_372_036_854_775_807n, 2, `${MINUS}92,233,720,368,547,758.07`],
  ])('%s with %i decimals is %s', (units, decimals, text) => {
    expect(formatAmount(units, decimals)).toBe(text);
  });

  it('loses no digit of any amount', () => {
    for (let decimals = 0; decimals <= 18; decimals += 1) {
      for (const units of [1n, 10n ** 17n + 3n, 2n ** 63n - 1n, 7n * 10n ** 12n]) {
        const text = formatAmount(-units, decimals).replaceAll(',', '').replace(MINUS, '');
        const [whole = '', fraction = ''] = text.split('.');
        expect(BigInt(whole + fraction.padEnd(decimals, '0'))).toBe(units);
      }
    }
  });

  it('refuses decimals that are none', () => {
    expect(() => formatAmount(1n, -1)).toThrow(/decimals/);
    expect(() => formatAmount(1n, 1.5)).toThrow(/decimals/);
  });
});

describe('barShare', () => {
  it('never shows nothing as something, or less than all as all', () => {
    expect(barShare(0n, 10n)).toBe(0);
    expect(barShare(-5n, 10n)).toBe(0);
    expect(barShare(1n, 10n ** 30n)).toBeGreaterThan(0);
    expect(barShare(10n ** 30n - 1n, 10n ** 30n)).toBeLessThan(1);
    expect(barShare(10n, 10n)).toBe(1);
    expect(barShare(11n, 10n)).toBe(1);
    expect(barShare(1n, 0n)).toBe(0);
  });
});

describe('sizes and counts', () => {
  it('sets off thousands', () => {
    expect(formatCount(1048576)).toBe('1,048,576');
    expect(formatCount(12n)).toBe('12');
  });
  it('rounds sizes up', () => {
    expect(formatBytes(1023)).toBe('1023 bytes');
    expect(formatBytes(32 * 1024 * 1024)).toBe('32 MiB');
    expect(formatBytes(32 * 1024 * 1024 + 1)).toBe('33 MiB');
    expect(formatBytes(1536)).toBe('1.5 KiB');
  });
});
