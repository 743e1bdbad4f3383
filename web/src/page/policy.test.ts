import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { withPolicy } from '../../content_security_policy.ts';

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

describe('the policy', () => {
  it('allows the scripts and styles of the file and no others', () => {
    const page = withPolicy(
      '<!--content-security-policy--><style>a{}</style><script type="module">run()</script>',
    );
    expect(page).toContain(`script-src ${hash('run()')};`);
    expect(page).toContain(`style-src ${hash('a{}')};`);
    expect(page).toContain("connect-src 'none'");
    expect(page).not.toContain('unsafe');
  });
  it('has to have a place', () => {
    expect(() => withPolicy('<script></script>')).toThrow(/exactly one/);
  });
});
