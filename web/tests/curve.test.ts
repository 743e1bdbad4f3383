import { describe, expect, test } from 'vitest';

import {
  blindingGenerator,
  columnGenerator,
  hashToCurve,
  linearFormGenerator,
  maskGenerator,
} from '../src/verifier/curve/generators.ts';
import { multiScalar } from '../src/verifier/curve/multiscalar.ts';
import {
  decodePoint,
  encodePoint,
  FIELD_CHARACTERISTIC,
  IDENTITY,
  isIdentity,
  normalized,
  type Point,
  timesCofactor,
} from '../src/verifier/curve/point.ts';
import { decodeScalar, eqTable, GROUP_ORDER, invert, reduce, tensor } from '../src/verifier/curve/scalar.ts';
import { bigEndian, concat, fromHex, toHex } from '../src/verifier/encoding/bytes.ts';

/** (0, 2): of order 3, on E and not in G1. */
const ORDER_THREE = decodePoint(concat(Uint8Array.of(0x80), new Uint8Array(47)), 'T');

/** By doubling and adding, without windows: what the fast one has to agree with. */
function slowly(scalar: bigint, point: Point): Point {
  let product = IDENTITY;
  for (const bit of scalar.toString(2)) {
    product = product.double();
    product = bit === '1' ? product.add(point) : product;
  }
  return product;
}

describe('points', () => {
  test('outside G1 are decoded, and vanish with the cofactor', () => {
    expect(encodePoint(ORDER_THREE)[0]).toBe(0x80);
    expect(isIdentity(slowly(3n, ORDER_THREE))).toBe(true);
    expect(isIdentity(slowly(GROUP_ORDER, ORDER_THREE))).toBe(false);
    expect(isIdentity(timesCofactor(ORDER_THREE))).toBe(true);
    expect(isIdentity(timesCofactor(blindingGenerator()))).toBe(false);
  });

  test('the cofactor is the integer of RFC 9380', () => {
    const mixed = blindingGenerator().add(ORDER_THREE);
    expect(timesCofactor(mixed).equals(slowly(0xd201000000010001n, mixed))).toBe(true);
  });

  test('are the same after encoding and decoding, both signs', () => {
    for (const point of [
      blindingGenerator(),
      blindingGenerator().negate(),
      ORDER_THREE,
      ORDER_THREE.negate(),
      IDENTITY,
    ]) {
      expect(decodePoint(encodePoint(point), 'P').equals(point)).toBe(true);
    }
  });

  const flagged = (x: bigint, flags: number): Uint8Array => {
    const bytes = bigEndian(x, 48);
    bytes[0] = (bytes[0] ?? 0) | flags;
    return bytes;
  };

  test.each([
    ['x not below p', flagged(FIELD_CHARACTERISTIC, 0x80), 'x is not below'],
    ['x = p + 4', flagged(FIELD_CHARACTERISTIC + 4n, 0x80), 'x is not below'],
    ['no point with x = 1', flagged(1n, 0x80), 'not a point of the curve'],
    ['not compressed', flagged(4n, 0x00), 'not a compressed point'],
    ['identity with a sign', flagged(0n, 0xe0), 'stray bits'],
    ['identity with a bit', flagged(1n, 0xc0), 'stray bits'],
    ['identity, not compressed', flagged(0n, 0x40), 'not a compressed point'],
    ['47 bytes', new Uint8Array(47).fill(0x80), '48 bytes'],
    ['96 bytes', new Uint8Array(96).fill(0x80), '48 bytes'],
    ['nothing', new Uint8Array(), '48 bytes'],
  ])('refused: %s', (_, bytes, reason) => {
    expect(() => decodePoint(bytes, 'P')).toThrow(reason);
  });

  test('are normalised together as they are alone', () => {
    const P = blindingGenerator();
    const points = [P.double(), IDENTITY, P.double().add(P), ORDER_THREE];
    expect(normalized(points).map((point) => toHex(encodePoint(point)))).toEqual(
      points.map((point) => toHex(encodePoint(point))),
    );
  });
});

