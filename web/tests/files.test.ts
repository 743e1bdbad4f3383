import { describe, expect, test } from 'vitest';

import { verifyCertificate } from '../src/verifier/certificate/check.ts';
import { integerBounds, notIntegral } from '../src/verifier/statement/integrality.ts';
import type { LinearTerm, Row, Statement } from '../src/verifier/statement/statement.ts';
import { checkOpening } from '../src/verifier/opening/check.ts';
import type { Step } from '../src/verifier/types.ts';
import { compileModel } from '../src/verifier/models/model.ts';
import { encodeStatement } from '../src/verifier/statement/canonical.ts';
import { certificate33, opening64 } from './fixtures.ts';
import { encoded, pointed } from './vectors.ts';

describe('files of the size that people have', () => {
  test('an opening', () => {
    const steps: Step[] = [];
    const report = checkOpening(opening64.bytes, opening64.account, opening64.trust, {
      onStep: (step) => steps.push(step),
    });
    expect(report.verdict.ok).toBe(true);
    expect(report.path).toHaveLength(6);
    expect(steps).toEqual(report.steps);
  });

  test('a certificate of 33 rows of 96 bits, with progress that never falls', () => {
    const seen: number[] = [];
    const report = verifyCertificate(
      certificate33.bytes,
      certificate33.trust,
      { audience: certificate33.audience },
      { onProgress: (fraction) => seen.push(fraction) },
    );
    expect(report.verdict.ok).toBe(true);
    expect(report.statement?.rows).toHaveLength(36);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });
});

describe('models that are not compiled here', () => {
  const certificate = JSON.parse(new TextDecoder().decode(certificate33.bytes)) as {
    model: string;
    book: { assets: { id: string; decimals: number }[] };
  };
  const margin = JSON.stringify({ format: 'sealedbook/model/v1', kind: 'span', version: 1 });
  const changed = encoded(JSON.stringify(pointed(certificate, [{ path: '/model', value: margin }])));
  const { assets } = certificate.book;
  const statement = compileModel(encoded(certificate.model), undefined, assets, 'account');

  test('need the statement, and the report says so', () => {
    expect(verifyCertificate(changed, certificate33.trust).verdict).toMatchObject({
      ok: false,
      check: 'K8-documents',
      needs: 'statement',
    });
    const last = verifyCertificate(changed, certificate33.trust).steps.at(-1);
    expect(last).toMatchObject({ check: 'K8-documents', status: 'skipped' });
  });

  test('the statement given has to be the certified one, for which the proof holds', () => {
    const given = encodeStatement(statement);
    // The proof is bound to the model's bytes too, so it cannot hold for this made-up document.
    const report = verifyCertificate(changed, certificate33.trust, { statements: [given] });
    expect(report.verdict).toMatchObject({ ok: false, check: 'K10-proof' });
    expect(report.statement?.source).toBe('given');
    const fewer: Statement = { ...statement, rows: statement.rows.slice(1) };
    const other = verifyCertificate(changed, certificate33.trust, { statements: [encodeStatement(fewer)] });
    const several = { statements: [encodeStatement(fewer), given] };
    expect(verifyCertificate(changed, certificate33.trust, several).verdict).toMatchObject({
      check: 'K10-proof',
    });
    expect(other.verdict).toMatchObject({ ok: false, check: 'K9-statement' });
  });

  test('the statement given has to be about integers and about the assets of the book', () => {
    const unbounded: Statement = { ...statement, rows: statement.rows.slice(0, 33) };
    const loose = verifyCertificate(changed, certificate33.trust, {
      statements: [encodeStatement(unbounded)],
    });
    expect(loose.verdict).toMatchObject({ ok: false, check: 'K8-documents' });
    const renamed: Statement = {
      ...statement,
      assets: assets.map(({ id, decimals }) => ({ id: `${id}2`, decimals })),
    };
    const foreign = verifyCertificate(changed, certificate33.trust, {
      statements: [encodeStatement(renamed)],
    });
    expect(foreign.verdict).toMatchObject({ ok: false, check: 'K8-documents' });
  });
});

describe('integers', () => {
  const terms = (list: readonly (readonly [number, bigint])[]): LinearTerm[] =>
    list.map(([index, coefficient]) => ({ index, coefficient }));
  const row = (
    width: number,
    positions: readonly (readonly [number, bigint])[],
    auxiliaries: readonly (readonly [number, bigint])[] = [],
  ): Row => ({ width, constant: 0n, positions: terms(positions), auxiliaries: terms(auxiliaries) });
  const statementOf = (rows: Row[], auxiliaryWidths: number[] = []): Statement => ({
    assets: ['A', 'B', 'C'].map((id) => ({ id, decimals: 0 })),
    rows,
    auxiliaryWidths,
  });

  test('a row with coefficient 1 and auxiliary variables makes a position one', () => {
    const statement = statementOf([row(0, [[0, 1n]], [[0, -3n]])], [10]);
    expect(integerBounds(statement).get(0)).toBe(1n + 3n * 1024n);
    expect(notIntegral(statement)).toBeUndefined();
  });

  test('one after the other', () => {
    const rows = [
      row(8, [
        [0, 1n],
        [1, -2n],
      ]),
      row(8, [
        [1, -1n],
        [2, 5n],
      ]),
      row(4, [[2, 1n]]),
    ];
    expect([...integerBounds(statementOf(rows)).keys()].sort()).toEqual([0, 1, 2]);
  });

  test('another coefficient does not: 1/2 modulo r would do', () => {
    expect(notIntegral(statementOf([row(8, [[0, 2n]])]))).toContain("'A' an integer");
    expect(
      notIntegral(
        statementOf([
          row(8, [
            [0, 1n],
            [1, 1n],
          ]),
        ]),
      ),
    ).toContain('an integer');
  });

  test('a position that may be large makes other rows wrap', () => {
    const wide = row(120, [[0, 1n]]);
    expect(
      notIntegral(
        statementOf([
          wide,
          row(8, [
            [0, 1n << 100n],
            [1, 1n],
          ]),
          row(4, [[1, 1n]]),
        ]),
      ),
    ).toBeUndefined();
    expect(
      notIntegral(
        statementOf([
          wide,
          row(8, [
            [0, 1n << 180n],
            [1, 1n],
          ]),
          row(4, [[1, 1n]]),
        ]),
      ),
    ).toContain('row 1 can wrap around');
  });
});
