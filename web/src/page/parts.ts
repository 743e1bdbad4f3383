/** Pieces that several parts of the result are made of. */

import type { Level } from '../verifier/types.ts';
import { type Child, h } from './dom.ts';
import { levelIcon } from './icons.ts';
import { digests, levels } from './strings.ts';

/** A section of the result with a heading. */
export function section(id: string, heading: string, ...children: readonly Child[]): HTMLElement {
  return h(
    'section',
    { class: `panel panel-${id}`, 'aria-labelledby': `heading-${id}` },
    h('h3', { id: `heading-${id}` }, heading),
    ...children,
  );
}

/** How well something is founded: colour, icon and word. */
export function levelMark(level: Level): HTMLElement {
  const { word, meaning } = levels[level];
  return h('span', { class: `level level-${level}`, title: meaning }, levelIcon(level), word);
}

/** "9832…fb98", for places where a whole digest does not fit. */
export function shortDigest(digest: string): string {
  return digest.length <= 12 ? digest : `${digest.slice(0, 4)}\u2026${digest.slice(-4)}`;
}

/** "2026-06-30T08:15:00Z" as "2026-06-30 08:15 UTC"; seconds only where there are any. */
export function plainTime(time: string): string {
  return time.replace('T', ' ').replace(/(?::00)?Z$/, '\u00a0UTC');
}

/** A digest in groups of eight, which people can compare; copying gives it without the gaps. */
export function digestText(digest: string): HTMLElement {
  const groups = digest.match(/.{1,8}/g) ?? [];
  return h('code', { class: 'digest' }, ...groups.map((group) => h('span', {}, group)));
}

/** A digest with its name and a button that copies it. */
export function digestRow(name: string, digest: string, note?: string): HTMLElement {
  const said = h('span', { class: 'quiet', role: 'status' });
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(digest);
      said.textContent = digests.copied;
    } catch {
      said.textContent = digests.copyFailed;
    }
  };
  return h(
    'div',
    { class: 'digest-row' },
    h('dt', {}, name),
    h(
      'dd',
      {},
      digestText(digest),
      note !== undefined && h('span', { class: 'quiet' }, note),
      h(
        'button',
        {
          type: 'button',
          class: 'small',
          'aria-label': `${digests.copy}: ${name}`,
          onclick: () => void copy(),
        },
        digests.copy,
      ),
      said,
    ),
  );
}

/** Something to unfold. */
export function unfold(summary: string, ...children: readonly Child[]): HTMLDetailsElement {
  return h('details', {}, h('summary', {}, summary), ...children);
}
