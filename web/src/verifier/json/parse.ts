/**
 * A strict reader of JSON (docs/protocol.md, section 1). It refuses duplicate keys, numbers that are not integers of at
 * most 53 bits, `-0`, unpaired surrogates, more than 64 levels of nesting and documents above 32 MiB. JSON.parse would
 * let all of these through.
 */

import { fromUtf8, isWellFormed } from '../encoding/bytes.ts';
import { FormError } from '../errors.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** A Map, so that no key means anything by itself. */
export type JsonObject = ReadonlyMap<string, Json>;

export const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;
export const MAX_NESTING = 64;

const INTEGER = /-?(?:0|[1-9][0-9]*)/y;
const PLAIN_CHARACTERS = /[^"\\\u0000-\u001f]*/y;
const WHITE_SPACE = /[ \t\n\r]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const LITERALS: readonly (readonly [string, Json])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
];

/** The value of a document, which has to be one JSON value and nothing else. */
export function parseJson(document: Uint8Array): Json {
  if (document.length > MAX_DOCUMENT_BYTES) {
    throw new FormError(`$: has ${document.length} bytes, at most ${MAX_DOCUMENT_BYTES} are read`);
  }
  return new Parser(fromUtf8(document, '$')).document();
}

class Parser {
  private position = 0;

  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value(0);
    this.skipWhiteSpace();
    if (this.position !== this.text.length) {
      throw this.error('text after the end');
    }
    return value;
  }

  private value(depth: number): Json {
    this.skipWhiteSpace();
    const character = this.text[this.position];
    if (character === '{' || character === '[') {
      if (depth === MAX_NESTING) {
        throw new FormError(`$: nested deeper than ${MAX_NESTING} levels`);
      }
      return character === '{' ? this.object(depth + 1) : this.array(depth + 1);
    }
    if (character === '"') {
      return this.string();
    }
    for (const [literal, value] of LITERALS) {
      if (this.text.startsWith(literal, this.position)) {
        this.position += literal.length;
        return value;
      }
    }
    return this.number();
  }

  private object(depth: number): JsonObject {
    const members = new Map<string, Json>();
    this.list('{', '}', () => {
      this.skipWhiteSpace();
      if (this.text[this.position] !== '"') {
        throw this.error('a key is expected');
      }
      const key = this.string();
      if (members.has(key)) {
        throw new FormError(`$: field '${key}' appears twice`);
      }
      this.skipWhiteSpace();
      this.expect(':');
      members.set(key, this.value(depth));
    });
    return members;
  }

  private array(depth: number): readonly Json[] {
    const items: Json[] = [];
    this.list('[', ']', () => {
      items.push(this.value(depth));
    });
    return items;
  }

  private list(open: string, close: string, item: () => void): void {
    this.expect(open);
    this.skipWhiteSpace();
    if (this.text[this.position] === close) {
      this.position += 1;
      return;
    }
    for (;;) {
      item();
      this.skipWhiteSpace();
      if (this.text[this.position] === close) {
        this.position += 1;
        return;
      }
      this.expect(',');
    }
  }

  private string(): string {
    this.expect('"');
    let value = '';
    for (;;) {
      value += this.match(PLAIN_CHARACTERS);
      const character = this.text[this.position];
      this.position += 1;
      if (character === '"') {
        break;
      }
      if (character !== '\\') {
        throw this.error('a text does not end, or has a control character');
      }
      value += this.escape();
    }
    if (!isWellFormed(value)) {
      throw new FormError('$: a text has an unpaired surrogate');
    }
    return value;
  }

  private escape(): string {
    const letter = this.text[this.position] ?? '';
    this.position += 1;
    if (letter === 'u') {
      const digits = this.text.slice(this.position, this.position + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
        throw this.error('an escape of four digits is expected');
      }
      this.position += 4;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const character = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (character === undefined) {
      throw this.error('unknown escape');
    }
    return character;
  }

  private number(): number {
    const digits = this.match(INTEGER);
    if (digits === '') {
      throw this.error('a value is expected');
    }
    if (/[0-9.eE]/.test(this.text[this.position] ?? '')) {
      throw new FormError('$: a number is not an integer in plain digits');
    }
    const value = Number(digits);
    if (digits === '-0' || !Number.isSafeInteger(value)) {
      throw new FormError(`$: ${digits.slice(0, 40)} is not an integer of at most 53 bits`);
    }
    return value;
  }

  private skipWhiteSpace(): void {
    this.match(WHITE_SPACE);
  }

  /** What a sticky pattern matches here, possibly nothing. */
  private match(pattern: RegExp): string {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.position += found.length;
    return found;
  }

  private expect(character: string): void {
    if (this.text[this.position] !== character) {
      throw this.error(`'${character}' is expected`);
    }
    this.position += 1;
  }

  private error(reason: string): FormError {
    return new FormError(`$: not JSON at character ${this.position}: ${reason}`);
  }
}
