/**
 * `npm run bench`. Times are of a warm verifier, with generators computed; the first check of a page pays for the
 * generators that it needs as well: 160 for the certificate here, 4,096 and more for a batch.
 */

import { bench, describe } from 'vitest';

import { verifyCertificate } from '../src/verifier/certificate/check.ts';
import { DOMAIN, hashToCurve } from '../src/verifier/curve/generators.ts';
import { hashBeforeCofactor } from '../src/verifier/curve/map-to-curve.ts';
import { multiScalar } from '../src/verifier/curve/multiscalar.ts';
import { decodePoint, encodePoint, IDENTITY } from '../src/verifier/curve/point.ts';
import { GROUP_ORDER } from '../src/verifier/curve/scalar.ts';
import { checkOpening } from '../src/verifier/opening/check.ts';
import { certificate33, opening64 } from './fixtures.ts';
import { encoded } from './vectors.ts';

function must<T extends { verdict: { ok: boolean } }>(report: T): T {
  if (!report.verdict.ok) {
    throw new Error(JSON.stringify(report.verdict));
  }
  return report;
}

describe('files', () => {
  bench('opening, 64 leaves', () => {
    must(checkOpening(opening64.bytes, opening64.account, opening64.trust));
  });
  bench('certificate, 33 rows of 96 bits', () => {
    must(verifyCertificate(certificate33.bytes, certificate33.trust, { audience: certificate33.audience }));
  });
});

describe('parts', () => {
  const G = hashToCurve(encoded('bench'));
  const bytes = encodePoint(G);
  let point = G;
  const terms = Array.from({ length: 1024 }, (_, i) => {
    point = point.add(G);
    return { scalar: (GROUP_ORDER / 7n) * BigInt((i % 6) + 1), point };
  });
  bench('hash to curve', () => {
    hashToCurve(encoded('bench'));
  });
  bench('generator of an equation', () => {
    hashBeforeCofactor(encoded('bench'), DOMAIN);
  });
  bench('decompression', () => {
    decodePoint(bytes, 'P');
  });
  bench('multi-scalar multiplication, 1,024 points', () => {
    if (multiScalar(terms) === IDENTITY) {
      throw new Error('no sum');
    }
  });
});
