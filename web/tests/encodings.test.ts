import { describe, expect, test } from 'vitest';

import { fromBase64 } from '../src/verifier/encoding/base64.ts';
import { bigEndian, fromHex, toHex } from '../src/verifier/encoding/bytes.ts';
import {
  formatUnits,
  inUnits,
  parseCanonicalDecimal,
  parseDecimal,
} from '../src/verifier/encoding/decimal.ts';
import { checkAccountId, checkAssetId, typedAccountId } from '../src/verifier/encoding/text.ts';

describe('hexadecimal', () => {
  test.each(['AB', 'a', 'abc', ' ab', 'ab ', '0xab', 'gg', 'ab\n'])('refuses %j', (text) => {
    expect(() => fromHex(text, 1, 'field')).toThrow('field: expected 1 bytes');
  });

  test('is the inverse of writing', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(fromHex(toHex(bytes), 256, 'field')).toEqual(bytes);
  });
});

describe('base64', () => {
  test('agrees with another implementation on all lengths', () => {
    for (let length = 0; length < 70; length += 1) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 89 + length) & 0xff);
      expect(fromBase64(Buffer.from(bytes).toString('base64'), 'field')).toEqual(bytes);
    }
  });

  test.each(['A', 'AA', 'AAA', 'AAAA=', 'AA==AA==', 'A-_A', 'AA\nAA', ' AAAA', '====', 'AAA=='])(
    'refuses %j',
    (text) => {
      expect(() => fromBase64(text, 'field')).toThrow('is not base64');
    },
  );

  test.each(['AB==', 'AAB='])('refuses stray bits in %j', (text) => {
    expect(() => fromBase64(text, 'field')).toThrow('stray bits');
  });
});

describe('integers', () => {
  test('that do not fit are not cut', () => {
    expect(() => bigEndian(256, 1)).toThrow('does not fit');
    expect(() => bigEndian(-1, 1)).toThrow('does not fit');
    expect(toHex(bigEndian(0x0102, 4))).toBe('00000102');
  });
});

describe('decimal text', () => {
  test.each([
    '',
    '.',
    '1.',
    '.5',
    '01',
    '+1',
    '1e3',
    '--1',
    ' 1',
    '1 ',
    '1,5',
    '٣',
    '-0',
    '-0.0',
    '9'.repeat(201),
  ])('refuses %j', (text) => {
    expect(() => parseDecimal(text, 'amount')).toThrow('amount');
  });

  test('superfluous zeros are refused where the text has to be canonical', () => {
    expect(() => parseCanonicalDecimal('1.50', 'amount')).toThrow('superfluous zeros');
    expect(() => parseCanonicalDecimal('1.0', 'amount')).toThrow('superfluous zeros');
    expect(parseDecimal('1.50', 'amount')).toEqual({ digits: 150n, scale: 2 });
    expect(parseCanonicalDecimal('10', 'amount')).toEqual({ digits: 10n, scale: 0 });
  });

  test('what is no multiple of a unit is refused, never rounded', () => {
    expect(inUnits(parseDecimal('1.5', 'a'), 1, 'a')).toBe(15n);
    expect(inUnits(parseDecimal('1.50', 'a'), 1, 'a')).toBe(15n);
    expect(() => inUnits(parseDecimal('1.55', 'a'), 1, 'a')).toThrow('not a multiple');
    expect(inUnits(parseDecimal('100', 'a'), -2, 'a')).toBe(1n);
    expect(() => inUnits(parseDecimal('150', 'a'), -2, 'a')).toThrow('not a multiple');
  });

  test.each([
    [0n, 8, '0'],
    [1n, 8, '0.00000001'],
    [-150000000n, 8, '-1.5'],
    [5n, 0, '5'],
    [100n, 2, '1'],
    [-1n, 18, '-0.000000000000000001'],
  ])('%s base units with %s decimals are %s', (units, decimals, text) => {
    expect(formatUnits(units, decimals)).toBe(text);
  });
});

describe('ids', () => {
  test.each([
    [' alice\t', 'alice'],
    ['\u2003José\u0085', 'José'],
    ['Jose\u0301', 'José'],
    ['a b', 'a b'],
    ['x\u200dy', 'x\u200dy'],
  ])('typed %j is %j', (typed, id) => {
    expect(typedAccountId(typed)).toBe(id);
  });

  test.each(['', '   ', 'a\u0000b', 'a\nb', 'a\u2028b', 'a\ud800b', 'x'.repeat(257), 'é'.repeat(129)])(
    'no account id: %j',
    (typed) => {
      expect(() => typedAccountId(typed)).toThrow('the account id typed');
    },
  );

  test('an account id in a file is taken as it is', () => {
    for (const id of [' alice', 'alice ', 'Jose\u0301']) {
      expect(() => checkAccountId(id, 'account')).toThrow('account');
    }
  });

  test.each(['', ' BTC', 'BTC\u00a0', 'a\u200bb', 'a\tb', '\u20e3x\ue000', 'E\u0301', 'é'.repeat(33)])(
    'no asset id: %j',
    (id) => {
      expect(() => checkAssetId(id, 'id')).toThrow('id');
    },
  );

  test('asset ids have 64 bytes at most', () => {
    expect(checkAssetId('é'.repeat(32), 'id')).toHaveLength(32);
  });
});
