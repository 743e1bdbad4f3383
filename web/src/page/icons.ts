/** Small drawings beside words, never instead of them; each level has a shape of its own, not only a colour. */

import type { Level } from '../verifier/types.ts';
import { s } from './dom.ts';

const TICK = 'M4 8.5l2.8 2.8L12 5.4';
const CROSS = 'M4.8 4.8l6.4 6.4M11.2 4.8l-6.4 6.4';
const CIRCLE = 'M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13z';

const PATHS = {
  accepted: TICK,
  rejected: CROSS,
  incomplete: 'M3.5 6h9M3.5 10h9',
  // A seal with a tick: checked by mathematics.
  proven: `M8 1.2l5.8 2.3v4.2c0 3.4-2.4 6-5.8 7.1c-3.4-1.1-5.8-3.7-5.8-7.1V3.5zM5.2 8l2 2l3.6-4`,
  // Two arrows around: computed again.
  recomputed: 'M13 8a5 5 0 0 1-9.2 2.7M3 8a5 5 0 0 1 9.2-2.7M12.6 2.2v3.2H9.4M3.4 13.8v-3.2h3.2',
  // A pen.
  signed: 'M2 14l.8-3.2L10.6 3l2.4 2.4l-7.8 7.8L2 14M9 4.6L11.4 7M9 14h5',
  // A speech bubble.
  claimed: 'M2 2.5h12v8H8l-3.5 3v-3H2zM5 6.5h6',
  // An eye struck out.
  hidden:
    'M1.5 8c1.7-2.8 3.9-4.2 6.5-4.2S12.8 5.2 14.5 8c-1.7 2.8-3.9 4.2-6.5 4.200S3.2 10.8 1.5 8zM3 13L13 3',
  // A circle, open and empty.
  'not-proven': `${CIRCLE}M8 4.500v4.300M8 11v.600`,
  skipped: 'M4 8h8',
  file: 'M4 1.500h5l3.5 3.500v9.500H4zM9 1.500V5h3.5',
  drop: 'M8 2v8M4.8 7L8 10.200L11.2 7M2 11v3h12v-3',
} as const;

export type Icon = keyof typeof PATHS;

/** A drawing of 16 by 16 units in the colour of the text; hidden from screen readers, as a word stands beside it. */
export function icon(name: Icon): SVGElement {
  return s(
    'svg',
    { class: `icon icon-${name}`, viewBox: '0 0 16 16', 'aria-hidden': 'true', focusable: 'false' },
    s('path', { d: PATHS[name] }),
  );
}

/** The path data, for drawings that hold several. */
export const TICK_PATH = TICK;
export const CROSS_PATH = CROSS;

export function levelIcon(level: Level): SVGElement {
  return icon(level);
}
