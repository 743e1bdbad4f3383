import type { OutputAsset, OutputBundle, OutputChunk } from 'rolldown';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { contentSecurityPolicy } from './content_security_policy.ts';

/** Moves every script and stylesheet into the HTML file, so that the page is one file that works offline. */
function singleFile(): Plugin {
  return {
    name: 'single-file',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      for (const page of Object.values(bundle)) {
        if (page.type === 'asset' && page.fileName.endsWith('.html')) {
          page.source = inlined(String(page.source), bundle);
        }
      }
      const left = Object.keys(bundle).filter((name) => !name.endsWith('.html'));
      if (left.length > 0) {
        throw new Error(`the page is not self-contained, it still needs ${left.join(', ')}`);
      }
    },
  };
}

function inlined(html: string, bundle: OutputBundle): string {
  for (const [name, file] of Object.entries(bundle)) {
    const path = name.replaceAll('.', '\\.');
    if (file.type === 'chunk') {
      const tag = new RegExp(`<script[^>]*src="[^"]*${path}"[^>]*></script>`);
      html = replaceOnce(html, tag, `<script type="module">${script(file)}</script>`, name);
    } else if (name.endsWith('.css')) {
      html = replaceOnce(
        html,
        new RegExp(`<link[^>]*href="[^"]*${path}"[^>]*>`),
        `<style>${text(file)}</style>`,
        name,
      );
    } else {
      continue;
    }
    Reflect.deleteProperty(bundle, name);
  }
  return html;
}

/** A closing tag inside a string of the script would end the element. */
function script(chunk: OutputChunk): string {
  return chunk.code.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
}

function text(asset: OutputAsset): string {
  return typeof asset.source === 'string' ? asset.source : new TextDecoder().decode(asset.source);
}

function replaceOnce(html: string, tag: RegExp, replacement: string, name: string): string {
  if (!tag.test(html)) {
    throw new Error(`no element of the page loads ${name}`);
  }
  return html.replace(tag, () => replacement);
}

export default defineConfig({
  base: './',
  plugins: [singleFile(), contentSecurityPolicy()],
  build: {
    target: 'es2022',
    assetsInlineLimit: Number.MAX_SAFE_INTEGER,
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: false,
  },
  worker: { format: 'iife' },
  test: {
    include: ['tests/**/*.test.ts', 'src/**/*.test.ts'],
    testTimeout: 120_000,
    pool: 'threads',
    maxWorkers: 1,
    benchmark: { include: ['tests/**/*.bench.ts'] },
  },
});
