/** Byte strings: concatenation, comparison, fixed-width integers, strict hexadecimal and UTF-8. */

import { FormError } from '../errors.ts';

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** The bytes of a text of ASCII characters. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (code > 0x7f) {
      throw new RangeError('not ASCII');
    }
    return code;
  });
}

/** `value` in `length` bytes, most significant first. */
export function bigEndian(value: number | bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = BigInt(value);
  for (let i = length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  if (rest !== 0n) {
    throw new RangeError(`${value} does not fit in ${length} bytes`);
  }
  return bytes;
}

/** `value` in `length` bytes, least significant first. */
export function littleEndian(value: number | bigint, length: number): Uint8Array {
  return bigEndian(value, length).reverse();
}

export function fromBigEndian(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
}

export function fromLittleEndian(bytes: Uint8Array): bigint {
  return fromBigEndian(bytes.slice().reverse());
}

const HEX_DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    text += HEX_DIGITS[byte] ?? '';
  }
  return text;
}

/** Lower case, two digits a byte, nothing before or after, exactly `length` bytes. */
export function fromHex(text: string, length: number, what: string): Uint8Array {
  if (text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) {
    throw new FormError(`${what}: expected ${length} bytes in lower-case hexadecimal`);
  }
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

const ENCODER = new TextEncoder();

/** UTF-8 of a text; unpaired surrogates have none. */
export function toUtf8(text: string): Uint8Array {
  if (!isWellFormed(text)) {
    throw new FormError('text has an unpaired surrogate');
  }
  return ENCODER.encode(text);
}

/** Strict UTF-8; a byte order mark is a character like others. */
export function fromUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FormError(`${what}: is not UTF-8`);
  }
}

export function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}
