/**
 * Against what the Python side makes on the spot: models that it compiles or refuses, and a bundle that it proves.
 * tests/test_web_verifier.py writes the folder that SEALEDBOOK_INTEROP names; without it there is nothing to compare.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { readAttestation } from '../src/verifier/bundle/attestation-report.ts';
import { verifyBundle } from '../src/verifier/bundle/check.ts';
import { checkAttestation } from '../src/verifier/book/attestation.ts';
import { leafCommitments } from '../src/verifier/book/tree.ts';
import {
  type AccountsCase,
  checkAccountsClaim,
  checkProofFiles,
  checkProofs,
} from '../src/verifier/claims/accounts.ts';
import { Recorder } from '../src/verifier/report.ts';
import { verifyBookClaim } from '../src/verifier/claims/book.ts';
import { verifyBatchProof } from '../src/verifier/claims/batch.ts';
import { verifySolvency } from '../src/verifier/claims/solvency.ts';
import { toHex } from '../src/verifier/encoding/bytes.ts';
import { FormError } from '../src/verifier/errors.ts';
import { compileModel } from '../src/verifier/models/model.ts';
import { checkOpening } from '../src/verifier/opening/check.ts';
import { encodeStatement } from '../src/verifier/statement/canonical.ts';
import type { AccountsClaim, BundleReport, SolvencyReport, Trust } from '../src/verifier/types.ts';
import { encoded, refusalOf } from './vectors.ts';

const FOLDER = process.env['SEALEDBOOK_INTEROP'] ?? '';

interface Models {
  assets: { id: string; decimals: number }[];
  cases: { model: string; market: string | null; scope: 'book' | 'account'; canonical: string | null }[];
}

function read(...parts: string[]): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, ...parts)));
}

function filesOf(folder: string): Map<string, Uint8Array> {
  const names = readdirSync(join(FOLDER, folder), { recursive: true }).map(String);
  const files = names.filter((name) => statSync(join(FOLDER, folder, name)).isFile());
  return new Map(files.map((name) => [name, read(folder, name)]));
}

describe.skipIf(FOLDER === '')('made by the Python side', () => {
  test('models: the same statements, the same refusals', () => {
    const { assets, cases } = JSON.parse(new TextDecoder().decode(read('models.json'))) as Models;
    const compile = ({ model, market, scope }: Models['cases'][number]): string | null => {
      try {
        const prices = market === null ? undefined : encoded(market);
        return toHex(encodeStatement(compileModel(encoded(model), prices, assets, scope)));
      } catch (error) {
        if (error instanceof FormError) {
          return null;
        }
        throw error;
      }
    };
    for (const entry of cases) {
      expect(compile(entry), `${entry.scope} ${entry.model}`).toBe(entry.canonical);
    }
    expect(cases.filter(({ canonical }) => canonical !== null).length).toBeGreaterThan(20);
    expect(cases.filter(({ canonical }) => canonical === null).length).toBeGreaterThan(20);
  });

  describe('a bundle', () => {
    const bundle = (changed: Record<string, Uint8Array> = {}): Map<string, Uint8Array> =>
      new Map([...filesOf('bundle'), ...Object.entries(changed)]);
    const file = (name: string): Uint8Array => bundle().get(name) ?? new Uint8Array();
    const issuerKey = (): string => new TextDecoder().decode(read('issuer.pub')).trim();
    const levels = (report: BundleReport, claim: string): string[] =>
      report.claims
        .filter((candidate): candidate is SolvencyReport => candidate.kind === 'solvency')
        .filter((candidate) => candidate.claim?.name === claim)
        .flatMap(({ findings }) => findings)
        .filter(({ subject }) => subject.startsWith('Reserves of'))
        .map(({ subject, level }) => `${subject.slice('Reserves of '.length)} ${level}`);

    test('is accepted, and figures have the levels that the docs give them', () => {
      const report = verifyBundle({
        files: bundle(),
        issuerKey: issuerKey(),
        require: ['accounts', 'solvency'],
      });
      expect(report.verdict).toMatchObject({ ok: true });
      const checks = report.claims.map(({ steps }) =>
        steps.map(({ check }) => check.split('-')[0]).join(' '),
      );
      expect(checks).toEqual(['C1 C2 C3 C4', 'S1 S2 S4', 'S1 S2 S3 S4 S5']);
      // BTC and USDT may be owed: what outweighs that are the issuer's own prices. ETH never is.
      expect(levels(report, 'hidden')).toEqual(['BTC claimed', 'ETH proven', 'USDT claimed']);
      expect(levels(report, 'public')).toEqual(['BTC claimed', 'ETH recomputed', 'USDT claimed']);
    });

    test('with model and market insisted on', () => {
      const [model, market] = [file('model.json'), file('market.json')];
      const report = verifyBundle({ files: bundle(), model, market });
      expect(report.verdict).toMatchObject({ ok: true });
      expect(levels(report, 'hidden')).toEqual(['BTC proven', 'ETH proven', 'USDT proven']);
      const other = verifyBundle({ files: bundle(), model, market: encoded('{}') });
      expect(other.verdict).toMatchObject({ ok: false, check: 'C1-documents' });
    });

    test('its batch and its claims about reserves one by one', () => {
      const signed = { attestation: file('attestation.json'), signature: file('attestation.sig') };
      const input = {
        ...signed,
        claim: 'accounts',
        batchIndex: 0,
        leaves: file('leaves.bin'),
        proof: file('proofs/accounts-000000.narg'),
        model: file('model.json'),
        market: file('market.json'),
      };
      expect(verifyBatchProof(input).verdict).toMatchObject({ ok: true });
      expect(verifyBatchProof({ ...input, batchIndex: 1 }).verdict).toMatchObject({ check: 'B6-digests' });
      expect(verifyBatchProof({ ...input, claim: 'hidden' }).verdict).toMatchObject({ check: 'B10-claims' });
      expect(verifyBatchProof({ ...input, model: encoded('{}') }).verdict).toMatchObject({
        check: 'B6-digests',
      });
      const leaves = input.leaves.slice();
      leaves[0] = (leaves[0] ?? 0) ^ 1;
      expect(verifyBatchProof({ ...input, leaves }).verdict).toMatchObject({ check: 'B6-digests' });
      const reserves = file('reserves.json');
      const hidden = verifySolvency({
        ...signed,
        claim: 'hidden',
        reserves,
        proof: file('proofs/hidden.narg'),
      });
      expect(hidden.verdict).toMatchObject({ ok: true });
      const open = verifySolvency({
        ...signed,
        claim: 'public',
        reserves,
        totals: file('totals.json'),
        proof: file('proofs/public.narg'),
      });
      expect(open.verdict).toMatchObject({ ok: true });
      expect(open.assets.map(({ total }) => total)).toEqual(['3', '0', '1000']);
    });

    test('every check of a claim about accounts can fail', () => {
      const attestation = checkAttestation(new Recorder(), {
        attestation: file('attestation.json'),
        signature: file('attestation.sig'),
      });
      const claim = attestation.claims.find((candidate) => candidate.kind === 'accounts');
      if (claim === undefined) {
        throw new Error('no claim about accounts');
      }
      const { book } = attestation;
      const documents = { model: file('model.json'), market: file('market.json') };
      const caseOf = (changed: Partial<AccountsClaim> = {}, model = documents.model): AccountsCase =>
        checkAccountsClaim(
          new Recorder(),
          book,
          { ...claim, ...changed },
          { ...documents, model },
          undefined,
        );
      const good = caseOf();
      const proof = file('proofs/accounts-000000.narg');
      const proven = (commitments: Uint8Array[], bytes = proof, batch = 0, use = good): unknown =>
        refusalOf(() => {
          checkProofs(new Recorder(), use, [{ batch, leafCommitments: commitments, proof: bytes }]);
        })?.check;
      const leaves = leafCommitments(file('leaves.bin'), 0, book.leafCount);
      expect(proven(leaves)).toBeUndefined();
      expect(refusalOf(() => caseOf({}, encoded('{}')))?.check).toBe('C1-documents');
      expect(refusalOf(() => caseOf({ statement: '00'.repeat(32) }))?.check).toBe('C2-statement');
      const lengths = (use: AccountsCase, length: number): unknown =>
        refusalOf(() => {
          checkProofFiles(new Recorder(), use, [[0, length]]);
        })?.check;
      expect(lengths(good, proof.length)).toBeUndefined();
      expect(lengths(good, proof.length + 1)).toBe('C3-proof-files');
      expect(lengths(caseOf({ batches: 2 }), proof.length)).toBe('C3-proof-files');
      const flipped = proof.slice();
      flipped[proof.length - 1] = (flipped[proof.length - 1] ?? 0) ^ 1;
      expect(proven(leaves, flipped)).toBe('C4-proofs');
      expect(proven(leaves.toReversed())).toBe('C4-proofs');
      expect(proven(leaves, proof, 1)).toBe('C4-proofs');
      expect(proven(leaves, proof, 0, caseOf({ name: 'other' }))).toBe('C4-proofs');
      const twice = refusalOf(() => {
        checkProofs(new Recorder(), good, [
          { batch: 0, leafCommitments: leaves, proof },
          { batch: 1, leafCommitments: leaves, proof },
        ]);
      });
      expect(twice).toMatchObject({ check: 'C4-proofs' });
      expect(twice?.message).toContain('batch 1');
    });

    test('an opening of it', () => {
      const trust: Trust = {
        kind: 'bundle',
        attestation: file('attestation.json'),
        signature: file('attestation.sig'),
        issuerKey: issuerKey(),
        leaves: file('leaves.bin'),
      };
      expect(checkOpening(read('opening.json'), 'alice', trust).verdict).toMatchObject({ ok: true });
    });
  });

  test('a margin model: nothing is decided without the statement, everything with it', () => {
    const files = filesOf('margin');
    expect(verifyBundle({ files }).verdict).toMatchObject({ ok: false, needs: 'statement' });
    const statements = [read('margin.statement')];
    const report = verifyBundle({ files, statements });
    expect(report.verdict).toMatchObject({ ok: true });
    expect(report.verdict).toMatchObject({ words: expect.stringContaining('claimed to be') as string });
    const claimed = report.claims[0]?.findings.find(
      ({ subject }) => subject === 'Rows are what the model says',
    );
    expect(claimed?.level).toBe('claimed');
    const wrong = read('margin.statement');
    wrong[wrong.length - 1] = (wrong[wrong.length - 1] ?? 0) ^ 2;
    expect(verifyBundle({ files, statements: [wrong] }).verdict).toMatchObject({
      ok: false,
    });
  });

  describe('a claim about the whole book', () => {
    const files = (): Map<string, Uint8Array> => filesOf('balanced');
    const file = (name: string): Uint8Array => files().get(name) ?? new Uint8Array();
    const statements = (): Uint8Array[] => [read('balanced.statement'), read('balanced-accounts.statement')];
    const levelOf = (report: BundleReport, subject: string): string | undefined =>
      report.claims
        .filter(({ kind }) => kind === 'book')
        .flatMap(({ findings }) => findings)
        .find((finding) => finding.subject === subject)?.level;

    test('is decided with its statement alone, beside a claim about every account', () => {
      expect(verifyBundle({ files: files() }).verdict).toMatchObject({ ok: false, needs: 'statement' });
      const report = verifyBundle({ files: files(), statements: statements(), require: ['book'] });
      expect(report.verdict).toMatchObject({ ok: true });
      expect(report.claims.map(({ kind }) => kind)).toEqual(['accounts', 'book']);
      expect(report.claims[1]?.steps.map(({ check }) => check)).toEqual([
        'W1-documents',
        'W2-statement',
        'W3-proof',
      ]);
      expect(levelOf(report, 'Totals of the whole book')).toBe('proven');
      expect(levelOf(report, 'Rows are what the model says')).toBe('claimed');
      expect(levelOf(report, "What the model of 'book' says")).toBe('claimed');
      expect(levelOf(report, 'Who is in the sum')).toBe('not-proven');
    });

    test('with a model insisted on: that of the book is compared with it alone', () => {
      const given = { files: files(), statements: statements() };
      const [model, market] = [file('book-model.json'), file('market.json')];
      const report = verifyBundle({ ...given, model, market });
      expect(report.verdict).toMatchObject({ ok: true });
      expect(levelOf(report, "Model of 'book'")).toBe('recomputed');
      const other = encoded(new TextDecoder().decode(model).replace('"5"', '"6"'));
      expect(verifyBundle({ ...given, model: other }).verdict).toMatchObject({ check: 'W1-documents' });
      expect(verifyBundle({ ...given, model, market: encoded('{}') }).verdict.ok).toBe(false);
      const without = filesOf('bundle');
      expect(verifyBundle({ files: without, model }).verdict).toMatchObject({ check: 'W1-documents' });
    });

    test('its proof alone rests on nothing about accounts', () => {
      const input = {
        attestation: file('attestation.json'),
        signature: file('attestation.sig'),
        claim: 'book',
        model: file('book-model.json'),
        market: file('market.json'),
        proof: file('proofs/book.narg'),
        statements: statements(),
      };
      const report = verifyBookClaim(input);
      expect(report.verdict).toMatchObject({ ok: true });
      const totals = report.findings.find(({ subject }) => subject === 'Totals of the whole book');
      expect(totals?.level).toBe('not-proven');
      expect(verifyBookClaim({ ...input, market: encoded('{}') }).verdict).toMatchObject({
        check: 'B6-digests',
      });
      expect(verifyBookClaim({ ...input, claim: 'accounts' }).verdict).toMatchObject({ check: 'B10-claims' });
    });
  });

  test('a book that follows another says so', () => {
    const [attestation, signature] = [
      read('follows', 'attestation.json'),
      read('follows', 'attestation.sig'),
    ];
    const report = readAttestation(attestation, signature);
    const line = report.findings.find(({ subject }) => subject === 'This book follows');
    expect(line?.level).toBe('claimed');
    expect(line?.text).toContain(report.book?.predecessor?.book);
  });
});
