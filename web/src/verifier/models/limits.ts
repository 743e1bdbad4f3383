/**
 * Models of the kind `balanced-book`: their documents, in words (docs/models/balanced-book.md, docs/models/greeks-limits.md).
 * The rows that they stand for are not compiled here: they rest on Greeks, which come from option prices in floats.
 */

import { formatUnits, inUnits, parseDecimal } from '../encoding/decimal.ts';
import { checkAssetId, checkName } from '../encoding/text.ts';
import { Field, type Fields } from '../json/fields.ts';
import { MAX_ASSETS } from '../statement/statement.ts';
import { WHOLE_BOOK_KIND } from './claim-statement.ts';

const FORMAT = 'sealedbook/model/v1';
const GREEKS = ['delta', 'gamma', 'vega', 'theta'] as const;
const MEASURES = ['net', 'hedged', 'gross', 'equity'] as const;
const MAX_LIMITS = 1024;
const MAX_NAME = 80;
const MAX_DAYS = 36_500;
const MAX_SCALE = 36;
const DEFAULT_SCALES: Readonly<Record<Greek, number>> = { delta: 10, gamma: 14, vega: 8, theta: 8 };

type Greek = (typeof GREEKS)[number];
type Scales = Readonly<Record<Greek, number>>;

/** One sentence without its full stop for each limit: `the book's net delta in BTC is within ±5`. Throws FormError. */
export function balancedBookWords(document: Uint8Array): readonly string[] {
  const field = Field.document(document);
  const kind = new Field(field.object().get('kind') ?? null, '$.kind');
  if (kind.text() !== WHOLE_BOOK_KIND) {
    throw kind.error(`is not '${WHOLE_BOOK_KIND}', the kind about whole books`);
  }
  const fields = field.record(
    ['format', 'kind', 'version', 'limits'],
    ['hedge', 'scales', 'ignored', 'numbers'],
  );
  fields.get('format').constant(FORMAT);
  fields.get('version').integer(1, 1);
  const scales = fields.optional('scales', readScales) ?? DEFAULT_SCALES;
  fields.optional('hedge', readHedge);
  return fields
    .get('limits')
    .list(1, MAX_LIMITS)
    .map((entry) => limitWords(entry, scales));
}

function readScales(field: Field): Scales {
  const fields = field.record([], GREEKS);
  const scale = (greek: Greek): number =>
    fields.optional(greek, (own) => own.integer(0, MAX_SCALE)) ?? DEFAULT_SCALES[greek];
  return { delta: scale('delta'), gamma: scale('gamma'), vega: scale('vega'), theta: scale('theta') };
}

function readHedge(field: Field): void {
  for (const entry of field.list(1, MAX_ASSETS)) {
    const fields = entry.record(['asset', 'amount']);
    checkAssetId(fields.get('asset').text(), `${entry.path}.asset`);
    parseDecimal(fields.get('amount').text(), `${entry.path}.amount`);
  }
}

function limitWords(entry: Field, scales: Scales): string {
  const fields = entry.record(
    ['name', 'greek', 'underlying'],
    ['expiries', 'measure', 'least', 'greatest', 'share'],
  );
  checkName(fields.get('name').text(), MAX_NAME, `${entry.path}.name`);
  const greek = fields.get('greek').oneOf(GREEKS);
  const underlying = checkAssetId(fields.get('underlying').text(), `${entry.path}.underlying`);
  const what = `${greek} in ${underlying}${fields.optional('expiries', expiryWords) ?? ''}`;
  const measure = fields.optional('measure', (field) => field.oneOf(MEASURES)) ?? 'net';
  if (measure === 'equity') {
    const share = parseDecimal(fields.get('share').text(), `${entry.path}.share`);
    const percent = formatUnits(share.digits * 100n, share.scale);
    return `the book's ${what}, at the index, is worth at most ${percent} % of its equity either way`;
  }
  const range = rangeWords(entry, fields, scales[greek]);
  if (measure === 'gross') {
    return `the book's gross ${what} is ${range}`;
  }
  return `the book's net ${what}${measure === 'hedged' ? ', after the hedge of the document,' : ''} is ${range}`;
}

function expiryWords(field: Field): string {
  if (typeof field.value === 'string') {
    field.constant('perpetual');
    return ' of what never expires';
  }
  const fields = field.record([], ['after_days', 'to_days']);
  const [after, to] = ['after_days', 'to_days'].map((name) =>
    fields.optional(name, (own) => own.integer(0, MAX_DAYS)),
  );
  if (after === undefined && to === undefined) {
    throw field.error("needs 'after_days' or 'to_days'");
  }
  if (after === undefined) {
    return ` of expiries within ${to} days`;
  }
  return ` of expiries beyond ${after} ${to === undefined ? 'days' : `and within ${to} days`}`;
}

function rangeWords(entry: Field, fields: Fields, scale: number): string {
  const [least, greatest] = ['least', 'greatest'].map((name) =>
    fields.optional(name, (own) => inUnits(parseDecimal(own.text(), own.path), scale, own.path)),
  );
  const text = (units: bigint): string => formatUnits(units, scale);
  if (least === undefined) {
    if (greatest === undefined) {
      throw entry.error('nothing is limited');
    }
    return `at most ${text(greatest)}`;
  }
  if (greatest === undefined) {
    return least === 0n ? 'not negative' : `at least ${text(least)}`;
  }
  if (least === -greatest) {
    return least === 0n ? 'zero' : `within ±${text(greatest)}`;
  }
  return `at least ${text(least)} and at most ${text(greatest)}`;
}
