/** Prices, in a market document or in a model (docs/statements.md, section 6). */

import { readTime } from '../book/book.ts';
import { type Decimal, parseCanonicalDecimal } from '../encoding/decimal.ts';
import { checkAssetId } from '../encoding/text.ts';
import { Field, type Fields } from '../json/fields.ts';
import { MAX_ASSETS } from '../statement/statement.ts';

const FORMAT = 'sealedbook/prices/v1';
const MAX_SCALE = 36;
const PRICE_FIELDS = ['quote', 'scale', 'prices'];

export interface Prices {
  /** Values are counted in units of 10^-scale of the quote currency. */
  readonly scale: number;
  /** By asset id, not negative. */
  readonly prices: ReadonlyMap<string, Decimal>;
}

/** A price document. */
export function readPriceDocument(bytes: Uint8Array): Prices {
  const fields = Field.document(bytes).record(['format', 'as_of', ...PRICE_FIELDS]);
  fields.get('format').constant(FORMAT);
  readTime(fields.get('as_of'));
  return readFields(fields);
}

/** Prices written in a model; all of them are of assets of the book. */
export function readModelPrices(field: Field, isInBook: (id: string) => boolean): Prices {
  const prices = readFields(field.record(PRICE_FIELDS));
  for (const id of prices.prices.keys()) {
    if (!isInBook(id)) {
      throw field.error(`asset '${id}' is not in the book`);
    }
  }
  return prices;
}

function readFields(fields: Fields): Prices {
  const quote = fields.get('quote');
  checkAssetId(quote.text(), quote.path);
  const prices = new Map<string, Decimal>();
  for (const entry of fields.get('prices').list(1, MAX_ASSETS)) {
    const members = entry.record(['asset', 'price']);
    const id = checkAssetId(members.get('asset').text(), `${entry.path}.asset`);
    const field = members.get('price');
    const price = parseCanonicalDecimal(field.text(), field.path);
    if (price.digits < 0n) {
      throw field.error('is negative');
    }
    if (prices.has(id)) {
      throw entry.error(`asset '${id}' has two prices`);
    }
    prices.set(id, price);
  }
  return { scale: fields.get('scale').integer(0, MAX_SCALE), prices };
}
