/** Balances in plain units, exact. */

import type { OpeningReport, Position } from '../verifier/types.ts';
import { formatAmount } from './amounts.ts';
import { h } from './dom.ts';
import { plainTime, section } from './parts.ts';
import { positions } from './strings.ts';

/** Shown even of a rejected opening only if the verifier came far enough to read them; the caller decides. */
export function positionsView(report: OpeningReport): HTMLElement {
  return section(
    'positions',
    positions.heading,
    h('p', { class: 'lead' }, positions.lead),
    h(
      'div',
      { class: 'statement' },
      bookLines(report),
      report.positions.length === 0 ? h('p', {}, positions.none) : table(report.positions),
    ),
  );
}

function bookLines(report: OpeningReport): HTMLElement {
  const lines: [string, string][] = [];
  if (report.account !== undefined) lines.push([positions.account, report.account]);
  if (report.book !== undefined) {
    lines.push([positions.issuer, report.book.issuer.name], [positions.asOf, plainTime(report.book.asOf)]);
  }
  return h(
    'dl',
    { class: 'facts' },
    ...lines.map(([name, text]) => h('div', {}, h('dt', {}, name), h('dd', { class: 'breakable' }, text))),
  );
}

function table(rows: readonly Position[]): HTMLElement {
  return h(
    'table',
    { class: 'amounts' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', { scope: 'col' }, positions.asset),
        h('th', { scope: 'col', class: 'number' }, positions.amount),
      ),
    ),
    h('tbody', {}, ...rows.map(row)),
  );
}

function row(position: Position): HTMLElement {
  const units = BigInt(position.amount);
  return h(
    'tr',
    {},
    h('th', { scope: 'row', class: 'breakable' }, position.asset),
    h(
      'td',
      { class: units < 0n ? 'number debt' : 'number' },
      formatAmount(units, position.decimals),
      units < 0n && h('span', { class: 'tag' }, positions.debt),
    ),
  );
}
