import { describe, expect, it } from 'vitest';
import { checkAccountId, checkName } from '../verifier/encoding/text.ts';
import { FormError, VerificationError, readable } from '../verifier/errors.ts';
import { Field } from '../verifier/json/fields.ts';
import { listedNames } from './files.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('what hostile files say', () => {
  it('is shortened in messages: a key may have megabytes', () => {
    const document = Field.document(bytes(`{"${'A'.repeat(1_000_000)}":1}`));
    let message = '';
    try {
      document.record(['format']);
    } catch (error) {
      message = error instanceof FormError ? error.message : '';
    }
    expect(message).toMatch(/^\$: unknown field 'AAA/);
    expect(message.length).toBeLessThan(700);
    expect(new VerificationError('O1-form', 'A'.repeat(10_000)).message.length).toBeLessThan(700);
  });

  it('cannot break lines or turn the direction of writing in messages', () => {
    expect(readable('a\nACCEPTED \u202e\u2066\u001b')).toBe('a\\u{a}ACCEPTED \\u{202e}\\u{2066}\\u{1b}');
    expect(readable("Größe 'é' 12 €, 日本")).toBe("Größe 'é' 12 €, 日本");
  });

  it('is measured before it is searched', () => {
    const long = `a${' '.repeat(2_000_000)}b`;
    expect(() => checkAccountId(long, 'account')).toThrow(/longer than 256 bytes/);
    expect(() => checkName(long, 200, 'name')).toThrow(/longer than 200 characters/);
    expect(checkName('😀'.repeat(200), 200, 'name')).toHaveLength(400);
    expect(() => checkName('😀'.repeat(201), 200, 'name')).toThrow(/longer than 200/);
  });

  it('lists no more files than the format allows', () => {
    const listing = (count: number): Uint8Array =>
      bytes(JSON.stringify({ files: Array.from({ length: count }, () => ({ name: 'a' })) }));
    expect(listedNames(listing(65_536))).toHaveLength(65_536);
    expect(listedNames(listing(65_537))).toEqual([]);
  });
});
