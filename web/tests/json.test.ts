import { describe, expect, test } from 'vitest';

import { toHex } from '../src/verifier/encoding/bytes.ts';
import { canonicalJson } from '../src/verifier/json/canonical.ts';
import { MAX_DOCUMENT_BYTES, MAX_NESTING, parseJson } from '../src/verifier/json/parse.ts';
import { encoded } from './vectors.ts';

const canonical = (text: string): string => new TextDecoder().decode(canonicalJson(parseJson(encoded(text))));

describe('strict JSON', () => {
  test.each([
    ['{"b":1,"a":[true,false,null]}', '{"a":[true,false,null],"b":1}'],
    [' { "x" : -7 } \n', '{"x":-7}'],
    ['9007199254740991', '9007199254740991'],
    ['"\\u00e9\\ud83d\\ude00\\/\\b"', '"é😀/\\b"'],
    ['"\\u001f\u007f\u2028"', '"\\u001f\u007f\u2028"'],
    ['{"":0,"__proto__":{"a":1}}', '{"":0,"__proto__":{"a":1}}'],
    // RFC 8785, section 3.2.3: keys in the order of UTF-16 code units.
    [
      '{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}',
      '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
    ],
  ])('reads %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  test.each([
    ['{"a":1,"a":2}', "field 'a' appears twice"],
    ['{"a":1,"\\u0061":2}', "field 'a' appears twice"],
    ['1.0', 'not an integer in plain digits'],
    ['1e2', 'not an integer in plain digits'],
    ['01', 'not an integer in plain digits'],
    ['-0', 'at most 53 bits'],
    ['9007199254740992', 'at most 53 bits'],
    ['-9007199254740992', 'at most 53 bits'],
    ['NaN', 'a value is expected'],
    ['Infinity', 'a value is expected'],
    ['-', 'a value is expected'],
    ['+1', 'a value is expected'],
    ['', 'a value is expected'],
    ['tru', 'a value is expected'],
    ['[1,]', 'a value is expected'],
    ['{"a":1,}', 'a key is expected'],
    ['{a:1}', 'a key is expected'],
    ["{'a':1}", 'a key is expected'],
    ['[1 2]', "',' is expected"],
    ['{"a" 1}', "':' is expected"],
    ['[1]]', 'text after the end'],
    ['1 // one', 'text after the end'],
    ['"\\ud83d"', 'unpaired surrogate'],
    ['"\\ude00\\ud83d"', 'unpaired surrogate'],
    ['"\\x41"', 'unknown escape'],
    ['"\\constructor"', 'unknown escape'],
    ['"\\u12"', 'four digits'],
    ['"a\nb"', 'control character'],
    ['"a', 'control character'],
    ['\ufeff{}', 'a value is expected'],
    ['\u00a01', 'a value is expected'],
  ])('refuses %j', (text, reason) => {
    expect(() => parseJson(encoded(text))).toThrow(reason);
  });

  test('nesting is bounded', () => {
    const nested = (depth: number): Uint8Array => encoded('['.repeat(depth) + ']'.repeat(depth));
    expect(() => parseJson(nested(MAX_NESTING))).not.toThrow();
    expect(() => parseJson(nested(MAX_NESTING + 1))).toThrow('nested deeper');
    expect(() => parseJson(nested(1_000_000))).toThrow('nested deeper');
  });

  test('size is bounded', () => {
    expect(() => parseJson(new Uint8Array(MAX_DOCUMENT_BYTES + 1).fill(0x20))).toThrow('at most');
  });

  test('bytes that are not UTF-8 are refused', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      expect(() => parseJson(Uint8Array.from(bytes)), toHex(Uint8Array.from(bytes))).toThrow('is not UTF-8');
    }
  });
});
