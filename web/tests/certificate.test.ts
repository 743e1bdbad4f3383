import { describe, expect, test } from 'vitest';

import { verifyCertificate } from '../src/verifier/certificate/check.ts';
import type { CertificateExpectations, Trust } from '../src/verifier/types.ts';
import { encoded, pointed, type PointerChange, vectors } from './vectors.ts';

interface Accepted {
  name: string;
  book_digest: string;
  root_hash: string;
  certificate: { audience?: string; model: string; market?: string };
}

interface Rejected {
  name: string;
  base: string;
  changes: PointerChange[];
  text?: string;
  trusted?: { book_digest?: string; root_hash?: string };
  expected?: { audience?: string; model?: string; market?: string };
  check: string;
}

const ACCEPTED = vectors<Accepted[]>('certificate/accepted.json');
const REJECTED = vectors<Rejected[]>('certificate/rejected.json');

function trustOf(vector: { book_digest?: string; root_hash?: string }): Trust {
  return vector.book_digest === undefined
    ? { kind: 'root', hash: vector.root_hash ?? '' }
    : { kind: 'book-digest', digest: vector.book_digest };
}

describe('certificates', () => {
  test.each(ACCEPTED)('accepted: $name', (vector) => {
    const bytes = encoded(JSON.stringify(vector.certificate));
    const { audience, model, market } = vector.certificate;
    const expectations: CertificateExpectations = {
      model: encoded(model),
      ...(audience === undefined ? {} : { audience }),
      ...(market === undefined ? {} : { market: encoded(market) }),
    };
    const report = verifyCertificate(bytes, trustOf(vector), expectations);
    expect(report.verdict).toMatchObject({ ok: true });
    expect(report.statement?.source).toBe('compiled');
    expect(report.findings.filter(({ level }) => level === 'proven').length).toBeGreaterThan(0);
    expect(report.findings.find(({ subject }) => subject === 'Model')?.level).toBe('recomputed');
    const byRoot = verifyCertificate(bytes, { kind: 'root', hash: vector.root_hash });
    expect(byRoot.verdict.ok).toBe(true);
    expect(byRoot.findings.find(({ subject }) => subject === 'Model')?.level).toBe('claimed');
  });

  test.each(REJECTED)('refused: $name ($check)', (vector) => {
    const base = ACCEPTED.find(({ name }) => name === vector.base);
    if (base === undefined) {
      throw new Error(`no vector ${vector.base}`);
    }
    const text = vector.text ?? JSON.stringify(pointed(base.certificate, vector.changes));
    const { audience, model, market } = vector.expected ?? {};
    const report = verifyCertificate(
      encoded(text),
      trustOf(vector.trusted ?? { book_digest: base.book_digest }),
      {
        ...(audience === undefined ? {} : { audience }),
        ...(model === undefined ? {} : { model: encoded(model) }),
        ...(market === undefined ? {} : { market: encoded(market) }),
      },
    );
    expect(report.verdict).toMatchObject({ ok: false, check: vector.check });
    expect(report.findings).toEqual([]);
  });
});