describe('multi-scalar multiplication', () => {
  const P = blindingGenerator();
  const scalars = [
    ...[0n, 1n, 2n, 3n, 4n, 255n, GROUP_ORDER - 1n, GROUP_ORDER - 2n, GROUP_ORDER / 2n],
    ...Array.from({ length: 254 }, (_, i) => 1n << BigInt(i)),
    ...Array.from({ length: 254 }, (_, i) => (1n << BigInt(i)) - 1n),
    0x5555555555555555555555555555555555555555555555555555555555555555n,
  ];

  test('of one point, at every boundary', () => {
    for (const scalar of scalars) {
      expect(multiScalar([{ scalar, point: P }]).equals(slowly(scalar, P)), scalar.toString(16)).toBe(true);
    }
  });

  test.each([2, 5, 17, 70, 300])('of %i points, some outside G1', (count) => {
    let point = linearFormGenerator().add(ORDER_THREE);
    let expected = IDENTITY;
    const terms = Array.from({ length: count }, (_, i) => {
      point = point.double().add(columnGenerator(0).point);
      const scalar = reduce(invert(BigInt(i + 2)) * 0x1234567n);
      expected = expected.add(slowly(scalar, point));
      return { scalar, point };
    });
    expect(multiScalar(terms).equals(expected)).toBe(true);
  });

  test('of nothing, and what cancels', () => {
    expect(isIdentity(multiScalar([]))).toBe(true);
    const terms = [
      { scalar: 5n, point: P },
      { scalar: GROUP_ORDER - 5n, point: P },
      { scalar: 7n, point: IDENTITY },
    ];
    expect(isIdentity(multiScalar(terms))).toBe(true);
  });

  test('takes scalars below the group order only', () => {
    expect(() => multiScalar([{ scalar: GROUP_ORDER, point: P }])).toThrow('out of range');
    expect(() => multiScalar([{ scalar: -1n, point: P }])).toThrow();
  });
});

describe('generators before their cofactor is cleared', () => {
  const label = (text: string, index: number): Uint8Array =>
    concat(new TextEncoder().encode(`${text}\0`), bigEndian(index, 4));

  test('give the generators of the protocol page', () => {
    for (let i = 0; i < 40; i += 1) {
      const column = columnGenerator(i).point;
      expect(timesCofactor(column).equals(hashToCurve(label('bit-column', i)))).toBe(true);
      expect(timesCofactor(maskGenerator(i).point).equals(hashToCurve(label('mask', i)))).toBe(true);
    }
  });

  test('have the factor that makes up for it in equations', () => {
    const { factor, point } = columnGenerator(3);
    const scalar = GROUP_ORDER - 12345n;
    const inEquation = multiScalar([{ scalar: reduce(scalar * factor), point }]);
    const direct = multiScalar([{ scalar, point: hashToCurve(label('bit-column', 3)) }]);
    expect(timesCofactor(inEquation).equals(timesCofactor(direct))).toBe(true);
  });
});

describe('scalars', () => {
  test('not below r are refused', () => {
    const last = bigEndian(GROUP_ORDER - 1n, 32);
    expect(decodeScalar(last, 's')).toBe(GROUP_ORDER - 1n);
    expect(() => decodeScalar(bigEndian(GROUP_ORDER, 32), 's')).toThrow('not below the group order');
    expect(() => decodeScalar(new Uint8Array(31), 's')).toThrow('not below the group order');
  });

  test('inverses', () => {
    for (const value of [1n, 2n, GROUP_ORDER - 1n, 0xdeadbeefn]) {
      expect((value * invert(value)) % GROUP_ORDER).toBe(1n);
    }
    expect(() => invert(0n)).toThrow('no inverse');
    expect(() => invert(GROUP_ORDER)).toThrow('no inverse');
  });

  test('eq has the first coordinate at the most significant bit', () => {
    const [a, b] = [3n, 5n];
    expect(eqTable([a, b])).toEqual([(1n - a) * (1n - b), reduce((1n - a) * b), reduce(a * (1n - b)), a * b]);
    expect(eqTable([])).toEqual([1n]);
    expect(
      tensor([
        { zero: 2n, one: 1n },
        { zero: 3n, one: 1n },
      ]),
    ).toEqual([6n, 2n, 3n, 1n]);
  });
});

test('hexadecimal of the identity', () => {
  expect(toHex(encodePoint(IDENTITY))).toBe(`c0${'00'.repeat(47)}`);
  expect(isIdentity(decodePoint(fromHex(`c0${'00'.repeat(47)}`, 48, 'P'), 'P'))).toBe(true);
});
