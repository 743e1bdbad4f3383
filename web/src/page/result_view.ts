/** The whole result, put together from its parts. */

import type {
  BaseReport,
  BookSummary,
  BundleReport,
  CertificateReport,
  Level,
  OpeningReport,
  Report,
} from '../verifier/types.ts';
import { type Expectations, type Outcome, decisive } from './check.ts';
import { checksView } from './checks_view.ts';
import { digestsView } from './digests_view.ts';
import { type Child, h } from './dom.ts';
import type { Arrangement } from './files.ts';
import { claimsView, findingsView } from './findings_view.ts';
import { modelView } from './model_view.ts';
import { pathDrawing } from './path_drawing.ts';
import { pathModel } from './path_model.ts';
import { section } from './parts.ts';
import { positionsView } from './positions_view.ts';
import { solvencyView } from './solvency_view.ts';
import { limits, model, tree } from './strings.ts';
import { transferView } from './transfer_view.ts';
import { verdictView } from './verdict_view.ts';

export interface Shown {
  readonly outcome: Outcome;
  readonly files: Arrangement;
  readonly expected: Expectations;
}

export function resultView(shown: Shown): readonly HTMLElement[] {
  const { outcome } = shown;
  const report = decisive(outcome);
  if (report === undefined) return [verdictView(outcome)];
  const parts: Child[] = [verdictView(outcome), ...ownParts(report, shown)];
  if (!report.verdict.ok) parts.push(checksView(outcome.reports));
  parts.push(findingsView(outcome.reports.flatMap(withInner)));
  if (report.verdict.ok) parts.push(otherClaims(shown), limitsView(outcome));
  const book = bookOf(report);
  if (book !== undefined) parts.push(digestsView(book, report, shown.expected));
  if (report.verdict.ok) parts.push(checksView(outcome.reports));
  if (report.kind === 'opening' && report.verdict.ok && shown.files.opening !== undefined) {
    parts.push(transferView(shown.files.opening.data));
  }
  return parts.filter((part): part is HTMLElement => part instanceof HTMLElement);
}

function ownParts(report: Report, shown: Shown): Child[] {
  switch (report.kind) {
    case 'opening':
      return openingParts(report);
    case 'certificate':
      return certificateParts(report);
    case 'bundle':
      return bundleParts(report, shown.files);
    case 'batch':
    case 'book':
    case 'solvency':
      return shown.outcome.reports.flatMap((one) => proofParts(one, shown.files));
    case 'attestation':
      return [];
  }
}

/** Balances of a rejected opening are not shown as if they counted. */
function openingParts(report: OpeningReport): Child[] {
  return [report.verdict.ok && positionsView(report), pathSection(report)];
}

function pathSection(report: OpeningReport | CertificateReport): HTMLElement | null {
  const heading = report.kind === 'opening' ? tree.heading : tree.headingCertificate;
  const path = pathModel(report);
  if (path !== undefined)
    return section('path', heading, h('p', { class: 'lead' }, tree.lead), pathDrawing(path));
  return report.book?.height === 0 ? section('path', heading, h('p', {}, tree.single)) : null;
}

function certificateParts(report: CertificateReport): Child[] {
  const documents = {
    ...(report.model !== undefined && { model: report.model }),
    ...(report.market !== undefined && { market: report.market }),
  };
  return [
    report.statement && modelView('certificate', model.heading, report.statement, documents),
    pathSection(report),
  ];
}

function bundleParts(report: BundleReport, files: Arrangement): Child[] {
  return report.claims.flatMap((claim) => proofParts(claim, files));
}

function proofParts(report: Report | BundleReport['claims'][number], files: Arrangement): Child[] {
  if (report.kind === 'solvency') return [solvencyView(report)];
  if (report.kind !== 'accounts' && report.kind !== 'batch' && report.kind !== 'book') return [];
  if (report.statement === undefined) return [];
  const { claim, statement } = report;
  const text = (name: string | undefined): string | undefined => {
    const file = name === undefined ? undefined : files.bundle.get(name);
    return file && new TextDecoder().decode(file.data);
  };
  const [document, market] = [text(claim?.model), text(claim?.market)];
  const documents = {
    ...(document !== undefined && { model: document }),
    ...(market !== undefined && { market }),
  };
  const name = claim?.name ?? '';
  const isOfBook = report.kind === 'book';
  return [modelView(name, `${model.headingBundle}: ${name}`, statement, documents, isOfBook)];
}

/** A report and those inside it. */
function withInner(report: Report): readonly BaseReport[] {
  return report.kind === 'bundle' ? [report, ...report.claims] : [report];
}

function otherClaims(shown: Shown): HTMLElement | null {
  const { outcome, expected } = shown;
  const { claims } = outcome;
  if (claims === undefined || outcome.task === 'bundle' || outcome.task === 'proofs') return null;
  const level: Level = expected.issuerKey === undefined ? 'claimed' : 'signed';
  return claimsView(claims, level);
}

function limitsView(outcome: Outcome): HTMLElement {
  const lines =
    outcome.task === 'opening' || outcome.task === 'certificate' ? limits[outcome.task] : limits.bundle;
  return section('limits', limits.heading, h('ul', {}, ...lines.map((line) => h('li', {}, line))));
}

function bookOf(report: Report): BookSummary | undefined {
  return report.kind === 'bundle' ? report.attestation.book : report.book;
}
