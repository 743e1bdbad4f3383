/** What the drawing of a path shows, worked out from a report; no drawing here. */

import type { CertificateReport, LeafSummary, OpeningReport, PathStep, TreeNode } from '../verifier/types.ts';
import { formatCount } from './amounts.ts';
import { tree } from './strings.ts';

export type LevelState = 'ok' | 'failed' | 'not-reached';

export interface Level {
  /** 0 for the leaf, the height for the root. */
  readonly level: number;
  readonly state: LevelState;
  /** Where the neighbour stands; none for the root. */
  readonly side?: 'left' | 'right';
  readonly hash?: string;
  readonly siblingHash?: string;
  readonly step?: PathStep;
}

export interface PathModel {
  readonly height: number;
  readonly levels: readonly Level[];
  readonly leaf?: LeafSummary;
  readonly leafIndex: string;
  readonly leafCount: string;
  readonly leafName: string;
  readonly rootWords: string;
  readonly computedRoot?: TreeNode;
  readonly attestedRoot?: TreeNode;
  /** Whether the path led to the attested root. */
  readonly reached: boolean;
  /** The level shown first: the one that failed, else the leaf. */
  readonly chosen: number;
}

/** Highest tree that the protocol knows; what a hostile file says beyond that is not drawn. */
const MAX_HEIGHT = 32;

/** Undefined where there is nothing to draw: the report knows no leaf or no book. */
export function pathModel(report: OpeningReport | CertificateReport): PathModel | undefined {
  const { book, leaf } = report;
  if (book === undefined || leaf === undefined || book.height < 1 || book.height > MAX_HEIGHT)
    return undefined;
  const failed = report.verdict.ok ? '' : report.verdict.check;
  const last = report.path.at(-1);
  const whole = report.path.length === book.height;
  const computedRoot = whole ? last?.parent : undefined;
  const levels = Array.from({ length: book.height }, (_, level) => levelOf(report.path, level, leaf, failed));
  levels.push({
    level: book.height,
    state: rootState(report),
    ...(computedRoot && { hash: computedRoot.hash }),
  });
  const bad = levels.findIndex((level) => level.state === 'failed');
  return {
    height: book.height,
    levels,
    leaf,
    leafIndex: formatCount(leaf.index),
    leafCount: formatCount(book.leafCount),
    leafName: report.kind === 'opening' ? tree.leaf : tree.leafCertificate,
    rootWords: report.kind === 'opening' ? tree.rootWords : tree.rootWordsCertificate,
    attestedRoot: book.root,
    ...(computedRoot && { computedRoot }),
    reached: rootState(report) === 'ok',
    chosen: bad === -1 ? 0 : bad,
  };
}

function levelOf(path: readonly PathStep[], level: number, leaf: LeafSummary, failed: string): Level {
  const step = path[level];
  const side = step?.siblingSide ?? (Math.floor(leaf.index / 2 ** level) % 2 === 1 ? 'left' : 'right');
  if (step === undefined)
    return { level, side, state: level === 0 && isLeafFailure(failed) ? 'failed' : 'not-reached' };
  return { level, side, step, state: 'ok', hash: step.node.hash, siblingHash: step.sibling.hash };
}

/** From the two checks that compare what the path ends in with the root. */
function rootState(report: OpeningReport | CertificateReport): LevelState {
  const compared = report.steps.filter((step) => /^(?:O9|O10|K6|K7)-/.test(step.check));
  if (compared.some((step) => step.status === 'failed')) return 'failed';
  return compared.length === 2 && compared.every((step) => step.status === 'ok') ? 'ok' : 'not-reached';
}

function isLeafFailure(check: string): boolean {
  return /^(?:O4|O5|O6|O7|K4)-/.test(check);
}

export function sideOf(side: 'left' | 'right'): string {
  return side === 'left' ? tree.left : tree.right;
}
