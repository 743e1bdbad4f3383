/** From a model document to the statement that it stands for (docs/statements.md, section 6). */

import { inUnits, parseCanonicalDecimal } from '../encoding/decimal.ts';
import { FormError } from '../errors.ts';
import { Field, type Fields } from '../json/fields.ts';
import {
  boundedRow,
  isKeptInRange,
  LARGEST_AMOUNT,
  nonNegativeRow,
  positionRow,
  rangeOf,
  uses,
  widthOf,
} from '../statement/rows.ts';
import {
  AMOUNT_LIMIT,
  checked,
  type LinearTerm,
  MAX_WIDTH,
  type Row,
  type Statement,
} from '../statement/statement.ts';
import type { Asset } from '../types.ts';
import { type Prices, readModelPrices, readPriceDocument } from './prices.ts';

/** What a statement is about: all accounts of a book, or one of them. */
export type Scope = 'book' | 'account';

const FORMAT = 'sealedbook/model/v1';
const SIMPLE_KINDS = ['non-negative', 'bounded', 'net-value', 'net-value-at-least', 'at-least'] as const;
const KINDS = [...SIMPLE_KINDS, 'all'] as const;
const MAX_MODELS = 64;

type Kind = (typeof KINDS)[number];

/** The kind of a model that is not compiled here, if it is one: a margin model has a field `version`. */
export function marginKind(model: Uint8Array): string | undefined {
  const object = Field.document(model).object();
  const kind = object.get('kind');
  return object.has('version') && typeof kind === 'string' && !KINDS.some((simple) => simple === kind)
    ? kind
    : undefined;
}

export function compileModel(
  model: Uint8Array,
  market: Uint8Array | undefined,
  assets: readonly Asset[],
  scope: Scope,
): Statement {
  const prices = market === undefined ? undefined : prefixed('market', () => readPriceDocument(market));
  return prefixed('model', () => {
    const field = Field.document(model);
    const compiler = new Compiler(assets, prices, scope);
    compiler.document(field);
    return compiler.statement();
  });
}

function prefixed<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof FormError ? new FormError(`${what}: ${error.message}`) : error;
  }
}

class Compiler {
  private readonly rows: Row[] = [];
  /** Assets with a row of kind `non-negative`: each has one, whoever asks for it. */
  private readonly nonNegative = new Set<number>();
  /** Assets that are to be bounded; the rows come last, without those that `non-negative` makes superfluous. */
  private readonly bounded = new Set<number>();
  private readonly places: ReadonlyMap<string, number>;

  constructor(
    private readonly assets: readonly Asset[],
    private readonly market: Prices | undefined,
    private readonly scope: Scope,
  ) {
    this.places = new Map(assets.map(({ id }, place) => [id, place]));
  }

  statement(): Statement {
    this.assets.forEach((_, asset) => {
      if (this.bounded.has(asset) && !this.nonNegative.has(asset)) {
        this.rows.push(boundedRow(asset));
      }
    });
    if (this.scope === 'account') {
      this.addMissingBounds();
    } else {
      this.checkZeroAccount();
    }
    return checked({ assets: this.assets, rows: this.rows, auxiliaryWidths: [] });
  }

  document(field: Field): void {
    const object = field.object();
    for (const key of ['format', 'kind']) {
      if (!object.has(key)) {
        throw field.error(`field '${key}' is missing`);
      }
    }
    new Field(object.get('format') ?? null, `${field.path}.format`).constant(FORMAT);
    const kind = new Field(object.get('kind') ?? null, `${field.path}.kind`).oneOf(KINDS);
    if (kind === 'all') {
      const fields = field.record(['format', 'kind', 'models']);
      for (const entry of fields.get('models').list(1, MAX_MODELS)) {
        const nested = entry.object().get('kind');
        this.simple(entry, new Field(nested ?? null, `${entry.path}.kind`).oneOf(SIMPLE_KINDS), []);
      }
    } else {
      this.simple(field, kind, ['format']);
    }
  }

  private simple(field: Field, kind: Exclude<Kind, 'all'>, more: readonly string[]): void {
    const common = ['kind', ...more];
    switch (kind) {
      case 'non-negative':
        for (const asset of this.assetsMeant(field.record(common, ['assets']))) {
          if (!this.nonNegative.has(asset)) {
            this.nonNegative.add(asset);
            this.rows.push(nonNegativeRow(asset));
          }
        }
        break;
      case 'bounded':
        for (const asset of this.assetsMeant(field.record(common, ['assets']))) {
          this.bounded.add(asset);
        }
        break;
      case 'net-value':
        this.netValue(field.record(common, ['prices', 'assets', 'width', 'positions']), undefined);
        break;
      case 'net-value-at-least': {
        const fields = field.record([...common, 'value'], ['prices', 'assets', 'width', 'positions']);
        this.netValue(fields, fields.get('value'));
        break;
      }
      case 'at-least':
        this.atLeast(field.record([...common, 'asset', 'amount']));
    }
  }

