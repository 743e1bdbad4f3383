/** The test vectors of the repository, shared with the other implementations. */

import { readFileSync } from 'node:fs';

const DIRECTORY = new URL('../../tests/vectors/', import.meta.url);

/** A file of vectors. Its form is what the page that describes it says; `T` names what a test reads of it. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, DIRECTORY), 'utf8')) as T;
}

export function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** The check that refuses, or undefined if nothing does. */
export function refusalOf(
  body: () => unknown,
): { check: string; message: string; needs?: unknown } | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'check' in error && typeof error.check === 'string') {
      const needs = 'needs' in error ? { needs: error.needs } : {};
      return { check: error.check, message: error.message, ...needs };
    }
    throw error;
  }
}

export function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Sets the value at a path of keys and places; without a value the entry is removed. */
export type PathChange = [path: (string | number)[], value?: unknown];

export function altered(document: object, changes: readonly PathChange[]): unknown {
  const copy: unknown = structuredClone(document);
  for (const change of changes) {
    apply(copy, change[0], change.length === 2, change[1]);
  }
  return copy;
}

/** `path` is an RFC 6901 pointer; without `value` the field is removed. */
export interface PointerChange {
  path: string;
  value?: unknown;
}

export function pointed(document: object, changes: readonly PointerChange[]): unknown {
  const copy: unknown = structuredClone(document);
  for (const change of changes) {
    apply(copy, change.path.split('/').slice(1), 'value' in change, change.value);
  }
  return copy;
}

function apply(target: unknown, path: readonly (string | number)[], sets: boolean, value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined || typeof target !== 'object' || target === null) {
    throw new Error('no such place');
  }
  const members = target as Record<string | number, unknown>;
  if (rest.length > 0) {
    apply(members[key], rest, sets, value);
  } else if (sets) {
    members[key] = value;
  } else if (Array.isArray(target)) {
    target.splice(Number(key), 1);
  } else {
    Reflect.deleteProperty(members, key);
  }
}
