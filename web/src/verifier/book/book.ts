/** The `book` object: what a sealed book is (docs/protocol.md, section 5). */

import { equalBytes, toHex } from '../encoding/bytes.ts';
import { DIGEST_BYTES, jsonDigest } from '../encoding/hashing.ts';
import { checkAssetId, checkName } from '../encoding/text.ts';
import { POINT_BYTES } from '../curve/point.ts';
import type { Field } from '../json/fields.ts';
import type { JsonObject } from '../json/parse.ts';
import { canonicalJson } from '../json/canonical.ts';
import { MAX_ASSETS } from '../statement/statement.ts';
import type { Recorder } from '../report.ts';
import type { Asset, BookSummary, Level, TreeNode } from '../types.ts';

const FORMAT = 'sealedbook/sealed-book/v1';
const DIGEST_LABEL = 'sealedbook/v1/book-digest';
const MAX_HEIGHT = 32;
const MAX_DECIMALS = 18;
const MAX_ISSUER_NAME = 200;
const TIME = /^(\d{4})-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

export interface Book extends BookSummary {
  /** As read: what digests are made of. */
  readonly json: JsonObject;
}

export function readBook(field: Field): Book {
  const fields = field.record(['format', 'issuer', 'as_of', 'assets', 'leaves', 'root'], ['predecessor']);
  fields.get('format').constant(FORMAT);
  const predecessor = fields.optional('predecessor', readPredecessor);
  const issuer = fields.get('issuer').record(['name', 'public_key']);
  const name = issuer.get('name');
  const leaves = fields.get('leaves').record(['count', 'sha256']);
  const count = leaves.get('count');
  const leafCount = count.integer(1, 2 ** MAX_HEIGHT);
  const height = Math.round(Math.log2(leafCount));
  if (2 ** height !== leafCount) {
    throw count.error(`${leafCount} is not a power of two`);
  }
  const json = field.object();
  return {
    issuer: {
      name: checkName(name.text(), MAX_ISSUER_NAME, name.path),
      publicKey: issuer.get('public_key').hex(32),
    },
    asOf: readTime(fields.get('as_of')),
    assets: readAssets(fields.get('assets')),
    leafCount,
    height,
    leavesSha256: leaves.get('sha256').hex(DIGEST_BYTES),
    root: readNode(fields.get('root')),
    ...(predecessor === undefined ? {} : { predecessor }),
    digest: toHex(jsonDigest(DIGEST_LABEL, json)),
    json,
  };
}

function readPredecessor(field: Field): NonNullable<BookSummary['predecessor']> {
  const fields = field.record(['book', 'form']);
  return { book: fields.get('book').hex(DIGEST_BYTES), form: fields.get('form').oneOf(['changed', 'anew']) };
}

export function readTime(field: Field): string {
  const text = field.text();
  const year = TIME.exec(text)?.[1];
  const time = new Date(text);
  // The date has to exist: 30 February would come back as another day.
  if (year === undefined || year === '0000' || Number.isNaN(time.getTime())) {
    throw field.error('is not a time of the form YYYY-MM-DDThh:mm:ssZ');
  }
  if (time.toISOString() !== text.replace('Z', '.000Z')) {
    throw field.error('is a time that does not exist');
  }
  return text;
}

export function readDecimals(field: Field): number {
  return field.integer(0, MAX_DECIMALS);
}

function readAssets(field: Field): Asset[] {
  const seen = new Set<string>();
  return field.list(1, MAX_ASSETS).map((entry) => {
    const fields = entry.record(['id', 'decimals']);
    const id = checkAssetId(fields.get('id').text(), `${entry.path}.id`);
    if (seen.has(id)) {
      throw field.error(`asset '${id}' appears twice`);
    }
    seen.add(id);
    return { id, decimals: readDecimals(fields.get('decimals')) };
  });
}

export function readNode(field: Field): TreeNode {
  const fields = field.record(['hash', 'sum']);
  return { hash: fields.get('hash').hex(DIGEST_BYTES), sum: fields.get('sum').hex(POINT_BYTES) };
}

export function sameBook(a: Book, b: Book): boolean {
  return equalBytes(canonicalJson(a.json), canonicalJson(b.json));
}

/** The book without what is only for computing digests: this is what reports carry. */
export function summaryOf(book: Book): BookSummary {
  const { issuer, asOf, assets, leafCount, height, leavesSha256, root, predecessor, digest } = book;
  const summary = { issuer, asOf, assets, leafCount, height, leavesSha256, root, digest };
  return predecessor === undefined ? summary : { ...summary, predecessor };
}

/** The line about the book that this one was made from, if it says that it follows one. */
export function findPredecessor(recorder: Recorder, { predecessor }: Book, level: Level): void {
  if (predecessor === undefined) {
    return;
  }
  const how =
    predecessor.form === 'changed' ? 'leaves that did not change were kept' : 'every leaf was sealed anew';
  const text = `the book with digest ${predecessor.book}; ${how}, says the issuer: compared with that bundle was nothing`;
  recorder.find('This book follows', text, level);
}
