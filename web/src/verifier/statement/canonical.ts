/** The canonical form of a statement and its digest (docs/statements.md, section 5). */

import { ascii, bigEndian, concat, equalBytes, fromBigEndian, fromUtf8, toUtf8 } from '../encoding/bytes.ts';
import { labelled, sha256 } from '../encoding/hashing.ts';
import { checkAssetId } from '../encoding/text.ts';
import { FormError } from '../errors.ts';
import type { Asset } from '../types.ts';
import {
  absolute,
  checked,
  type LinearTerm,
  MAX_ASSETS,
  MAX_AUXILIARIES,
  MAX_ROWS,
  type Row,
  type Statement,
} from './statement.ts';

const STATEMENT_LABEL = concat(ascii('sealedbook/v1/statement'), new Uint8Array(1));
const DIGEST_LABEL = labelled('sealedbook/v1/statement-digest');
const MAX_DECIMALS = 18;
/** No integer of a statement is above the group order, which has 32 bytes. */
const MAX_INTEGER_BYTES = 32;

export function statementDigest(canonical: Uint8Array): Uint8Array {
  return sha256(DIGEST_LABEL, canonical);
}

export function encodeStatement({ assets, auxiliaryWidths, rows }: Statement): Uint8Array {
  return concat(
    STATEMENT_LABEL,
    bigEndian(assets.length, 4),
    ...assets.map(encodeAsset),
    bigEndian(auxiliaryWidths.length, 4),
    Uint8Array.from(auxiliaryWidths),
    bigEndian(rows.length, 4),
    ...rows.map(encodeRow),
  );
}

function encodeAsset({ id, decimals }: Asset): Uint8Array {
  const name = toUtf8(id);
  return concat(bigEndian(name.length, 2), name, bigEndian(decimals, 1));
}

function encodeRow({ width, constant, positions, auxiliaries }: Row): Uint8Array {
  return concat(
    bigEndian(width, 1),
    encodeInteger(constant),
    encodeTerms(positions),
    encodeTerms(auxiliaries),
  );
}

function encodeTerms(terms: readonly LinearTerm[]): Uint8Array {
  const encoded = terms.map(({ index, coefficient }) =>
    concat(bigEndian(index, 4), encodeInteger(coefficient)),
  );
  return concat(bigEndian(terms.length, 4), ...encoded);
}

function encodeInteger(value: bigint): Uint8Array {
  const hex = value === 0n ? '' : absolute(value).toString(16);
  const length = Math.ceil(hex.length / 2);
  return concat(Uint8Array.of(value < 0n ? 1 : 0, length), bigEndian(absolute(value), length));
}

/** The statement with this canonical form. Everything of sections 1, 2 and 5 is checked. */
export function parseStatement(canonical: Uint8Array): Statement {
  const reader = new Reader(canonical);
  if (!equalBytes(reader.take(STATEMENT_LABEL.length), STATEMENT_LABEL)) {
    throw new FormError('not a statement of this version');
  }
  const assets = reader.list(MAX_ASSETS, 'assets', () => reader.asset());
  const auxiliaryWidths = reader.list(MAX_AUXILIARIES, 'variables', () => reader.unsigned(1));
  const rows = reader.list(MAX_ROWS, 'rows', () => reader.row());
  reader.end();
  return checked({ assets, auxiliaryWidths, rows });
}

class Reader {
  private position = 0;

  constructor(private readonly bytes: Uint8Array) {}

  take(length: number): Uint8Array {
    const end = this.position + length;
    if (end > this.bytes.length) {
      throw new FormError(`${end - this.bytes.length} more bytes expected at the end`);
    }
    const taken = this.bytes.subarray(this.position, end);
    this.position = end;
    return taken;
  }

  end(): void {
    if (this.position !== this.bytes.length) {
      throw new FormError(`${this.bytes.length - this.position} bytes after the end`);
    }
  }

  unsigned(length: number): number {
    return Number(fromBigEndian(this.take(length)));
  }

  list<T>(most: number, what: string, item: () => T): T[] {
    const count = this.unsigned(4);
    if (count > this.bytes.length - this.position) {
      // Every item has a byte at least: refuse before anything is made for them.
      throw new FormError(`more bytes expected for ${count} ${what}`);
    }
    if (count > most) {
      throw new FormError(`limit: ${count} ${what}`);
    }
    return Array.from({ length: count }, item);
  }

  asset(): Asset {
    const id = fromUtf8(this.take(this.unsigned(2)), 'asset id');
    checkAssetId(id, 'asset id');
    const decimals = this.unsigned(1);
    if (decimals > MAX_DECIMALS) {
      throw new FormError(`asset '${id}': ${decimals} decimals`);
    }
    return { id, decimals };
  }

  row(): Row {
    const width = this.unsigned(1);
    const constant = this.integer();
    const positions = this.list(MAX_ASSETS, 'terms', () => this.term());
    const auxiliaries = this.list(MAX_AUXILIARIES, 'terms', () => this.term());
    return { width, constant, positions, auxiliaries };
  }

  private term(): LinearTerm {
    return { index: this.unsigned(4), coefficient: this.integer() };
  }

  private integer(): bigint {
    const sign = this.unsigned(1);
    const length = this.unsigned(1);
    if (length > MAX_INTEGER_BYTES) {
      throw new FormError(`an integer of ${length} bytes`);
    }
    const magnitude = this.take(length);
    if (magnitude[0] === 0) {
      throw new FormError('an integer with a leading zero');
    }
    if (sign > 1 || (sign === 1 && length === 0)) {
      throw new FormError('the sign of an integer');
    }
    const value = fromBigEndian(magnitude);
    return sign === 1 ? -value : value;
  }
}
