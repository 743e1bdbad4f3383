/** Names and ids: which texts are allowed (docs/protocol.md, section 1). */

import { FormError } from '../errors.ts';
import { isWellFormed, toUtf8 } from './bytes.ts';

/** Unicode's White_Space, and the four separators of ASCII that count as white space in many places. */
const SURROUNDING = /^[\p{White_Space}\u001c-\u001f]+|[\p{White_Space}\u001c-\u001f]+$/gu;
/** No control, format, private-use or unassigned characters, and no white space but the ordinary blank. */
const PRINTABLE = /^(?:[^\p{C}\p{Z}]| )*$/u;
const NOT_IN_ACCOUNT_IDS = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

export const MAX_ASSET_ID_BYTES = 64;
export const MAX_ACCOUNT_ID_BYTES = 256;

export function strip(text: string): string {
  return text.replace(SURROUNDING, '');
}

export function isPrintable(text: string): boolean {
  return PRINTABLE.test(text);
}

/** One to `most` printable characters (code points), no white space at either end. */
export function checkName(text: string, most: number, what: string): string {
  if (text === '') {
    throw new FormError(`${what}: is empty`);
  }
  // A code point has at most two units: what has more is not taken apart to be counted.
  if (text.length > 2 * most || Array.from(text).length > most) {
    throw new FormError(`${what}: is longer than ${most} characters`);
  }
  if (!isPrintable(text)) {
    throw new FormError(`${what}: has characters that are not printable`);
  }
  if (strip(text) !== text) {
    throw new FormError(`${what}: has surrounding blanks`);
  }
  return text;
}

export function checkNormalForm(text: string, what: string): string {
  if (text.normalize('NFC') !== text) {
    throw new FormError(`${what}: is not in Unicode Normalization Form C`);
  }
  return text;
}

export function checkAssetId(id: string, what: string): string {
  checkName(id, MAX_ASSET_ID_BYTES, what);
  if (toUtf8(id).length > MAX_ASSET_ID_BYTES) {
    throw new FormError(`${what}: is longer than ${MAX_ASSET_ID_BYTES} bytes`);
  }
  return checkNormalForm(id, what);
}

export function checkAccountId(id: string, what: string): string {
  if (id === '') {
    throw new FormError(`${what}: is empty`);
  }
  // First: looking for white space at an end takes the square of how much there is inside.
  if (id.length > MAX_ACCOUNT_ID_BYTES) {
    throw new FormError(`${what}: is longer than ${MAX_ACCOUNT_ID_BYTES} bytes`);
  }
  if (!isWellFormed(id) || NOT_IN_ACCOUNT_IDS.test(id)) {
    throw new FormError(`${what}: has control characters or line breaks`);
  }
  if (strip(id) !== id) {
    throw new FormError(`${what}: has white space at an end`);
  }
  checkNormalForm(id, what);
  if (toUtf8(id).length > MAX_ACCOUNT_ID_BYTES) {
    throw new FormError(`${what}: is longer than ${MAX_ACCOUNT_ID_BYTES} bytes`);
  }
  return id;
}

/** The account id that somebody typed: stripped and normalised first. */
export function typedAccountId(typed: string): string {
  return checkAccountId(strip(typed).normalize('NFC'), 'the account id typed');
}