  /** 0 <= q_a - X < 2^w */
  private atLeast(fields: Fields): void {
    const asset = this.placeOf(fields.get('asset'));
    const field = fields.get('amount');
    const X = this.units(field, this.assets[asset]?.decimals ?? 0);
    if (X >= AMOUNT_LIMIT || X <= -AMOUNT_LIMIT) {
      throw field.error('is out of range');
    }
    this.refuseAboveZero(field, X);
    this.rows.push(positionRow(asset, -X, widthOf(LARGEST_AMOUNT - X)));
  }

  /** 0 <= sum_a p_a q_a - V < 2^w */
  private netValue(fields: Fields, value: Field | undefined): void {
    const prices = fields.optional('prices', (field) => readModelPrices(field, (id) => this.places.has(id)));
    const terms = this.pricedTerms(fields, prices ?? this.marketPrices(fields));
    const V = value === undefined ? 0n : this.units(value, (prices ?? this.marketPrices(fields)).scale);
    if (value !== undefined) {
      this.refuseAboveZero(value, V);
    }
    const largest = terms.reduce((sum, { coefficient }) => sum + coefficient, 0n) * LARGEST_AMOUNT - V;
    if (largest < 0n) {
      throw new FormError('$.value: no account can be worth so much');
    }
    const width = fields.optional('width', (field) => field.integer(1, MAX_WIDTH)) ?? widthOf(largest);
    const positions =
      fields.optional('positions', (field) => field.oneOf(['bounded', 'summed'])) ?? 'bounded';
    this.rows.push({ width, constant: -V, positions: terms, auxiliaries: [] });
    if (positions === 'bounded') {
      for (const { index } of terms) {
        this.bounded.add(index);
      }
    } else if (this.scope === 'account') {
      throw new FormError("$.positions: 'summed' is for a book, not for one account");
    }
  }

  private pricedTerms(fields: Fields, { scale, prices }: Prices): LinearTerm[] {
    const terms = this.assetsMeant(fields).map((index) => {
      const asset = this.assets[index];
      const price = asset === undefined ? undefined : prices.get(asset.id);
      if (asset === undefined || price === undefined) {
        throw new FormError(`$: asset '${asset?.id ?? ''}' has no price`);
      }
      // p_a = price 10^(scale - decimals)
      return { index, coefficient: inUnits(price, scale - asset.decimals, `price of '${asset.id}'`) };
    });
    const used = terms.filter(({ coefficient }) => coefficient !== 0n);
    if (used.length === 0) {
      throw new FormError('$: no price is above zero');
    }
    return used;
  }

  private marketPrices(fields: Fields): Prices {
    if (this.market === undefined) {
      throw new FormError(`${fields.get('kind').path}: the model has no prices and no market was given`);
    }
    return this.market;
  }

  private assetsMeant(fields: Fields): number[] {
    const listed = fields.optional('assets', (field) => {
      const places = field.list(1, this.assets.length).map((entry) => this.placeOf(entry));
      if (new Set(places).size !== places.length) {
        throw field.error('an asset appears twice');
      }
      return places.sort((a, b) => a - b);
    });
    return listed ?? this.assets.map((_, place) => place);
  }

  private placeOf(field: Field): number {
    const id = field.text();
    const place = this.places.get(id);
    if (place === undefined) {
      throw field.error(`asset '${id}' is not in the book`);
    }
    return place;
  }

  private units(field: Field, decimals: number): bigint {
    return inUnits(parseCanonicalDecimal(field.text(), field.path), decimals, field.path);
  }

  private refuseAboveZero(field: Field, units: bigint): void {
    if (this.scope === 'book' && units > 0n) {
      throw field.error('is above zero, which an account of zeros does not satisfy');
    }
  }

  /** Section 2: bounded rows for the positions that are used and not kept in range otherwise. */
  private addMissingBounds(): void {
    const present = [...this.rows];
    this.assets.forEach((_, asset) => {
      const users = present.filter((row) => uses(row.positions, asset));
      const isSafe =
        users.some((row) => isKeptInRange(row, asset)) || users.every((row) => rangeOf(row) !== undefined);
      if (!isSafe) {
        this.rows.push(boundedRow(asset));
      }
    });
  }

  /** Section 3: padding leaves are accounts of zeros, and are proved like all others. */
  private checkZeroAccount(): void {
    for (const { constant, width } of this.rows) {
      if (constant < 0n || constant >= 1n << BigInt(width)) {
        throw new FormError('zero-account: an account of zeros does not satisfy a row');
      }
    }
  }
}
