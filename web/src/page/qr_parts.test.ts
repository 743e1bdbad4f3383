import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { PartCollector, fromBase45, toBase45, toParts } from './qr_parts.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Text that does not compress, the same every time. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (state * 48271) % 2147483647;
    return state & 0xff;
  });
}

describe('Base45', () => {
  it.each([
    ['AB', 'BB8'],
    ['Hello!!', '%69 VD92EX0'],
    ['base-45', 'UJCLQE7W581'],
    ['ietf!', 'QED8WEX0'],
  ])('RFC 9285: %s is %s', (text, encoded) => {
    expect(toBase45(bytes(text))).toBe(encoded);
    expect(fromBase45(encoded)).toEqual(bytes(text));
  });
  it.each([['GGW'], ['::'], ['A'], ['BB8A'], ['ab1']])('refuses %s', (text) => {
    expect(() => fromBase45(text)).toThrow(/Base45/);
  });
});

describe('codes', () => {
  it('come back in any order, doubled', async () => {
    const file = noise(5000);
    const parts = await toParts(file);
    expect(parts.length).toBeGreaterThan(3);
    expect(parts.every((part) => /^[0-9A-Z $%*+\-./:]+$/.test(part))).toBe(true);
    const collector = new PartCollector();
    const [first = '', second = ''] = parts;
    expect(await collector.add(second)).toMatchObject({ state: 'more', have: 1, restarted: false });
    expect(await collector.add(second)).toMatchObject({ state: 'more', have: 1, restarted: false });
    for (const part of parts.slice(2)) expect(await collector.add(part)).toMatchObject({ state: 'more' });
    expect(await collector.add(first)).toEqual({ state: 'complete', file });
  });

  it('take a file as it is', async () => {
    expect(await new PartCollector().add('{"a":1}')).toEqual({ state: 'complete', file: bytes('{"a":1}') });
  });

  it.each([
    ['https://example.org'],
    ['SEALEDBOOK1:2:1:00000000:00'],
    ['SEALEDBOOK1:0:1:00000000:00'],
    ['SEALEDBOOK2:1:1:00000000:00'],
  ])('refuse %s', async (text) => {
    expect(await new PartCollector().add(text)).toEqual({ state: 'not-ours' });
  });

  it('begin anew with another file', async () => {
    const [a = ''] = await toParts(noise(3000));
    const [b = ''] = await toParts(noise(4000));
    const collector = new PartCollector();
    await collector.add(a);
    expect(await collector.add(b)).toMatchObject({ state: 'more', have: 1, restarted: true });
  });

  it('notice a piece of another file under the same name', async () => {
    const [whole = ''] = await toParts(bytes('{"account":"alice"}'));
    const [other = ''] = await toParts(bytes('{"account":"mallory"}'));
    const forged = whole.split(':').slice(0, 4).join(':') + ':' + other.split(':').slice(4).join(':');
    expect(await new PartCollector().add(forged)).toEqual({ state: 'damaged' });
  });

  it('do not inflate without end', async () => {
    const bomb = toBase45(deflateRawSync(new Uint8Array(64 * 1024 * 1024)));
    const collector = new PartCollector();
    const pieces = bomb.match(/.{1,2000}/gs) ?? [];
    let last: unknown;
    for (const [i, piece] of pieces.entries()) {
      last = await collector.add(`SEALEDBOOK1:${i + 1}:${pieces.length}:00000000:${piece}`);
    }
    expect(last).toEqual({ state: 'damaged' });
  });
});
