import { describe, expect, test } from 'vitest';

import { marketSigners } from '../src/verifier/claims/market-signatures.ts';
import { labelled, sha256 } from '../src/verifier/encoding/hashing.ts';
import { toHex } from '../src/verifier/encoding/bytes.ts';
import { FormError } from '../src/verifier/errors.ts';
import { encoded, vectors } from './vectors.ts';

interface Signed {
  markets: { name: string; document: string; digest: string }[];
  accepted: { name: string; market: string; signatures: string | null }[];
  rejected: { name: string; market: string; signatures: string | null; check: string }[];
}

const SIGNED = vectors<Signed>('market/signed.json');

function marketNamed(name: string): Uint8Array {
  return encoded(SIGNED.markets.find((market) => market.name === name)?.document ?? '');
}

describe('signatures of markets', () => {
  test.each(SIGNED.markets)('digest: $name', ({ document, digest }) => {
    expect(toHex(sha256(labelled('sealedbook/v1/market-digest'), encoded(document)))).toBe(digest);
  });

  // Conditions on markets (M1, M3 to M5) are the user's own, and are not offered here: their vectors have signatures that hold.
  const others = SIGNED.rejected.filter(({ check }) => check !== 'M2-signatures');
  const holding = [...SIGNED.accepted, ...others].filter(({ signatures }) => signatures !== null);

  test.each(holding)('hold: $name', ({ market, signatures }) => {
    expect(marketSigners(encoded(signatures ?? ''), marketNamed(market)).length).toBeGreaterThan(0);
  });

  test.each(SIGNED.rejected.filter(({ check }) => check === 'M2-signatures'))(
    'refused: $name',
    ({ market, signatures }) => {
      expect(() => marketSigners(encoded(signatures ?? ''), marketNamed(market))).toThrow(FormError);
    },
  );
});
