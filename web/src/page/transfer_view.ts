/** The opening as QR codes, to take it to a phone without sending it anywhere. */

import encodeQR from 'qr';
import { fill, h, s } from './dom.ts';
import { section } from './parts.ts';
import { toParts } from './qr_parts.ts';
import { problems, transfer } from './strings.ts';

/** Quiet zone around a code, in modules. */
const QUIET = 4;

/** Codes are drawn when they are asked for, not before: nobody wants balances on the screen by accident. */
export function transferView(opening: Uint8Array): HTMLElement {
  const codes = h('div', { class: 'codes' });
  const draw = async (): Promise<void> => {
    try {
      const parts = await toParts(opening);
      fill(codes, ...parts.map((text, i) => figure(text, transfer.part(i + 1, parts.length))));
    } catch {
      fill(codes, h('p', {}, problems.tooLargeForCodes));
    }
  };
  const button = h('button', { type: 'button', onclick: () => void draw() }, transfer.show);
  return section('transfer', transfer.heading, h('p', { class: 'lead' }, transfer.lead), button, codes);
}

function figure(text: string, caption: string): HTMLElement {
  return h('figure', { class: 'code' }, drawing(text, caption), h('figcaption', {}, caption));
}

/** One path of unit squares, black on white in either colour scheme: scanners expect it so. */
function drawing(text: string, caption: string): SVGElement {
  const modules = encodeQR(text, 'raw', { ecc: 'low', encoding: 'alphanumeric', border: QUIET });
  const path = modules.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  const size = modules.length;
  return s(
    'svg',
    { viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': caption, 'shape-rendering': 'crispEdges' },
    s('rect', { width: size, height: size, fill: '#fff' }),
    s('path', { d: path, fill: '#000' }),
  );
}
