/** The built-in sample: a made-up exchange, made by `sample/generate.py`. */

import type { Incoming } from './files.ts';
import made from './sample/sample.json';
import { fromBytes } from './sources.ts';

export type SampleKind = 'opening' | 'altered' | 'certificate';

export interface Sample {
  readonly incoming: readonly Incoming[];
  readonly account: string;
  readonly audience: string;
  readonly issuerKey: string;
}

/** The sample's public bundle, with the opening, the opening after somebody changed a balance, or the certificate. */
export function sample(kind: SampleKind): Sample {
  const bundle = Object.entries(made.bundle).map(([name, text]) =>
    fromBytes(fromBase64(text), name.slice(name.lastIndexOf('/') + 1), `sample/${name}`),
  );
  const main =
    kind === 'certificate'
      ? fromBytes(new TextEncoder().encode(made.certificate), 'sample-certificate.json')
      : fromBytes(new TextEncoder().encode(openingText(kind)), 'sample-opening.json');
  const { account, audience, issuerKey } = made;
  return { incoming: [...bundle, main], account, audience, issuerKey };
}

/** For the altered one, the first balance is one base unit more than what was sealed. */
function openingText(kind: SampleKind): string {
  if (kind !== 'altered') return made.opening;
  return made.opening.replace(
    /("amount":\s*")(\d+)/,
    (_, before: string, digits: string) => before + (BigInt(digits) + 1n).toString(),
  );
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
