/** Digests to compare with other people, and with what the user knows. */

import type { BookSummary, Report } from '../verifier/types.ts';
import type { Expectations } from './check.ts';
import { h } from './dom.ts';
import { digestRow, section } from './parts.ts';
import { digests } from './strings.ts';

export function digestsView(book: BookSummary, report: Report, expected: Expectations): HTMLElement {
  const attestation =
    report.kind === 'bundle'
      ? report.attestation.digest
      : report.kind === 'attestation'
        ? report.digest
        : undefined;
  const note = (digest: string, typed: string | undefined): string | undefined =>
    digest === typed ? digests.matches : undefined;
  return section(
    'digests',
    digests.heading,
    h('p', { class: 'lead' }, digests.lead),
    h(
      'dl',
      { class: 'digests' },
      digestRow(digests.book, book.digest, note(book.digest, expected.bookDigest)),
      digestRow(digests.root, book.root.hash, note(book.root.hash, expected.rootHash)),
      digestRow(digests.key, book.issuer.publicKey, note(book.issuer.publicKey, expected.issuerKey)),
      ...(attestation === undefined ? [] : [digestRow(digests.attestation, attestation)]),
    ),
  );
}
