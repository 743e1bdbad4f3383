import { createHash } from 'node:crypto';
import type { Plugin } from 'vite';

const PLACE = '<!--content-security-policy-->';

/**
 * The policy that the built page carries: no connection to anywhere, no script or style but those in the file.
 *
 * A worker of a `blob:` URL inherits it. Pictures of QR codes are decoded from the file itself, which loads nothing.
 */
function policy(scripts: readonly string[], styles: readonly string[]): string {
  const sources = (parts: readonly string[]): string => (parts.length === 0 ? "'none'" : parts.join(' '));
  return [
    "default-src 'none'",
    `script-src ${sources(scripts)}`,
    `style-src ${sources(styles)}`,
    'img-src data:',
    'worker-src blob:',
    "connect-src 'none'",
    "form-action 'none'",
    "base-uri 'none'",
  ].join('; ');
}

/** Source expressions of all elements `<tag>` with contents of their own: base64 of SHA-256, as CSP wants it. */
function hashes(html: string, tag: 'script' | 'style'): string[] {
  const elements = html.matchAll(new RegExp(`<${tag}(?:\\s[^>]*)?>([\\s\\S]*?)</${tag}>`, 'g'));
  return [...elements].map(([, text = '']) => {
    const digest = createHash('sha256').update(text).digest('base64');
    return `'sha256-${digest}'`;
  });
}

/** `html` with the policy in its place; an error if there is no place for it. */
export function withPolicy(html: string): string {
  if (html.split(PLACE).length !== 2) throw new Error(`the page has not exactly one ${PLACE}`);
  const content = policy(hashes(html, 'script'), hashes(html, 'style'));
  return html.replace(PLACE, () => `<meta http-equiv="Content-Security-Policy" content="${content}" />`);
}

/** Runs last, over the finished file: scripts and styles must not change after their hashes are taken. */
export function contentSecurityPolicy(): Plugin {
  return {
    name: 'content-security-policy',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== 'asset' || !file.fileName.endsWith('.html')) continue;
        file.source = withPolicy(
          typeof file.source === 'string' ? file.source : new TextDecoder().decode(file.source),
        );
      }
    },
  };
}
