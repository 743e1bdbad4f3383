/** What the proofs of a claim absorb in place of everything they belong to (docs/protocol.md, sections 10, 11 and 14). */

import { toHex } from '../encoding/bytes.ts';
import { jsonDigest, sha256 } from '../encoding/hashing.ts';
import { jsonObject } from '../json/canonical.ts';

const FORMAT = 'sealedbook/claim-context/v1';
const LABEL = 'sealedbook/v1/claim-context';

export function claimContext(
  kind: 'accounts' | 'book' | 'solvency',
  name: string,
  bookDigest: string,
  documents: readonly (readonly [string, Uint8Array | undefined])[],
  statementDigest: Uint8Array,
): Uint8Array {
  const digests = documents.map(
    ([key, bytes]) => [key, bytes === undefined ? undefined : toHex(sha256(bytes))] as const,
  );
  return jsonDigest(
    LABEL,
    jsonObject([
      ['format', FORMAT],
      ['kind', kind],
      ['name', name],
      ['book', bookDigest],
      ['documents', jsonObject(digests)],
      ['statement', toHex(statementDigest)],
    ]),
  );
}
