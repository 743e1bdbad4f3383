/**
 * The path from a leaf to the root as a picture: the root at the top, the leaf at the bottom, one level below the other,
 * the neighbour of each node at the side where it stands in the tree.
 *
 * A level is one stop of the keyboard: Tab comes to the drawing, the arrow keys go up and down in it.
 */

import type { PathStep } from '../verifier/types.ts';
import { fill, h, s } from './dom.ts';
import { CROSS_PATH, TICK_PATH } from './icons.ts';
import { type Level, type PathModel, sideOf } from './path_model.ts';
import { digestText, shortDigest, unfold } from './parts.ts';
import { tree } from './strings.ts';

const WIDTH = 360;
const SPINE = 180;
const REACH = 76;
const MARGIN = 30;

/** Less room for each level the more there are, so that twenty levels still fit a phone in two or three screens. */
function rowHeight(height: number): number {
  if (height <= 8) return 56;
  return height <= 16 ? 46 : 38;
}

/** The drawing, the details of the level chosen, and the same as a list. */
export function pathDrawing(model: PathModel): HTMLElement {
  const details = h('div', {
    class: 'path-details',
    role: 'region',
    tabindex: '0',
    'aria-label': tree.details,
  });
  const row = rowHeight(model.height);
  const groups = model.levels.map((level) => levelGroup(model, level, row));
  const choose = (chosen: number, focus: boolean): void => {
    groups.forEach((group, place) => {
      group.setAttribute('tabindex', place === chosen ? '0' : '-1');
      group.setAttribute('aria-pressed', String(place === chosen));
    });
    const level = model.levels[chosen];
    if (level !== undefined) fill(details, ...levelDetails(model, level));
    if (focus) groups[chosen]?.focus();
  };
  groups.forEach((group, place) => {
    group.addEventListener('click', () => {
      choose(place, true);
    });
    group.addEventListener('pointerenter', (event) => {
      if (event.pointerType === 'mouse') choose(place, false);
    });
    group.addEventListener('keydown', (event) => {
      const target = keyTarget(event.key, place, groups.length);
      if (target === undefined) return;
      event.preventDefault();
      choose(target, true);
    });
  });
  const total = MARGIN * 2 + row * model.height;
  const drawing = s(
    'svg',
    {
      class: 'path-drawing',
      viewBox: `0 0 ${WIDTH} ${total}`,
      role: 'group',
      'aria-label': tree.summary(model.height, model.leafIndex, model.leafCount, model.reached),
    },
    ...model.levels.filter((level) => level.level < model.height).map((level) => edges(model, level, row)),
    // Drawn from the leaf upwards in the order of the levels, so that Tab and arrows agree with what is read.
    ...groups,
    // On top, and not part of the buttons: their names say the same in whole sentences.
    ...model.levels.map((level) => levelTexts(model, level, row)),
  );
  choose(model.chosen, false);
  return h(
    'div',
    { class: model.height > 8 ? 'path-layout path-tall' : 'path-layout' },
    drawing,
    details,
    listOf(model),
  );
}

/** Where a key leads from `place`: up is towards the root. Undefined for other keys; the place itself to choose it. */
export function keyTarget(key: string, place: number, count: number): number | undefined {
  switch (key) {
    case 'ArrowUp':
      return Math.min(place + 1, count - 1);
    case 'ArrowDown':
      return Math.max(place - 1, 0);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    case 'Enter':
    case ' ':
      return place;
    default:
      return undefined;
  }
}

function yOf(model: PathModel, level: number, row: number): number {
  return MARGIN + (model.height - level) * row;
}

/** The two lines that join node and neighbour in their parent. */
function edges(model: PathModel, level: Level, row: number): SVGElement {
  const y = yOf(model, level.level, row);
  const up = yOf(model, level.level + 1, row);
  const x = siblingX(level);
  const reached = model.levels[level.level + 1]?.state !== 'not-reached';
  return s(
    'g',
    { class: `path-edges${reached ? '' : ' path-dashed'}`, 'aria-hidden': 'true' },
    s('path', { class: 'path-spine', d: `M${SPINE} ${y}V${up}` }),
    s('path', {
      class: 'path-branch',
      d: `M${x} ${y}C${x} ${(y + up) / 2} ${SPINE} ${(y + up) / 2} ${SPINE} ${up}`,
    }),
  );
}

function levelGroup(model: PathModel, level: Level, row: number): SVGGElement {
  const y = yOf(model, level.level, row);
  return s(
    'g',
    {
      class: `path-level path-${level.state}`,
      role: 'button',
      tabindex: '-1',
      'aria-label': spoken(model, level),
    },
    s('rect', { class: 'path-band', x: 2, y: y - row / 2 + 1, width: WIDTH - 4, height: row - 2, rx: 6 }),
    level.side !== undefined && siblingMark(level, y),
    nodeMark(level, y),
  );
}

function nodeLabel(model: PathModel, level: Level): string {
  if (level.level === model.height) return tree.root;
  return level.level === 0 ? model.leafName : '';
}

function nodeMark(level: Level, y: number): SVGElement {
  const mark = level.state === 'failed' ? CROSS_PATH : level.state === 'ok' ? TICK_PATH : undefined;
  return s(
    'g',
    { transform: `translate(${SPINE} ${y})` },
    s('circle', { class: 'path-node', r: 11 }),
    mark !== undefined && s('path', { class: 'path-mark', d: mark, transform: 'translate(-8 -8)' }),
  );
}

