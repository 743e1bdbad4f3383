import { describe, expect, test } from 'vitest';

import { verifyBundle } from '../src/verifier/bundle/check.ts';
import { readAttestation } from '../src/verifier/bundle/attestation-report.ts';
import { readBook } from '../src/verifier/book/book.ts';
import { Field } from '../src/verifier/json/fields.ts';
import { buildTree, nodeSummary } from '../src/verifier/book/tree.ts';
import { encodePoint } from '../src/verifier/curve/point.ts';
import { hashToCurve } from '../src/verifier/curve/generators.ts';
import { checkOpening, commitmentOf } from '../src/verifier/opening/check.ts';
import type { Trust } from '../src/verifier/types.ts';
import { toHex } from '../src/verifier/encoding/bytes.ts';
import { altered, encoded, type PathChange, unhex, vectors } from './vectors.ts';

interface BundleVectors {
  accepted: { issuer_key: string; files: Record<string, string>; 'leaves.bin': string };
  rejected: {
    check: string;
    comment: string;
    replace?: Record<string, string | null>;
    leaves?: Record<string, string>;
    issuer_key?: string;
  }[];
}

interface OpeningVectors {
  book_digest: string;
  root_hash: string;
  accepted: { typed: string; opening: object }[];
  rejected: {
    check: string;
    comment: string;
    changes: PathChange[];
    typed: string;
    against: 'bundle' | 'root' | 'digest';
  }[];
}

interface Values {
  domain: string;
  generators: { for: string; label: string; point: string }[];
  leaves: { tag: string; commitment: string; blinding: string; account: string }[];
  accounts: { account: string; positions: [string, string][] }[];
  trees: { leaves: number; levels: { hash: string; sum: string }[][] }[];
  book: string;
  book_digest: string;
}

const BUNDLE = vectors<BundleVectors>('seal/bundle.json');
const OPENING = vectors<OpeningVectors>('seal/opening.json');
const VALUES = vectors<Values>('seal/values.json');

function filesOf(
  replace: Record<string, string | null> = {},
  leaves: Record<string, string> = {},
): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const [name, text] of Object.entries({ ...BUNDLE.accepted.files, ...replace })) {
    if (text !== null) {
      files.set(name, encoded(text));
    }
  }
  const bytes = unhex(BUNDLE.accepted['leaves.bin']);
  for (const [index, leaf] of Object.entries(leaves)) {
    bytes.set(unhex(leaf), 80 * Number(index));
  }
  files.set('leaves.bin', bytes);
  return files;
}

describe('bundles', () => {
  test('accepted, with and without the key', () => {
    const files = filesOf();
    const report = verifyBundle({ files, issuerKey: BUNDLE.accepted.issuer_key });
    expect(report.verdict).toMatchObject({ ok: true });
    expect(report.steps.map(({ check, status }) => `${check} ${status}`)).toEqual([
      'B1-files ok',
      'B2-attestation ok',
      'B3-issuer ok',
      'B4-signature ok',
      'B5-listing ok',
      'B6-digests ok',
      'B7-leaves ok',
      'B8-root-hash ok',
      'B9-root-sum ok',
    ]);
    expect(report.tree?.map((level) => level.length)).toEqual([8, 4, 2, 1]);
    const unkeyed = verifyBundle({ files });
    expect(unkeyed.verdict.ok).toBe(true);
    expect(unkeyed.steps[2]).toMatchObject({ check: 'B3-issuer', status: 'skipped' });
    expect(unkeyed.findings.find(({ subject }) => subject === 'Issuer')?.level).toBe('claimed');
  });

  test.each(BUNDLE.rejected)('refused: $comment ($check)', ({ check, replace, leaves, issuer_key }) => {
    const report = verifyBundle({
      files: filesOf(replace, leaves),
      ...(issuer_key === undefined ? {} : { issuerKey: issuer_key }),
    });
    expect(report.verdict).toMatchObject({ ok: false, check });
    expect(report.findings).toEqual([]);
    expect(report.steps.at(-1)).toMatchObject({ check, status: 'failed' });
  });

  test('claims that the user requires have to be there', () => {
    expect(verifyBundle({ files: filesOf(), require: ['solvency'] }).verdict).toMatchObject({
      ok: false,
      check: 'B10-claims',
    });
    const model = encoded('{}');
    expect(verifyBundle({ files: filesOf(), model }).verdict).toMatchObject({ check: 'C1-documents' });
  });

  test('the attestation alone', () => {
    const files = filesOf();
    const [attestation, signature] = [files.get('attestation.json'), files.get('attestation.sig')];
    if (attestation === undefined || signature === undefined) {
      throw new Error('vectors without an attestation');
    }
    const report = readAttestation(attestation, signature, BUNDLE.accepted.issuer_key);
    expect(report).toMatchObject({ kind: 'attestation', issuerKey: 'expected', verdict: { ok: true } });
    expect(report.book?.digest).toBe(VALUES.book_digest);
    expect(readAttestation(attestation, signature, 'ab'.repeat(32)).verdict).toMatchObject({
      check: 'B3-issuer',
    });
    const short = signature.subarray(0, 128);
    expect(readAttestation(attestation, short).verdict).toMatchObject({ check: 'B1-files' });
  });
});

