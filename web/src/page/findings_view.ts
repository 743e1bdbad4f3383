/** What was learned, line by line, each with how well it is founded. */

import type { Claim, Finding, Level, Report } from '../verifier/types.ts';
import { h } from './dom.ts';
import { levelMark, section, unfold } from './parts.ts';
import { claims, findings, levels } from './strings.ts';

/** The verifier's findings. Of an opening, balances are left out here: they stand in a table of their own. */
export function findingsView(reports: readonly Report[]): HTMLElement | null {
  const lines = reports.flatMap((report) => {
    const assets =
      report.kind === 'opening' ? new Set(report.positions.map((position) => position.asset)) : new Set();
    return report.findings.filter((finding) => !assets.has(finding.subject));
  });
  if (lines.length === 0) return null;
  return section(
    'findings',
    findings.heading,
    h('p', { class: 'lead' }, findings.lead),
    h('ul', { class: 'findings' }, ...lines.map(line)),
    legend(new Set(lines.map((finding) => finding.level))),
  );
}

function line(finding: Finding): HTMLElement {
  return h(
    'li',
    {},
    levelMark(finding.level),
    h('div', {}, h('p', { class: 'subject breakable' }, finding.subject), text(finding.text)),
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
  return claim.kind === 'accounts' ? claims.accounts : claims.solvency;
}

function claimWords(claim: Claim): string {
  if (claim.kind === 'accounts') return claims.accountsWords(claim.model);
  const { numerator, denominator } = claim.ratio;
  const ratio =
    numerator === denominator ? claims.ratioOne : claims.ratio(String(numerator), String(denominator));
  return claims.solvencyWords(ratio, claim.totals === 'public' ? claims.public : claims.hidden);
}
