/** Canonical JSON: RFC 8785 for the values that the strict reader admits. */

import { toUtf8 } from '../encoding/bytes.ts';
import type { Json, JsonObject } from './parse.ts';

export function canonicalJson(value: Json): Uint8Array {
  return toUtf8(canonicalText(value));
}

function canonicalText(value: Json): string {
  if (value instanceof Map) {
    // Keys in the order of their UTF-16 code units (RFC 8785, section 3.2.3): what < compares.
    const keys = [...(value as JsonObject).keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const members = keys.map((key) => `${JSON.stringify(key)}:${canonicalText(value.get(key) as Json)}`);
    return `{${members.join(',')}}`;
  }
  if (Array.isArray(value)) {
    return `[${(value as readonly Json[]).map(canonicalText).join(',')}]`;
  }
  // RFC 8785 takes texts, numbers and literals from ECMAScript.
  return JSON.stringify(value);
}

/** An object in the order given; entries without a value are left out. */
export function jsonObject(entries: readonly (readonly [string, Json | undefined])[]): JsonObject {
  const members = new Map<string, Json>();
  for (const [key, value] of entries) {
    if (value !== undefined) {
      members.set(key, value);
    }
  }
  return members;
}
