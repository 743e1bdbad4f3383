/** Files of the size that people have: made with `sealedbook`, of one made-up book of 64 leaves. */

import { readFileSync } from 'node:fs';

import type { Trust } from '../src/verifier/types.ts';

function file(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`./fixtures/${name}`, import.meta.url)));
}

const opening = file('opening_64_leaves.json');
const { book } = JSON.parse(new TextDecoder().decode(opening)) as { book: { root: { hash: string } } };
const trust: Trust = { kind: 'root', hash: book.root.hash };

export const opening64 = { bytes: opening, account: 'acc7', trust };

/** 33 net values of 96 bits each, and bounds on the positions. */
export const certificate33 = {
  bytes: file('certificate_33_rows.json'),
  trust,
  audience: 'Lender AG',
};
