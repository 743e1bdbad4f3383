/** Signatures of a market by its sources: check M2 (docs/protocol.md, section 12). */

import { checkEd25519 } from '../book/signature.ts';
import { concat, fromHex, toUtf8 } from '../encoding/bytes.ts';
import { labelled, sha256 } from '../encoding/hashing.ts';
import { checkName, checkNormalForm } from '../encoding/text.ts';
import { FormError } from '../errors.ts';
import { Field } from '../json/fields.ts';

const FORMAT = 'sealedbook/market-signatures/v1';
const DIGEST_LABEL = labelled('sealedbook/v1/market-digest');
const MESSAGE_LABEL = labelled('sealedbook/v1/market-signature');
const MAX_DOCUMENT_BYTES = 131_072;
const MAX_SIGNATURES = 64;
const MAX_SOURCE = 100;

export interface MarketSigner {
  /** The name in the document: worth nothing by itself. */
  readonly source: string;
  readonly publicKey: string;
}

/** Who signed the market. Throws a FormError unless the document is well-formed and all signatures in it hold. */
export function marketSigners(document: Uint8Array, market: Uint8Array): MarketSigner[] {
  if (document.length > MAX_DOCUMENT_BYTES) {
    throw new FormError(`$: has ${document.length} bytes, at most ${MAX_DOCUMENT_BYTES} are read`);
  }
  const fields = Field.document(document).record(['format', 'signatures']);
  fields.get('format').constant(FORMAT);
  const digest = sha256(DIGEST_LABEL, market);
  const list = fields.get('signatures');
  const signers = list.list(1, MAX_SIGNATURES).map((entry) => readSigned(entry, digest));
  signers.forEach(({ source }, i) => {
    const before = signers[i - 1]?.source;
    if (before !== undefined && compareCodePoints(before, source) >= 0) {
      throw list.error(`'${source}' stands after '${before}'`);
    }
  });
  if (new Set(signers.map(({ publicKey }) => publicKey)).size !== signers.length) {
    throw list.error('a public key appears twice');
  }
  return signers;
}

function readSigned(entry: Field, digest: Uint8Array): MarketSigner {
  const fields = entry.record(['source', 'public_key', 'signature']);
  const path = `${entry.path}.source`;
  const source = checkNormalForm(checkName(fields.get('source').text(), MAX_SOURCE, path), path);
  if (source.includes('=')) {
    throw new FormError(`${path}: has the character =`);
  }
  const publicKey = fields.get('public_key').hex(32);
  const signature = fields.get('signature').bytes(64);
  const message = concat(MESSAGE_LABEL, digest, toUtf8(source));
  checkEd25519(signature, message, fromHex(publicKey, 32, 'public key'), `the signature of '${source}'`);
  return { source, publicKey };
}

/** UTF-8 has the order of code points; JavaScript's own comparison has that of code units. */
function compareCodePoints(a: string, b: string): number {
  const [x, y] = [toUtf8(a), toUtf8(b)];
  const place = x.findIndex((byte, i) => byte !== y[i]);
  if (place < 0) {
    return x.length - y.length;
  }
  return place >= y.length ? 1 : (x[place] ?? 0) - (y[place] ?? 0);
}
