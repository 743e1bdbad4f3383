/** The statement in words where its document is simple, and always the rows that were checked. */

import type { StatementSummary } from '../verifier/types.ts';
import { formatCount } from './amounts.ts';
import { h } from './dom.ts';
import { isRecord } from './files.ts';
import { levelMark, section, unfold } from './parts.ts';
import { model } from './strings.ts';

const SHOWN_ROWS = 200;
const SHOWN_TEXT = 20_000;

export interface Documents {
  readonly model?: string;
  readonly market?: string;
}

export function modelView(
  id: string,
  heading: string,
  statement: StatementSummary,
  documents: Documents,
  isOfBook = false,
): HTMLElement {
  const size = isOfBook ? model.rowsOfBook : model.rows;
  return section(
    `model-${id}`,
    heading,
    documents.model !== undefined && h('p', {}, inWords(documents.model)),
    statement.source === 'given' && h('p', { class: 'given' }, levelMark('claimed'), ' ', model.given),
    h('p', { class: 'quiet' }, size(formatCount(statement.rows.length), formatCount(statement.bits))),
    unfold(model.rowsHeading, rows(statement)),
    documents.model !== undefined && unfold(model.document, source(documents.model)),
    documents.market !== undefined && unfold(model.marketDocument, source(documents.market)),
  );
}

function rows(statement: StatementSummary): HTMLElement {
  const rest = statement.rows.length - SHOWN_ROWS;
  return h(
    'ol',
    { class: 'rows' },
    ...statement.rows
      .slice(0, SHOWN_ROWS)
      .map((row) => h('li', {}, h('code', { class: 'breakable' }, row.formula))),
    rest > 0 && h('li', {}, model.more(formatCount(rest))),
  );
}

function source(text: string): HTMLElement {
  const shown = text.length > SHOWN_TEXT ? `${text.slice(0, SHOWN_TEXT)}\u2026` : text;
  return h('pre', { class: 'source', tabindex: '0' }, shown);
}

/** What a model document says, or that it has to be read. The rows are what counts. */
export function inWords(document: string): string {
  return knownWords(document) ?? model.otherKind(kindOf(fieldsOf(document)));
}

/** What a model document of a simple kind says; undefined for others. */
export function knownWords(document: string): string | undefined {
  const fields = fieldsOf(document);
  const texts = Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
  const kind = kindOf(fields);
  // The kind comes from a file: `constructor` is no kind.
  return Object.hasOwn(model.kinds, kind) ? model.kinds[kind]?.(texts) : undefined;
}

function kindOf(fields: Readonly<Record<string, unknown>>): string {
  return typeof fields['kind'] === 'string' ? fields['kind'] : '?';
}

function fieldsOf(document: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(document);
    return isRecord(parsed) ? parsed : {};
  } catch {
    return {};
  }
}
