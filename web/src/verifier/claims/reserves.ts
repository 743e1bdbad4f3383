/** The documents of reserves and of totals (docs/protocol.md, section 10). */

import { type Book, readTime } from '../book/book.ts';
import { type Decimal, inUnits, parseCanonicalDecimal, parseDecimal } from '../encoding/decimal.ts';
import { DIGEST_BYTES } from '../encoding/hashing.ts';
import { checkName } from '../encoding/text.ts';
import { Field } from '../json/fields.ts';
import { absolute } from '../statement/statement.ts';
import { LARGEST_AMOUNT } from '../statement/rows.ts';

const RESERVES_FORMAT = 'sealedbook/reserves/v1';
const TOTALS_FORMAT = 'sealedbook/totals/v1';
const AMOUNT_LIMIT = 1n << 96n;
const MAX_ADDRESSES = 65_536;
const MAX_CHAIN = 64;
const MAX_ADDRESS = 256;
const MAX_SCHEME = 64;
const MAX_SIGNATURE_TEXT = 4096;

export interface AddressSignature {
  readonly scheme: string;
  readonly message: string;
  readonly signature: string;
}

export interface ReserveAddress {
  readonly chain: string;
  readonly address: string;
  /** Base units. */
  readonly balance: bigint;
  readonly signature?: AddressSignature;
}

export interface AssetReserves {
  /** Place of the asset in the book. */
  readonly place: number;
  /** Base units. */
  readonly total: bigint;
  readonly addresses: readonly ReserveAddress[];
}

export interface Reserves {
  readonly asOf: string;
  /** In the book's order. */
  readonly assets: readonly AssetReserves[];
}

export function readReserves(bytes: Uint8Array, book: Book): Reserves {
  const fields = Field.document(bytes).record(['format', 'as_of', 'assets']);
  fields.get('format').constant(RESERVES_FORMAT);
  const list = fields.get('assets');
  const assets = list.list(1, book.assets.length).map((entry) => readAsset(entry, book));
  assets.sort((a, b) => a.place - b.place);
  if (new Set(assets.map(({ place }) => place)).size !== assets.length) {
    throw list.error('an asset appears twice');
  }
  if (assets.reduce((count, { addresses }) => count + addresses.length, 0) > MAX_ADDRESSES) {
    throw list.error(`more than ${MAX_ADDRESSES} addresses`);
  }
  return { asOf: readTime(fields.get('as_of')), assets };
}

function readAsset(entry: Field, book: Book): AssetReserves {
  const fields = entry.record(['asset', 'total'], ['unlisted', 'addresses']);
  const id = fields.get('asset').text();
  const place = book.assets.findIndex((asset) => asset.id === id);
  const asset = book.assets[place];
  if (asset === undefined) {
    throw entry.error(`'${id}' is not an asset of the book`);
  }
  const amount = (field: Field): bigint => readAmount(field, asset.decimals);
  const total = amount(fields.get('total'));
  const addresses = fields.optional('addresses', (field) => readAddresses(field, amount)) ?? [];
  const unlisted = fields.optional('unlisted', amount) ?? (addresses.length === 0 ? total : 0n);
  if (addresses.reduce((sum, { balance }) => sum + balance, unlisted) !== total) {
    throw entry.error('addresses and what is unlisted do not add up to the total');
  }
  return { place, total, addresses };
}

function readAmount(field: Field, decimals: number): bigint {
  const value: Decimal = parseDecimal(field.text(), field.path);
  if (value.digits < 0n) {
    throw field.error('is negative');
  }
  if (value.scale > decimals) {
    throw field.error(`has ${value.scale} decimals, the asset has ${decimals}`);
  }
  const units = inUnits(value, decimals, field.path);
  if (units >= AMOUNT_LIMIT) {
    throw field.error('is 2^96 base units or more');
  }
  return units;
}

function readAddresses(field: Field, amount: (field: Field) => bigint): ReserveAddress[] {
  const seen = new Set<string>();
  return field.list(0, MAX_ADDRESSES).map((entry) => {
    const fields = entry.record(
      ['chain', 'address', 'balance'],
      ['block_height', 'scheme', 'message', 'signature'],
    );
    const chain = checkName(fields.get('chain').text(), MAX_CHAIN, `${entry.path}.chain`);
    const address = checkName(fields.get('address').text(), MAX_ADDRESS, `${entry.path}.address`);
    // Neither has a line break, so that the two cannot run into each other.
    const key = `${chain}\n${address}`.toLowerCase();
    if (seen.has(key)) {
      throw entry.error(`${chain} address ${address} appears twice`);
    }
    seen.add(key);
    fields.optional('block_height', (height) => height.integer(0, Number.MAX_SAFE_INTEGER));
    const signature = readSignature(entry);
    return {
      chain,
      address,
      balance: amount(fields.get('balance')),
      ...(signature === undefined ? {} : { signature }),
    };
  });
}

function readSignature(entry: Field): AddressSignature | undefined {
  const object = entry.object();
  const text = (key: string): string => {
    const field = new Field(object.get(key) ?? null, `${entry.path}.${key}`);
    const length = Array.from(field.text()).length;
    if (length === 0 || length > MAX_SIGNATURE_TEXT) {
      throw field.error(`has ${length} characters, not between 1 and ${MAX_SIGNATURE_TEXT}`);
    }
    return field.text();
  };
  const present = ['scheme', 'message', 'signature'].filter((key) => object.has(key)).length;
  if (present === 0) {
    return undefined;
  }
  if (present !== 3) {
    throw entry.error("'scheme', 'message' and 'signature' come together");
  }
  return {
    scheme: checkName(text('scheme'), MAX_SCHEME, `${entry.path}.scheme`),
    message: text('message'),
    signature: text('signature'),
  };
}

/** Totals of all assets of the book, in its order, in base units. */
export function readTotals(bytes: Uint8Array, book: Book): bigint[] {
  const fields = Field.document(bytes).record(['format', 'book', 'totals']);
  fields.get('format').constant(TOTALS_FORMAT);
  const digest = fields.get('book');
  if (digest.hex(DIGEST_BYTES) !== book.digest) {
    throw digest.error('is the digest of another book');
  }
  const list = fields.get('totals');
  const entries = list.list(0, Number.MAX_SAFE_INTEGER);
  if (entries.length !== book.assets.length) {
    throw list.error(`has ${entries.length} entries, the book has ${book.assets.length} assets`);
  }
  const limit = BigInt(book.leafCount) * LARGEST_AMOUNT;
  return book.assets.map((asset, i) => {
    const members = (entries[i] ?? list).record(['asset', 'total']);
    members.get('asset').constant(asset.id);
    const field = members.get('total');
    const total = inUnits(parseCanonicalDecimal(field.text(), field.path), asset.decimals, field.path);
    if (absolute(total) > limit) {
      throw field.error('is beyond what so many leaves can hold');
    }
    return total;
  });
}