function trustOf(against: 'bundle' | 'root' | 'digest', withLeaves = true): Trust {
  if (against === 'root') {
    return { kind: 'root', hash: OPENING.root_hash };
  }
  if (against === 'digest') {
    return { kind: 'book-digest', digest: OPENING.book_digest };
  }
  const files = filesOf();
  return {
    kind: 'bundle',
    attestation: files.get('attestation.json') ?? new Uint8Array(),
    signature: files.get('attestation.sig') ?? new Uint8Array(),
    issuerKey: BUNDLE.accepted.issuer_key,
    ...(withLeaves ? { leaves: files.get('leaves.bin') ?? new Uint8Array() } : {}),
  };
}

describe('openings', () => {
  test.each(OPENING.accepted)('accepted: $typed', ({ typed, opening }) => {
    for (const against of ['bundle', 'root', 'digest'] as const) {
      const report = checkOpening(encoded(JSON.stringify(opening)), typed, trustOf(against));
      expect(report.verdict).toMatchObject({ ok: true });
      expect(report.path).toHaveLength(3);
      expect(report.path.at(-1)?.parent.hash).toBe(OPENING.root_hash);
      const skipped = report.steps.filter(({ status }) => status === 'skipped').map(({ check }) => check);
      expect(skipped).toEqual(against === 'bundle' ? [] : ['O7-leaf']);
    }
  });

  test('positions have decimals', () => {
    const alice = OPENING.accepted[0];
    const report = checkOpening(encoded(JSON.stringify(alice?.opening)), 'alice', trustOf('root'));
    expect(report.positions).toEqual([
      { asset: 'BTC', decimals: 8, amount: '150000000', value: '1.5' },
      { asset: '€UR', decimals: 2, amount: '2500075', value: '25000.75' },
    ]);
  });

  test('levels of issuer and time follow from what is trusted', () => {
    const alice = encoded(JSON.stringify(OPENING.accepted[0]?.opening));
    const level = (against: 'bundle' | 'root' | 'digest'): string | undefined =>
      checkOpening(alice, 'alice', trustOf(against)).findings.find(({ subject }) => subject === 'As of')
        ?.level;
    expect([level('bundle'), level('root'), level('digest')]).toEqual(['signed', 'claimed', 'recomputed']);
  });

  test('without the leaves the check of the leaf is skipped, and the report says so', () => {
    const alice = encoded(JSON.stringify(OPENING.accepted[0]?.opening));
    const report = checkOpening(alice, 'alice', trustOf('bundle', false));
    expect(report.steps.find(({ check }) => check === 'O7-leaf')?.status).toBe('skipped');
    expect(report.verdict.ok).toBe(true);
  });

  test.each(OPENING.rejected)('refused: $comment ($check)', ({ check, changes, typed, against }) => {
    const opening = altered(OPENING.accepted[0]?.opening ?? {}, changes);
    const report = checkOpening(encoded(JSON.stringify(opening)), typed, trustOf(against));
    expect(report.verdict).toMatchObject({ ok: false, check });
  });
});

describe('a book made from another', () => {
  const read = (predecessor: unknown): ReturnType<typeof readBook> => {
    const book = { ...(JSON.parse(VALUES.book) as object), predecessor };
    return readBook(Field.document(encoded(JSON.stringify(book))));
  };

  test.each(['changed', 'anew'])('names it, and its digest covers that: %s', (form) => {
    const book = read({ book: VALUES.book_digest, form });
    expect(book.predecessor).toEqual({ book: VALUES.book_digest, form });
    expect(book.digest).not.toBe(VALUES.book_digest);
  });

  test.each([
    [null, 'expected an object'],
    [{ book: VALUES.book_digest }, "'form' is missing"],
    [{ book: 'ab', form: 'anew' }, 'expected 32 bytes'],
    [{ book: VALUES.book_digest, form: 'other' }, 'is not one of'],
    [{ book: VALUES.book_digest, form: 'anew', more: 1 }, "unknown field 'more'"],
  ])('refused: %j', (predecessor, reason) => {
    expect(() => read(predecessor)).toThrow(reason);
  });
});

describe('values', () => {
  test.each(VALUES.generators)('generator for $for', ({ label, point }) => {
    expect(toHex(encodePoint(hashToCurve(unhex(label), VALUES.domain)))).toBe(point);
  });

  test('commitments of all accounts', () => {
    const decimals = new Map([
      ['BTC', 8],
      ['ETH', 18],
      ['€UR', 2],
    ]);
    for (const { account, positions } of VALUES.accounts) {
      const leaf = VALUES.leaves.find((candidate) => candidate.account === account);
      const opened = positions.map(([id, amount]) => ({
        asset: { id, decimals: decimals.get(id) ?? -1 },
        amount: BigInt(amount),
      }));
      expect(toHex(commitmentOf(opened, BigInt(`0x${leaf?.blinding ?? ''}`)))).toBe(leaf?.commitment);
    }
  });

  test.each(VALUES.trees)('tree of $leaves leaves', ({ leaves, levels }) => {
    const bytes = VALUES.leaves.slice(0, leaves).map(({ tag, commitment }) => tag + commitment);
    expect(buildTree(unhex(bytes.join(''))).map((level) => level.map(nodeSummary))).toEqual(levels);
  });
});
