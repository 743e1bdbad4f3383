/** The form of a certificate (docs/protocol.md, section 9). */

import { type Book, readBook } from '../book/book.ts';
import { fromBase64 } from '../encoding/base64.ts';
import { toHex, toUtf8 } from '../encoding/bytes.ts';
import { DIGEST_BYTES, jsonDigest, sha256 } from '../encoding/hashing.ts';
import { checkName, checkNormalForm } from '../encoding/text.ts';
import { jsonObject } from '../json/canonical.ts';
import { Field } from '../json/fields.ts';
import { readLeaf, readPath } from '../opening/opening.ts';
import type { LeafSummary, TreeNode } from '../types.ts';

const FORMAT = 'sealedbook/certificate/v1';
const CONTEXT_FORMAT = 'sealedbook/certificate-context/v1';
const CONTEXT_LABEL = 'sealedbook/v1/certificate-context';
const MAX_AUDIENCE = 200;
const REQUIRED = ['format', 'book', 'leaf', 'path', 'model', 'statement', 'proof'];

export interface Certificate {
  readonly book: Book;
  readonly leaf: LeafSummary;
  readonly path: readonly TreeNode[];
  /** The documents: the UTF-8 bytes of the texts. */
  readonly model: Uint8Array;
  readonly market?: Uint8Array;
  readonly audience?: string;
  /** Digest, hexadecimal. */
  readonly statement: string;
  readonly proof: Uint8Array;
}

export function readCertificate(bytes: Uint8Array): Certificate {
  const fields = Field.document(bytes).record(REQUIRED, ['market', 'audience']);
  fields.get('format').constant(FORMAT);
  const market = fields.optional('market', readDocument);
  const audience = fields.optional('audience', readAudience);
  return {
    book: readBook(fields.get('book')),
    leaf: readLeaf(fields.get('leaf')),
    path: readPath(fields.get('path')),
    model: readDocument(fields.get('model')),
    ...(market === undefined ? {} : { market }),
    ...(audience === undefined ? {} : { audience }),
    statement: fields.get('statement').hex(DIGEST_BYTES),
    proof: readProof(fields.get('proof')),
  };
}

function readDocument(field: Field): Uint8Array {
  const text = field.text();
  if (text === '') {
    throw field.error('is empty');
  }
  return toUtf8(text);
}

function readAudience(field: Field): string {
  const text = checkName(field.text(), MAX_AUDIENCE, field.path);
  return checkNormalForm(text, field.path);
}

function readProof(field: Field): Uint8Array {
  const text = field.text();
  if (text === '') {
    throw field.error('is empty');
  }
  return fromBase64(text, field.path);
}

/** What the proof absorbs in place of everything that the certificate says. */
export function certificateContext(certificate: Certificate, statementDigest: Uint8Array): Uint8Array {
  const { book, leaf, model, market, audience } = certificate;
  return jsonDigest(
    CONTEXT_LABEL,
    jsonObject([
      ['format', CONTEXT_FORMAT],
      ['book', book.digest],
      [
        'leaf',
        jsonObject([
          ['index', leaf.index],
          ['tag', leaf.tag],
          ['commitment', leaf.commitment],
        ]),
      ],
      [
        'documents',
        jsonObject([
          ['model', toHex(sha256(model))],
          ['market', market === undefined ? undefined : toHex(sha256(market))],
        ]),
      ],
      ['statement', toHex(statementDigest)],
      ['audience', audience ?? null],
    ]),
  );
}
