/**
 * Openings as QR codes.
 *
 *     SEALEDBOOK1:<i>:<n>:<check>:<data>
 *
 * i: number of this code, from 1; n: how many there are; check: the first 8 hexadecimal digits, upper case, of SHA-256
 * of the file; data: a piece of Base45 (RFC 9285) of raw DEFLATE (RFC 1951) of the file. All characters are of the
 * alphanumeric mode of QR codes. Pieces in order make up the text; they may have any length. A code that is small
 * enough may also hold the file itself, as it is.
 */

import { sha256 } from '@noble/hashes/sha2.js';

const PREFIX = 'SEALEDBOOK1:';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';
/** Characters of data in a code that this page draws: version 18 of QR codes at the lowest error correction. */
const PIECE = 1000;
const MAX_PARTS = 99;
/** Of an opening that comes by QR code; a hostile code must not inflate without end. */
const MAX_FILE_BYTES = 1024 * 1024;

/** The texts of the codes for `file`, in order. */
export async function toParts(file: Uint8Array): Promise<readonly string[]> {
  const text = toBase45(await deflate(file));
  const count = Math.max(1, Math.ceil(text.length / PIECE));
  if (file.length > MAX_FILE_BYTES || count > MAX_PARTS) throw new RangeError('too large for QR codes');
  const check = checkOf(file);
  return Array.from(
    { length: count },
    (_, i) => `${PREFIX}${i + 1}:${count}:${check}:${text.slice(i * PIECE, (i + 1) * PIECE)}`,
  );
}

export type Progress =
  | { readonly state: 'not-ours' }
  /** `restarted`: pieces of another file were there before, and were dropped. */
  | { readonly state: 'more'; readonly have: number; readonly parts: number; readonly restarted: boolean }
  | { readonly state: 'damaged' }
  | { readonly state: 'complete'; readonly file: Uint8Array };

/** Takes the texts of codes in any order, the same one as often as it comes, until a file is whole. */
export class PartCollector {
  private check = '';
  private count = 0;
  private readonly pieces = new Map<number, string>();

  async add(text: string): Promise<Progress> {
    if (text.trimStart().startsWith('{')) return { state: 'complete', file: new TextEncoder().encode(text) };
    const match = /^SEALEDBOOK1:([1-9]\d?):([1-9]\d?):([0-9A-F]{8}):([0-9A-Z $%*+\-./:]+)$/.exec(text);
    const [, number = '', parts = '', check = '', data = ''] = match ?? [];
    const index = Number(number);
    const count = Number(parts);
    if (match === null || index > count) return { state: 'not-ours' };
    const restarted = this.pieces.size > 0 && (check !== this.check || count !== this.count);
    if (restarted) this.pieces.clear();
    this.check = check;
    this.count = count;
    this.pieces.set(index, data);
    if (this.pieces.size < count) return { state: 'more', have: this.pieces.size, parts: count, restarted };
    return this.finish();
  }

  private async finish(): Promise<Progress> {
    const pieces = [...this.pieces].sort(([a], [b]) => a - b).map(([, data]) => data);
    this.pieces.clear();
    try {
      const file = await inflate(fromBase45(pieces.join('')));
      return checkOf(file) === this.check ? { state: 'complete', file } : { state: 'damaged' };
    } catch {
      return { state: 'damaged' };
    }
  }
}

function checkOf(file: Uint8Array): string {
  return [...sha256(file).subarray(0, 4)]
    .map((byte) => byte.toString(16).padStart(2, '0').toUpperCase())
    .join('');
}

/** RFC 9285: two bytes as three digits to the base 45, least significant first; a last single byte as two. */
export function toBase45(data: Uint8Array): string {
  let text = '';
  for (let i = 0; i < data.length; i += 2) {
    const pair = i + 1 < data.length;
    let value = pair ? (data[i] ?? 0) * 256 + (data[i + 1] ?? 0) : (data[i] ?? 0);
    for (let digit = 0; digit < (pair ? 3 : 2); digit += 1) {
      text += ALPHABET.charAt(value % 45);
      value = Math.floor(value / 45);
    }
  }
  return text;
}

/** The inverse of `toBase45`; `RangeError` for text that is not Base45. */
export function fromBase45(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i += 3) {
    const digits = Array.from(text.slice(i, i + 3), (character) => ALPHABET.indexOf(character));
    const value = digits.reduceRight((sum, digit) => sum * 45 + digit, 0);
    const size = digits.length - 1;
    if (size < 1 || digits.includes(-1) || value >= 256 ** size) throw new RangeError('not Base45');
    if (size === 2) bytes.push(value >> 8);
    bytes.push(value & 0xff);
  }
  return Uint8Array.from(bytes);
}

async function deflate(data: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([new Uint8Array(data)]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Stops as soon as there is more than `MAX_FILE_BYTES`. */
async function inflate(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_FILE_BYTES) {
      await reader.cancel();
      throw new RangeError('inflates to too much');
    }
    pieces.push(value);
  }
  const file = new Uint8Array(size);
  let place = 0;
  for (const piece of pieces) {
    file.set(piece, place);
    place += piece.length;
  }
  return file;
}
