import { describe, expect, it } from 'vitest';
import type { OpeningReport, Report, Trust, Verifier } from '../verifier/types.ts';
import { Missing, runTask, statedRoot } from './check.ts';
import { type Added, arrange } from './files.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const ROOT = 'ab'.repeat(32);
const OPENING: Added = {
  kind: 'opening',
  name: 'opening.json',
  path: 'opening.json',
  data: bytes(JSON.stringify({ book: { root: { hash: ROOT } } })),
};
const SIGNED: Added[] = [
  { kind: 'attestation', name: 'attestation.json', path: 'attestation.json', data: bytes('{}') },
  { kind: 'signature', name: 'attestation.sig', path: 'attestation.sig', data: bytes('00') },
];

function report(trust: Trust['kind'], ok: boolean): OpeningReport {
  const verdict = ok ? ({ ok, words: 'fine' } as const) : ({ ok, check: 'O3-root', message: 'no' } as const);
  return {
    kind: 'opening',
    trust,
    verdict,
    steps: [],
    findings: [],
    milliseconds: 1,
    positions: [],
    path: [],
  };
}

/** A verifier that accepts against all but `refused`, and remembers what it was asked. */
function fake(asked: Trust[], refused?: Trust['kind']): Verifier {
  const attestation = {
    kind: 'attestation',
    verdict: { ok: true, words: '' },
    steps: [],
    findings: [],
    milliseconds: 1,
    claims: [],
    files: [],
    issuerKey: 'expected',
  };
  return {
    checkOpening: (_: Uint8Array, __: string, trust: Trust) => {
      asked.push(trust);
      return Promise.resolve(report(trust.kind, trust.kind !== refused));
    },
    readAttestation: () => Promise.resolve(attestation as unknown as Report),
  } as unknown as Verifier;
}

const base = { account: 'alice' };

describe('an opening', () => {
  it('is compared with everything that is trusted, the bundle last', async () => {
    const asked: Trust[] = [];
    const expected = { ...base, rootHash: ROOT, bookDigest: 'cd'.repeat(32), issuerKey: 'ef'.repeat(32) };
    const files = arrange([OPENING, ...SIGNED]);
    const outcome = await runTask('opening', { files, expected, verifier: fake(asked), hooks: {} });
    expect(asked.map(({ kind }) => kind)).toEqual(['root', 'book-digest', 'bundle']);
    expect(asked[2]).toMatchObject({ issuerKey: 'ef'.repeat(32) });
    expect(outcome).toMatchObject({ compared: 'bundle', claims: [] });
  });

  it('is rejected by the first that it does not fit', async () => {
    const asked: Trust[] = [];
    const files = arrange([OPENING, ...SIGNED]);
    const expected = { ...base, rootHash: ROOT };
    const outcome = await runTask('opening', { files, expected, verifier: fake(asked, 'root'), hooks: {} });
    expect(asked).toHaveLength(1);
    expect(outcome).toMatchObject({ compared: 'root', reports: [{ verdict: { ok: false } }] });
    expect(outcome.claims).toBeUndefined();
  });

  it('with nothing to compare is checked against itself, and that is said', async () => {
    const asked: Trust[] = [];
    const outcome = await runTask('opening', {
      files: arrange([OPENING]),
      expected: base,
      verifier: fake(asked),
      hooks: {},
    });
    expect(asked).toEqual([{ kind: 'root', hash: ROOT }]);
    expect(outcome.compared).toBe('nothing');
  });

  it('needs the typed account id', async () => {
    const run = { files: arrange([OPENING]), expected: {}, verifier: fake([]), hooks: {} };
    await expect(runTask('opening', run)).rejects.toThrow(Missing);
  });
});

describe('proofs', () => {
  const name = 'book';
  const claim = {
    kind: 'book',
    name,
    model: 'm.json',
    market: 'k.json',
    signatures: 's.json',
    statement: '',
  };
  const added = (kind: Added['kind'], path: string): Added => ({ kind, name: path, path, data: bytes(path) });
  const listing = added('attestation', 'attestation.json');
  const names = ['m.json', 'k.json', 's.json', 'book.narg'];
  const attestation = {
    ...listing,
    data: bytes(
      JSON.stringify({ files: names.map((file) => ({ name: file.replace('book', 'proofs/book') })) }),
    ),
  };
  const statement = added('statement', 'book.bin');
  const documents = names.slice(0, 3).map((file) => added('document', file));
  const files = [attestation, ...SIGNED.slice(1), ...documents, added('proof', 'book.narg'), statement];

  it('about the whole book are checked with their documents, signatures and statement', async () => {
    const asked: unknown[] = [];
    const verifier = {
      readAttestation: () =>
        Promise.resolve({ ...report('bundle', true), kind: 'attestation', claims: [claim] }),
      verifyBookClaim: (input: unknown) => {
        asked.push(input);
        return Promise.resolve({ ...report('bundle', true), kind: 'book' });
      },
    } as unknown as Verifier;
    const run = { expected: {}, verifier, hooks: {} };
    const outcome = await runTask('proofs', { ...run, files: arrange(files) });
    expect(outcome).toMatchObject({ notes: [], reports: [{ kind: 'book' }] });
    expect(asked).toMatchObject([
      {
        claim: name,
        model: bytes('m.json'),
        market: bytes('k.json'),
        signatures: bytes('s.json'),
        proof: bytes('book.narg'),
        statements: [bytes('book.bin')],
      },
    ]);
    const fewer = files.filter((file) => file.name !== 'k.json');
    const missing = await runTask('proofs', { ...run, files: arrange(fewer) });
    expect(missing.notes[0]).toContain('k.json');
    expect(asked).toHaveLength(1);
  });
});

describe('statedRoot', () => {
  it.each([['{}'], ['{"book":{"root":{"hash":"xyz"}}}'], ['not json'], ['{"book":[]}']])(
    'of %s is nobody’s root',
    (text) => {
      expect(statedRoot(bytes(text))).toBe('0'.repeat(64));
    },
  );
});
