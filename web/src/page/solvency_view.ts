/** Reserves and totals as bars, asset by asset. Where totals are hidden, the bar says "at least" and shows no length. */

import type { SolvencyAsset, SolvencyReport } from '../verifier/types.ts';
import { barShare } from './amounts.ts';
import { h, s } from './dom.ts';
import { levelMark, section } from './parts.ts';
import { claims, solvency } from './strings.ts';
import { baseUnits, groupDecimal } from './units.ts';

const SHOWN = 8;
const BAR = 240;

export function solvencyView(report: SolvencyReport): HTMLElement | null {
  if (report.assets.length === 0) return null;
  const hidden = report.claim?.totals !== 'public';
  const first = report.assets.slice(0, SHOWN).map((asset) => assetBars(asset, report));
  const rest = report.assets.slice(SHOWN).map((asset) => assetBars(asset, report));
  const more =
    rest.length > 0 && h('details', {}, h('summary', {}, solvency.moreAssets(rest.length)), ...rest);
  const words = !report.verdict.ok ? solvency.failed : hidden ? solvency.hiddenWords : solvency.publicWords;
  return section(
    `solvency-${report.claim?.name ?? 'claim'}`,
    solvency.heading,
    h('p', { class: report.verdict.ok ? 'lead' : 'bad' }, words),
    ...first,
    more,
    h('p', { class: 'quiet' }, levelMark('claimed'), ` ${solvency.reserves}: ${solvency.stated}.`),
  );
}

/** Subjects of the findings about `asset` that are shown beside its bars. */
export function solvencySubjects(asset: string): readonly string[] {
  return [coverSubject(asset), `Amount of ${asset} in reserve`, `Total of ${asset}`];
}

function coverSubject(asset: string): string {
  return `Reserves of ${asset}`;
}

/** What the verifier says of the cover, and how well it is founded: it may be less than proven although the proof holds. */
function coverLine(asset: string, report: SolvencyReport): HTMLElement {
  const found = report.findings.find((finding) => finding.subject === coverSubject(asset));
  return h(
    'div',
    { class: 'cover' },
    levelMark(found?.level ?? 'not-proven'),
    h('p', { class: 'breakable' }, found?.text ?? solvency.unknownCover),
  );
}

function assetBars(asset: SolvencyAsset, report: SolvencyReport): HTMLElement {
  const reserves = baseUnits(asset.reserves, asset.decimals);
  const total = asset.total === undefined ? undefined : baseUnits(asset.total, asset.decimals);
  const scale = total !== undefined && total > reserves ? total : reserves;
  const stated = `${groupDecimal(asset.reserves)} ${asset.asset}`;
  return h(
    'div',
    { class: 'asset' },
    h('h4', { class: 'breakable' }, asset.asset),
    bar(solvency.reserves, stated, barShare(reserves, scale), 'reserves'),
    total === undefined || asset.total === undefined
      ? hiddenBar(report)
      : bar(solvency.total, `${groupDecimal(asset.total)} ${asset.asset}`, barShare(total, scale), 'total'),
    report.verdict.ok && coverLine(asset.asset, report),
  );
}

function bar(label: string, amount: string, share: number, kind: string): HTMLElement {
  return h(
    'div',
    { class: 'bar' },
    h('span', { class: 'bar-label' }, label),
    h('span', { class: 'bar-amount breakable' }, amount),
    s(
      'svg',
      {
        class: `bar-drawing bar-${kind}`,
        viewBox: `0 0 ${BAR} 10`,
        preserveAspectRatio: 'none',
        'aria-hidden': 'true',
      },
      s('rect', { class: 'bar-back', width: BAR, height: 10 }),
      s('rect', { class: 'bar-fill', width: share * BAR, height: 10 }),
    ),
  );
}

/** No length stands for a hidden total: it is somewhere at or below the reserves, divided by the ratio. */
function hiddenBar(report: SolvencyReport): HTMLElement {
  const ratio = report.claim?.ratio;
  const times =
    ratio === undefined || ratio.numerator === ratio.denominator
      ? claims.ratioOne
      : claims.ratio(String(ratio.numerator), String(ratio.denominator));
  const words = report.verdict.ok ? solvency.reservesAtLeast(times) : solvency.hiddenTotal;
  return h(
    'div',
    { class: 'bar' },
    h('span', { class: 'bar-label' }, solvency.total),
    h('span', { class: 'bar-amount' }, levelMark('hidden')),
    h('div', { class: 'bar-hidden' }, words),
  );
}
