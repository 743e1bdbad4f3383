import { describe, expect, it } from 'vitest';
import type { OpeningReport, PathStep, Step } from '../verifier/types.ts';
import { notReached } from './checks_view.ts';
import { groups } from './findings_view.ts';
import { inWords, knownWords } from './model_view.ts';
import { plainTime, shortDigest } from './parts.ts';
import { keyTarget } from './path_drawing.ts';
import { pathModel } from './path_model.ts';
import { checkWords } from './strings.ts';
import { verdictWords } from './verdict_view.ts';

const NODE = { hash: 'ab'.repeat(32), sum: 'cd'.repeat(48) };
const BOOK = {
  issuer: { name: 'Exchange', publicKey: '00'.repeat(32) },
  asOf: '2026-01-31T00:00:00Z',
  assets: [],
  leafCount: 8,
  height: 3,
  leavesSha256: '',
  root: NODE,
  digest: '11'.repeat(32),
};

function step(check: string, status: Step['status']): Step {
  return { check, status, words: '', data: {} };
}

function opening(fields: Partial<OpeningReport>): OpeningReport {
  return {
    kind: 'opening',
    trust: 'bundle',
    verdict: { ok: true, words: 'fine' },
    steps: [step('O9-root-hash', 'ok'), step('O10-root-sum', 'ok')],
    findings: [],
    milliseconds: 1,
    positions: [],
    path: [0, 1, 2].map((level): PathStep => ({
      level,
      index: 5 >> level,
      siblingSide: (5 >> level) % 2 === 1 ? 'left' : 'right',
      node: NODE,
      sibling: NODE,
      parent: NODE,
    })),
    leaf: { index: 5, tag: '', commitment: '' },
    book: BOOK,
    ...fields,
  };
}

const outcome = (compared: 'bundle' | 'book-digest' | 'root' | 'nothing', keyExpected = false) => ({
  task: 'opening' as const,
  compared,
  keyExpected,
  reports: [],
  notes: [],
  sample: false,
});

describe('the sentence', () => {
  it('names the exchange only if its key or the book digest was compared', () => {
    expect(verdictWords(outcome('bundle', true), opening({})).sentence).toMatch(
      /the book that Exchange sealed for 2026-01-31 00:00/,
    );
    expect(verdictWords(outcome('book-digest'), opening({})).sentence).toMatch(/that Exchange sealed/);
    expect(verdictWords(outcome('bundle'), opening({})).sentence).toMatch(/signed in the name of Exchange/);
    expect(verdictWords(outcome('root'), opening({})).sentence).not.toMatch(/Exchange/);
  });
  it('does not accept what was compared with nothing', () => {
    expect(verdictWords(outcome('nothing', true), opening({})).tone).toBe('incomplete');
  });
});

describe('a statement that is missing', () => {
  const waiting = opening({
    verdict: { ok: false, check: 'K8-documents', message: 'give the compiled statement', needs: 'statement' },
  });
  it('is no rejection', () => {
    const { tone, label, sentence } = verdictWords(outcome('bundle', true), waiting);
    expect(tone).toBe('incomplete');
    expect(label).toMatch(/^Not decided/);
    expect(sentence).toMatch(/compiled statement is missing/);
    const failed = opening({ verdict: { ok: false, check: 'K8-documents', message: '' } });
    expect(verdictWords(outcome('bundle', true), failed).tone).toBe('rejected');
  });
});

describe('every check', () => {
  it('has words, and something to do', () => {
    for (const [name, words] of Object.entries(checkWords)) {
      expect(name).toMatch(/^[BCKMOSW]\d+-[a-z-]+$/);
      expect(words?.meaning).toMatch(/\.$/);
      expect(words?.advice.length).toBeGreaterThan(0);
    }
  });
  it('that a failure kept from being made is listed', () => {
    const failed = opening({
      verdict: { ok: false, check: 'O8-path', message: '' },
      steps: [step('O1-form', 'ok'), step('O8-path', 'failed')],
    });
    expect(notReached(failed)).toContain('O10-root-sum');
    expect(notReached(failed)).not.toContain('O1-form');
    expect(notReached(opening({}))).toEqual([]);
  });
});

describe('the path', () => {
  it('reaches the root if hash and sum were compared', () => {
    expect(pathModel(opening({}))).toMatchObject({ reached: true, chosen: 0, height: 3 });
    expect(pathModel(opening({ steps: [step('O9-root-hash', 'ok')] }))?.reached).toBe(false);
  });
  it('shows the level that failed', () => {
    const broken = opening({
      verdict: { ok: false, check: 'O9-root-hash', message: '' },
      steps: [step('O9-root-hash', 'failed')],
    });
    expect(pathModel(broken)).toMatchObject({ reached: false, chosen: 3 });
    expect(pathModel(broken)?.levels.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok', 'failed']);
  });
  it('knows where neighbours stand before they were reached', () => {
    const early = opening({
      verdict: { ok: false, check: 'O6-commitment', message: '' },
      steps: [step('O6-commitment', 'failed')],
      path: [],
    });
    expect(pathModel(early)?.levels.map(({ side }) => side)).toEqual(['left', 'right', 'left', undefined]);
    expect(pathModel(early)?.levels.map(({ state }) => state)).toEqual([
      'failed',
      'not-reached',
      'not-reached',
      'not-reached',
    ]);
  });
  it('is not drawn for a height that no tree has', () => {
    expect(pathModel(opening({ book: { ...BOOK, height: 33 } }))).toBeUndefined();
    expect(pathModel(opening({ book: { ...BOOK, height: 0 } }))).toBeUndefined();
  });
  it.each([
    ['ArrowUp', 0, 1],
    ['ArrowUp', 3, 3],
    ['ArrowDown', 0, 0],
    ['Home', 2, 0],
    ['End', 0, 3],
    ['Enter', 2, 2],
    ['a', 2, undefined],
  ])('%s leads from %i to %s', (key, place, target) => {
    expect(keyTarget(key, place, 4)).toBe(target);
  });
});

describe('small words', () => {
  it('models', () => {
    expect(inWords('{"kind":"at-least","asset":"BTC","amount":"1.5"}')).toBe(
      'The account holds at least 1.5 BTC.',
    );
    expect(inWords('{"kind":"balanced-book"}')).toMatch(/sums over all accounts/);
    expect(knownWords('{"kind":"span"}')).toBeUndefined();
    expect(inWords('{"kind":"span"}')).toMatch(/“span”: read its document/);
    expect(inWords('not json')).toMatch(/read its document/);
    expect(inWords('{"kind":"constructor"}')).toMatch(/read its document/);
  });
  it('findings of one subject and level stand together', () => {
    const line = (subject: string, text: string) => ({ subject, text, level: 'proven' as const });
    expect(
      groups([line('a', '1'), line('a', '2'), line('b', '3'), line('a', '4')]).map((group) => group.length),
    ).toEqual([2, 1, 1]);
  });
  it('times and digests', () => {
    expect(plainTime('2026-01-31T08:15:00Z')).toBe('2026-01-31 08:15\u00a0UTC');
    expect(plainTime('2026-01-31T08:15:07Z')).toBe('2026-01-31 08:15:07\u00a0UTC');
    expect(shortDigest(NODE.hash)).toBe('abab…abab');
  });
});
