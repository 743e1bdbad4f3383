/** What was learned, line by line, each with how well it is founded. */

import type { BaseReport, Claim, Finding, Level, OpeningReport, SolvencyReport } from '../verifier/types.ts';
import { formatCount } from './amounts.ts';
import { h } from './dom.ts';
import { levelMark, section, unfold } from './parts.ts';
import { solvencySubjects } from './solvency_view.ts';
import { claims, findings, levels } from './strings.ts';

/**
 * The verifier's findings. What has a part of the page of its own is left out here: balances of an opening, amounts of
 * reserves.
 */
export function findingsView(reports: readonly BaseReport[]): HTMLElement | null {
  const lines = reports.flatMap((report) =>
    report.findings.filter((finding) => !isShownElsewhere(finding, report)),
  );
  if (lines.length === 0) return null;
  return section(
    'findings',
    findings.heading,
    h('p', { class: 'lead' }, findings.lead),
    h('ul', { class: 'findings' }, ...groups(lines).map(group)),
    legend(new Set(lines.map((finding) => finding.level))),
  );
}

function isShownElsewhere(finding: Finding, report: BaseReport & { kind?: string }): boolean {
  const { subject } = finding;
  if (isOpening(report)) return report.positions.some(({ asset }) => asset === subject);
  if (!isSolvency(report)) return false;
  return report.assets.some(({ asset }) => solvencySubjects(asset).includes(subject));
}

function isOpening(report: BaseReport & { kind?: string }): report is OpeningReport {
  return report.kind === 'opening';
}

function isSolvency(report: BaseReport & { kind?: string }): report is SolvencyReport {
  return report.kind === 'solvency';
}

/** Findings of one subject and level that stand together, such as the rows of a statement. */
export function groups(lines: readonly Finding[]): readonly (readonly Finding[])[] {
  const grouped: Finding[][] = [];
  for (const line of lines) {
    const last = grouped.at(-1);
    const first = last?.[0];
    if (last !== undefined && first?.subject === line.subject && first.level === line.level) last.push(line);
    else grouped.push([line]);
  }
  return grouped;
}

const SHOWN = 3;

function group(lines: readonly Finding[]): HTMLElement {
  const [first] = lines;
  const texts = lines.slice(0, SHOWN).map((line) => text(line.text));
  const rest = lines.slice(SHOWN).map((line) => text(line.text));
  return h(
    'li',
    {},
    first && levelMark(first.level),
    h(
      'div',
      {},
      h('p', { class: 'subject breakable' }, first?.subject),
      ...texts,
      rest.length > 0 && unfold(findings.more(formatCount(rest.length)), ...rest),
    ),
  );
}

const LONG = 240;

/** Long lines, such as all rows of a model, are folded. */
function text(words: string): HTMLElement {
  if (words.length <= LONG) return h('p', { class: 'breakable' }, words);
  const cut = words.lastIndexOf(' ', LONG);
  const start = words.slice(0, cut > 0 ? cut : LONG);
  return unfold(`${start}\u2026`, h('p', { class: 'breakable' }, words));
}

function legend(present: ReadonlySet<Level>): HTMLElement {
  const entries = (Object.keys(levels) as Level[]).filter((level) => present.has(level));
  return unfold(
    findings.legend,
    h(
      'dl',
      { class: 'legend' },
      ...entries.flatMap((level) => [h('dt', {}, levelMark(level)), h('dd', {}, levels[level].meaning)]),
    ),
  );
}

/** What the attestation claims about the whole book, where this check did not look at the proofs. */
export function claimsView(listed: readonly Claim[], signedBy: Level): HTMLElement {
  const items = listed.map((claim) =>
    h(
      'li',
      {},
      levelMark(signedBy),
      h(
        'div',
        {},
        h('p', { class: 'subject' }, `${claimName(claim)} (${claim.name})`),
        h('p', {}, claimWords(claim)),
        signaturesOf(claim) !== undefined && h('p', {}, claims.signatures(signaturesOf(claim) ?? '')),
        h('p', { class: 'quiet' }, claims.notChecked),
      ),
    ),
  );
  return section(
    'claims',
    claims.heading,
    items.length === 0 ? h('p', {}, claims.none) : h('ul', { class: 'findings' }, ...items),
    items.length > 0 && h('p', { class: 'quiet' }, claims.checkBundle),
  );
}

function claimName(claim: Claim): string {
  return claims[claim.kind];
}

/** The file with signatures of the market by its sources. */
function signaturesOf(claim: Claim): string | undefined {
  return claim.kind === 'solvency' ? undefined : claim.signatures;
}

function claimWords(claim: Claim): string {
  if (claim.kind === 'accounts') return claims.accountsWords(claim.model);
  if (claim.kind === 'book') return claims.bookWords(claim.model);
  const { numerator, denominator } = claim.ratio;
  const ratio =
    numerator === denominator ? claims.ratioOne : claims.ratio(String(numerator), String(denominator));
  return claims.solvencyWords(ratio, claim.totals === 'public' ? claims.public : claims.hidden);
}
