/** The test vectors of the repository, shared with the other implementations. */

import { readFileSync } from 'node:fs';

const DIRECTORY = new URL('../../tests/vectors/', import.meta.url);

/** A file of vectors. Its form is what the page that describes it says; `T` names what a test reads of it. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, DIRECTORY), 'utf8')) as T;
}

export function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** The check that refuses, or undefined if nothing does. */
export function refusalOf(body: () => unknown): { check: string; message: string } | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'check' in error && typeof error.check === 'string') {
      return { check: error.check, message: error.message };
    }
    throw error;
  }
}
