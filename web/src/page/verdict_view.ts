/** The verdict: one sentence, and if a check failed, what that means and what to do. */

import type { Report } from '../verifier/types.ts';
import { type Outcome, decisive } from './check.ts';
import { formatCount } from './amounts.ts';
import { h } from './dom.ts';
import { type Icon, icon } from './icons.ts';
import { knownWords } from './model_view.ts';
import { plainTime } from './parts.ts';
import { checkWords, intake, unknownCheck, verdict } from './strings.ts';

export interface VerdictWords {
  readonly tone: 'accepted' | 'rejected' | 'incomplete';
  readonly label: string;
  readonly sentence: string;
}

/** The one sentence. Without anything to compare with, even a sound opening is not called accepted. */
export function verdictWords(outcome: Outcome, report: Report): VerdictWords {
  if (isUndecided(report)) {
    return { tone: 'incomplete', label: verdict.undecided, sentence: verdict.undecidedWords };
  }
  if (!report.verdict.ok) {
    const words = checkWords[report.verdict.check] ?? unknownCheck;
    return { tone: 'rejected', label: verdict.rejected, sentence: words.meaning };
  }
  if (outcome.compared === 'nothing') {
    const sentence = report.kind === 'opening' ? verdict.openingOwnRoot : verdict.certificateOwnRoot;
    return { tone: 'incomplete', label: verdict.incomplete, sentence };
  }
  return { tone: 'accepted', label: verdict.accepted, sentence: acceptedWords(outcome, report) };
}

/** Nothing failed: what is missing is a file of the user's. */
function isUndecided({ verdict: said }: Report): boolean {
  return !said.ok && said.needs !== undefined;
}

function acceptedWords(outcome: Outcome, report: Report): string {
  if ((report.kind !== 'opening' && report.kind !== 'certificate') || report.book === undefined) {
    return allWords(outcome);
  }
  const { issuer, asOf } = report.book;
  // A key that came with the files says nothing about who signed.
  const isNamed = outcome.compared === 'book-digest' || outcome.keyExpected;
  const book = (isNamed ? verdict.sealedBy : verdict.signedInTheNameOf)(issuer.name, plainTime(asOf));
  if (report.kind === 'opening') {
    return outcome.compared === 'root' ? verdict.openingByRoot : verdict.openingAccepted(book);
  }
  const statement = report.model === undefined ? undefined : knownWords(report.model)?.replace(/\.$/, '');
  if (statement === undefined || report.leaf === undefined) return allWords(outcome);
  const leaf = formatCount(report.leaf.index);
  return outcome.compared === 'root'
    ? verdict.certificateByRoot(statement, leaf)
    : verdict.certificateAccepted(statement, leaf, book);
}

/** The verifier's own sentences, one for each report. */
function allWords(outcome: Outcome): string {
  return outcome.reports.flatMap(({ verdict: said }) => (said.ok ? [said.words] : [])).join(' ');
}

export function verdictView(outcome: Outcome): HTMLElement {
  const report = decisive(outcome);
  if (report === undefined)
    return h('div', { class: 'verdict verdict-incomplete' }, h('p', {}, outcome.notes.join(' ')));
  const { tone, label, sentence } = verdictWords(outcome, report);
  return h(
    'div',
    { class: `verdict verdict-${tone}`, 'data-milliseconds': totalTime(outcome) },
    outcome.sample && h('p', { class: 'sample-note' }, intake.sampleNote),
    h('p', { class: 'verdict-label' }, icon(tone satisfies Icon), label),
    h('p', { class: 'verdict-sentence' }, sentence),
    ...failure(report),
    ...outcome.notes.map((note) => h('p', {}, note)),
    h('p', { class: 'quiet' }, verdict.time(totalTime(outcome))),
  );
}

function totalTime(outcome: Outcome): number {
  return outcome.reports.reduce((sum, report) => sum + report.milliseconds, 0);
}

function failure(report: Report): HTMLElement[] {
  if (report.verdict.ok) return [];
  const { check, message } = report.verdict;
  const words = checkWords[check] ?? unknownCheck;
  const undecided = isUndecided(report);
  const advice = undecided ? verdict.undecidedAdvice : words.advice;
  return [
    h(
      'dl',
      { class: 'failure' },
      h('dt', {}, undecided ? verdict.needed : verdict.failedCheck),
      h('dd', {}, h('code', {}, check), ` ${words.name}`),
      h('dt', {}, verdict.found),
      h('dd', { class: 'breakable' }, message),
    ),
    h('h4', {}, verdict.whatNow),
    h('ol', { class: 'advice' }, ...advice.map((line) => h('li', {}, line))),
  ];
}