/** A neighbour is square: it is known by its hash and sum alone. */
function siblingMark(level: Level, y: number): SVGElement {
  return s('rect', { class: 'path-sibling', x: siblingX(level) - 7, y: y - 7, width: 14, height: 14, rx: 3 });
}

function siblingX(level: Level): number {
  return SPINE + (level.side === 'left' ? -REACH : REACH);
}

/** Number of the level, name and hash of the node, hash of its neighbour. */
function levelTexts(model: PathModel, level: Level, row: number): SVGElement {
  const y = yOf(model, level.level, row);
  const left = level.side === 'left';
  // The node's own texts stand at the side where no neighbour is.
  const own = level.side === 'right' ? -1 : 1;
  const name = nodeLabel(model, level);
  const hash = shortDigest(level.hash ?? '');
  return s(
    'g',
    { class: 'path-texts', 'aria-hidden': 'true' },
    label('path-number', 6, y + 4, 1, String(level.level)),
    label('path-name', SPINE + 19 * own, hash === '' ? y + 4 : y - 2, own, name),
    label('path-hash', SPINE + 19 * own, name === '' ? y + 4 : y + 12, own, hash),
    label(
      'path-hash',
      siblingX(level) + (left ? -13 : 13),
      y + 4,
      left ? -1 : 1,
      shortDigest(level.siblingHash ?? ''),
    ),
  );
}

/** Text that runs from `x` to the right (1) or ends there (-1); nothing where it is empty. */
function label(kind: string, x: number, y: number, direction: 1 | -1, text: string): SVGElement | null {
  return text === ''
    ? null
    : s('text', { class: kind, x, y, 'text-anchor': direction === 1 ? 'start' : 'end' }, text);
}

function spoken(model: PathModel, level: Level): string {
  const name = nodeLabel(model, level);
  const state = { ok: tree.fits, failed: tree.mismatch, 'not-reached': tree.notReached }[level.state];
  const node = level.hash === undefined ? '' : shortDigest(level.hash);
  if (level.side === undefined || level.siblingHash === undefined) {
    return [name || tree.level(level.level), node, state].filter((text) => text !== '').join(', ');
  }
  return `${name === '' ? '' : `${name}. `}${tree.step(level.level, level.side, node, shortDigest(level.siblingHash))} ${state}.`;
}

function levelDetails(model: PathModel, level: Level): HTMLElement[] {
  const step = level.step;
  if (level.level === model.height) return rootDetails(model, level);
  const parts: HTMLElement[] = [h('h4', {}, tree.detailHeading(level.level))];
  if (level.level === 0 && model.leaf !== undefined) {
    parts.push(
      h('p', {}, tree.leafWords),
      pairs([
        [tree.tag, model.leaf.tag],
        [tree.commitment, model.leaf.commitment],
      ]),
    );
  }
  if (step === undefined) return [...parts, h('p', {}, tree.stopped)];
  return [...parts, h('p', {}, tree.stepWords(step.siblingSide)), ...stepFigures(step)];
}

function stepFigures(step: PathStep): HTMLElement[] {
  const nodes = [
    [tree.own, step.node],
    [tree.sibling, step.sibling],
    [tree.parent, step.parent],
  ] as const;
  return nodes.map(([name, node]) =>
    h(
      'div',
      {},
      h('h5', {}, name),
      pairs([
        [tree.hash, node.hash],
        [tree.sum, node.sum],
      ]),
    ),
  );
}

function rootDetails(model: PathModel, level: Level): HTMLElement[] {
  const parts: HTMLElement[] = [h('h4', {}, tree.detailRoot), h('p', {}, model.rootWords)];
  if (level.state === 'failed') parts.push(h('p', { class: 'bad' }, `${tree.mismatch}.`));
  const computed = model.computedRoot;
  if (computed !== undefined) {
    parts.push(
      h('h5', {}, tree.parent),
      pairs([
        [tree.hash, computed.hash],
        [tree.sum, computed.sum],
      ]),
    );
  }
  if (model.attestedRoot !== undefined) {
    parts.push(
      h('h5', {}, tree.expected),
      pairs([
        [tree.hash, model.attestedRoot.hash],
        [tree.sum, model.attestedRoot.sum],
      ]),
    );
  }
  return parts;
}

function pairs(entries: readonly (readonly [string, string])[]): HTMLElement {
  return h(
    'dl',
    { class: 'pairs' },
    ...entries.flatMap(([name, digest]) => [h('dt', {}, name), h('dd', {}, digestText(digest))]),
  );
}

/** The drawing for those who would rather read it. */
function listOf(model: PathModel): HTMLElement {
  const rows = model.levels.map((level) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, level.level === model.height ? tree.root : String(level.level)),
      h('td', {}, h('code', {}, level.hash ?? tree.notReached)),
      h('td', {}, h('code', {}, level.siblingHash ?? '')),
      h('td', {}, level.side === undefined ? '' : sideOf(level.side)),
    ),
  );
  const head = h('tr', {}, ...tree.tableColumns.map((column) => h('th', { scope: 'col' }, column)));
  const table = h('table', { class: 'path-table' }, h('thead', {}, head), h('tbody', {}, ...rows));
  return unfold(
    tree.table,
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': tree.table }, table),
  );
}
