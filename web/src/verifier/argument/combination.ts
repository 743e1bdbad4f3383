/** A sum of multiples of points, gathered from many places before it is computed at once. */

import { multiScalar, type Term } from '../curve/multiscalar.ts';
import { type Point } from '../curve/point.ts';
import { reduce } from '../curve/scalar.ts';

export class Combination {
  /** By the point itself: generators are the same objects wherever they are used. */
  private readonly scalars = new Map<Point, bigint>();

  add(scalar: bigint, point: Point): void {
    this.scalars.set(point, reduce((this.scalars.get(point) ?? 0n) + scalar));
  }

  /** Adds `weight` times another combination. */
  addCombination(weight: bigint, other: Combination): void {
    for (const [point, scalar] of other.scalars) {
      this.add(weight * scalar, point);
    }
  }

  get size(): number {
    return this.scalars.size;
  }

  sum(onProgress?: (fraction: number) => void): Point {
    const terms: Term[] = [];
    for (const [point, scalar] of this.scalars) {
      terms.push({ scalar, point });
    }
    return multiScalar(terms, onProgress);
  }
}
