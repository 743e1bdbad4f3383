/** Base64 of RFC 4648, section 4: padded, without line breaks, stray bits zero. */

import { FormError } from '../errors.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const FORM = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function fromBase64(text: string, what: string): Uint8Array {
  if (!FORM.test(text)) {
    throw new FormError(`${what}: is not base64`);
  }
  const digits = text.replace(/=+$/, '');
  const bytes = new Uint8Array(Math.floor((digits.length * 6) / 8));
  let held = 0;
  let bits = 0;
  let offset = 0;
  for (const digit of digits) {
    held = ((held << 6) | ALPHABET.indexOf(digit)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[offset] = (held >> bits) & 0xff;
      offset += 1;
    }
  }
  if ((held & ((1 << bits) - 1)) !== 0) {
    throw new FormError(`${what}: is not canonical base64, stray bits are set`);
  }
  return bytes;
}
