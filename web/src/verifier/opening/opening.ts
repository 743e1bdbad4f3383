/** The form of an opening (docs/protocol.md, section 7). */

import { type Book, readBook, readDecimals, readNode } from '../book/book.ts';
import { POINT_BYTES } from '../curve/point.ts';
import { decodeScalar, SCALAR_BYTES } from '../curve/scalar.ts';
import { DIGEST_BYTES } from '../encoding/hashing.ts';
import { checkAccountId, checkAssetId } from '../encoding/text.ts';
import { Field } from '../json/fields.ts';
import { AMOUNT_LIMIT } from '../statement/statement.ts';
import type { Asset, LeafSummary, TreeNode } from '../types.ts';

const FORMAT = 'sealedbook/opening/v1';
const AMOUNT = /^-?[1-9][0-9]{0,18}$/;
/** The height of the highest tree. */
const MAX_PATH = 32;
/** As many as a book has assets at most; O5 refuses those that it has not. */
const MAX_POSITIONS = 65_536;
const SALT_BYTES = 32;

export interface OpenedPosition {
  readonly asset: Asset;
  /** Base units, not zero. */
  readonly amount: bigint;
}

export interface Opening {
  readonly book: Book;
  readonly account: string;
  readonly positions: readonly OpenedPosition[];
  readonly blinding: bigint;
  readonly salt: Uint8Array;
  readonly leaf: LeafSummary;
  readonly path: readonly TreeNode[];
}

export function readOpening(bytes: Uint8Array): Opening {
  const fields = Field.document(bytes).record([
    'format',
    'book',
    'account',
    'positions',
    'blinding',
    'salt',
    'leaf',
    'path',
  ]);
  fields.get('format').constant(FORMAT);
  return {
    book: readBook(fields.get('book')),
    account: checkAccountId(fields.get('account').text(), '$.account'),
    positions: fields.get('positions').list(0, MAX_POSITIONS).map(readPosition),
    blinding: decodeScalar(fields.get('blinding').bytes(SCALAR_BYTES), '$.blinding'),
    salt: fields.get('salt').bytes(SALT_BYTES),
    leaf: readLeaf(fields.get('leaf')),
    path: readPath(fields.get('path')),
  };
}

function readPosition(field: Field): OpenedPosition {
  const fields = field.record(['asset', 'decimals', 'amount']);
  const amount = fields.get('amount');
  const text = amount.text();
  if (!AMOUNT.test(text)) {
    throw amount.error('is not an amount: a whole number of base units, not zero');
  }
  const value = BigInt(text);
  if (value >= AMOUNT_LIMIT || value <= -AMOUNT_LIMIT) {
    throw amount.error('is out of range');
  }
  return {
    asset: {
      id: checkAssetId(fields.get('asset').text(), `${field.path}.asset`),
      decimals: readDecimals(fields.get('decimals')),
    },
    amount: value,
  };
}

export function readLeaf(field: Field): LeafSummary {
  const fields = field.record(['index', 'tag', 'commitment']);
  return {
    index: fields.get('index').integer(0, 2 ** 32 - 1),
    tag: fields.get('tag').hex(DIGEST_BYTES),
    commitment: fields.get('commitment').hex(POINT_BYTES),
  };
}

export function readPath(field: Field): TreeNode[] {
  return field.list(0, MAX_PATH).map(readNode);
}
