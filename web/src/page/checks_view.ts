/** Every check with its name, what came of it, and plain words. */

import type { Report, Step, StepStatus } from '../verifier/types.ts';
import { allSteps } from './check.ts';
import { h } from './dom.ts';
import { icon } from './icons.ts';
import { section, unfold } from './parts.ts';
import { checks, checkWords } from './strings.ts';

/** The families of checks that a report of each kind is made of, by the first letter of their names. */
const FAMILIES: Readonly<Record<Report['kind'], string>> = {
  attestation: '',
  opening: 'O',
  certificate: 'K',
  batch: 'C',
  book: 'W',
  solvency: 'S',
  bundle: '',
};

export function checksView(reports: readonly Report[]): HTMLElement {
  const steps = reports.flatMap(allSteps);
  const passed = steps.filter((step) => step.status === 'ok').length;
  const failed = steps.some((step) => step.status === 'failed');
  const list = h(
    'ol',
    { class: 'checks' },
    ...steps.map(item),
    ...reports.flatMap(notReached).map(missingItem),
  );
  const summary = checks.passed(passed);
  const body = [h('p', { class: 'lead' }, checks.lead), list];
  if (failed) return section('checks', checks.heading, h('p', {}, summary), ...body);
  return section('checks', checks.heading, unfold(summary, ...body));
}

/** Checks of the report's family that the failed one kept from being made. */
export function notReached(report: Report): readonly string[] {
  const family = FAMILIES[report.kind];
  if (report.verdict.ok || family === '') return [];
  const made = new Set(report.steps.map((step) => step.check));
  return Object.keys(checkWords).filter((name) => name.startsWith(family) && !made.has(name));
}

function item(step: Step): HTMLElement {
  const figures = Object.entries(step.data);
  return h(
    'li',
    { class: `check check-${step.status}` },
    mark(step.status),
    h(
      'div',
      {},
      h(
        'p',
        { class: 'check-name' },
        checkWords[step.check]?.name ?? '',
        ' ',
        h('code', {}, step.check),
        ' ',
        h('span', { class: 'check-status' }, checks.status[step.status]),
      ),
      h('p', { class: 'breakable' }, step.words),
      figures.length > 0 &&
        unfold(
          checks.figures,
          h(
            'dl',
            { class: 'pairs' },
            ...figures.flatMap(([name, value]) => [
              h('dt', {}, name),
              h('dd', { class: 'breakable' }, figure(value)),
            ]),
          ),
        ),
    ),
  );
}

function missingItem(name: string): HTMLElement {
  return h(
    'li',
    { class: 'check check-skipped' },
    icon('skipped'),
    h(
      'div',
      {},
      h(
        'p',
        { class: 'check-name' },
        checkWords[name]?.name ?? '',
        ' ',
        h('code', {}, name),
        ' ',
        h('span', { class: 'check-status' }, checks.notReached),
      ),
    ),
  );
}

function mark(status: StepStatus): SVGElement {
  return icon(({ ok: 'accepted', failed: 'rejected', skipped: 'skipped' } as const)[status]);
}

function figure(value: Step['data'][string]): string {
  return typeof value === 'object' ? value.join(', ') : String(value);
}
