/** Reading typed fields of JSON documents. Every refusal names the path of the field, such as `$.book.leaves.count`. */

import { fromHex } from '../encoding/bytes.ts';
import { FormError } from '../errors.ts';
import { type Json, type JsonObject, parseJson } from './parse.ts';

/** A JSON value and where it stands. */
export class Field {
  constructor(
    readonly value: Json,
    readonly path: string,
  ) {}

  static document(bytes: Uint8Array): Field {
    return new Field(parseJson(bytes), '$');
  }

  error(reason: string): FormError {
    return new FormError(`${this.path}: ${reason}`);
  }

  /** An object with all of `required`, perhaps some of `optional`, and nothing else. */
  record(required: readonly string[], optional: readonly string[] = []): Fields {
    const object = this.object();
    for (const key of object.keys()) {
      if (!required.includes(key) && !optional.includes(key)) {
        throw this.error(`unknown field '${key}'`);
      }
    }
    for (const key of required) {
      if (!object.has(key)) {
        throw this.error(`field '${key}' is missing`);
      }
    }
    return new Fields(object, this.path);
  }

  object(): JsonObject {
    if (this.value instanceof Map) {
      return this.value;
    }
    throw this.error('expected an object');
  }

  list(least: number, most: number): readonly Field[] {
    if (!Array.isArray(this.value)) {
      throw this.error('expected a list');
    }
    const items = this.value as readonly Json[];
    if (items.length < least || items.length > most) {
      throw this.error(`has ${items.length} entries, not between ${least} and ${most}`);
    }
    return items.map((item, i) => new Field(item, `${this.path}[${i}]`));
  }

  text(): string {
    if (typeof this.value !== 'string') {
      throw this.error('expected text');
    }
    return this.value;
  }

  /** The text, if it is one of these. */
  oneOf<T extends string>(choices: readonly T[]): T {
    const text = this.text();
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) {
      throw this.error(`'${text}' is not one of ${choices.map((c) => `'${c}'`).join(', ')}`);
    }
    return choice;
  }

  constant(expected: string): void {
    if (this.text() !== expected) {
      throw this.error(`expected '${expected}'`);
    }
  }

  integer(least: number, most: number): number {
    if (typeof this.value !== 'number') {
      throw this.error('expected an integer');
    }
    if (this.value < least || this.value > most) {
      throw this.error(`${this.value} is not between ${least} and ${most}`);
    }
    return this.value;
  }

  bytes(length: number): Uint8Array {
    return fromHex(this.text(), length, this.path);
  }

  /** Hexadecimal of so many bytes, as text. */
  hex(length: number): string {
    this.bytes(length);
    return this.text();
  }
}

/** The fields of an object of known shape. */
export class Fields {
  constructor(
    private readonly object: JsonObject,
    private readonly path: string,
  ) {}

  has(key: string): boolean {
    return this.object.has(key);
  }

  get(key: string): Field {
    const value = this.object.get(key);
    if (value === undefined) {
      throw new FormError(`${this.path}: field '${key}' is missing`);
    }
    return new Field(value, `${this.path}.${key}`);
  }

  optional<T>(key: string, read: (field: Field) => T): T | undefined {
    return this.has(key) ? read(this.get(key)) : undefined;
  }
}
