/** Checking an opening: O1 to O10 (docs/protocol.md, section 7). */

import { type Book, summaryOf } from '../book/book.ts';
import { leafBytes, leafNode, walkUp } from '../book/tree.ts';
import { checkTrust, findBook, trustedLeaves } from '../book/trust.ts';
import { assetGenerator, blindingGenerator } from '../curve/generators.ts';
import { multiScalar, type Term } from '../curve/multiscalar.ts';
import { encodePoint, isIdentity, POINT_BYTES } from '../curve/point.ts';
import { reduce } from '../curve/scalar.ts';
import { concat, equalBytes, fromHex, toHex, toUtf8 } from '../encoding/bytes.ts';
import { formatUnits } from '../encoding/decimal.ts';
import { DIGEST_BYTES, labelled, sha256 } from '../encoding/hashing.ts';
import { typedAccountId } from '../encoding/text.ts';
import { FormError } from '../errors.ts';
import { Recorder } from '../report.ts';
import type { Hooks, OpeningReport, PathStep, Position, Trust } from '../types.ts';
import { type OpenedPosition, type Opening, readOpening } from './opening.ts';

const TAG_LABEL = labelled('sealedbook/v1/account-tag');

/** tag = SHA-256("sealedbook/v1/account-tag" || 00 || salt || id). */
export function accountTag(salt: Uint8Array, id: string): Uint8Array {
  return sha256(TAG_LABEL, salt, toUtf8(id));
}

/** C = sum_a q_a G_a + rho H, compressed. */
export function commitmentOf(positions: readonly OpenedPosition[], blinding: bigint): Uint8Array {
  const terms: Term[] = positions.map(({ asset, amount }) => ({
    scalar: reduce(amount),
    point: assetGenerator(asset),
  }));
  const sum = multiScalar([...terms, { scalar: blinding, point: blindingGenerator() }]);
  if (isIdentity(sum)) {
    throw new FormError('the commitment is the identity');
  }
  return encodePoint(sum);
}

export function checkOpening(
  bytes: Uint8Array,
  typedId: string,
  trust: Trust,
  hooks: Hooks = {},
): OpeningReport {
  const recorder = new Recorder(hooks);
  let opening: Opening | undefined;
  let path: readonly PathStep[] = [];
  const base = recorder.run(() => {
    opening = recorder.check('O1-form', 'The file is an opening.', () => {
      const value = readOpening(bytes);
      return { value, data: { positions: value.positions.length, levels: value.path.length } };
    });
    path = checkParts(recorder, opening, typedId, trust);
    findAll(recorder, opening, trust);
    recorder.progress(1, 'Done');
    return 'This account, with exactly these positions, is in the sealed book.';
  });
  return {
    kind: 'opening',
    ...base,
    trust: trust.kind,
    ...(opening === undefined
      ? {}
      : { book: summaryOf(opening.book), account: opening.account, leaf: opening.leaf }),
    positions: opening?.positions.map(positionSummary) ?? [],
    path,
  };
}

function checkParts(
  recorder: Recorder,
  opening: Opening,
  typedId: string,
  trust: Trust,
): readonly PathStep[] {
  const { book, leaf, positions } = opening;
  const tag = fromHex(leaf.tag, DIGEST_BYTES, 'tag');
  const commitment = fromHex(leaf.commitment, POINT_BYTES, 'commitment');

  const id = recorder.check('O2-account', 'The opening is for the account id that you typed.', () => {
    const typed = typedAccountId(typedId);
    if (typed !== opening.account) {
      throw new FormError('the opening is for another account id than the one you typed');
    }
    return { value: typed, data: { account: typed } };
  });
  checkTrust(recorder, 'O3-root', 'opening', book, trust);
  recorder.check('O4-tag', 'The leaf is bound to your account id.', () => {
    if (!equalBytes(accountTag(opening.salt, id), tag)) {
      throw new FormError('salt and account id give another tag than the leaf has');
    }
    return { value: undefined, data: { tag: leaf.tag } };
  });
  recorder.check('O5-positions', 'The positions are in the assets of this book.', () => {
    checkPositions(positions, book);
    return { value: undefined, data: { positions: positions.length } };
  });
  recorder.progress(0.3, 'Commitment');
  recorder.check('O6-commitment', 'Exactly these positions were sealed in the leaf.', () => {
    if (!equalBytes(commitmentOf(positions, opening.blinding), commitment)) {
      throw new FormError("positions and blinding give another commitment than the leaf's");
    }
    return { value: undefined, data: { commitment: leaf.commitment } };
  });
  checkPublishedLeaf(recorder, 'O7-leaf', book, leaf.index, concat(tag, commitment), trust);
  recorder.progress(0.7, 'Path to the root');
  const walk = recorder.check('O8-path', 'The path leads from the leaf to the top of the tree.', () => ({
    value: walkUp(leafNode(tag, commitment, 'the commitment'), leaf.index, opening.path, book.height),
    data: { index: leaf.index, levels: book.height },
  }));
  recorder.check('O9-root-hash', 'The path ends at the root hash of the book.', () => {
    if (toHex(walk.top.hash) !== book.root.hash) {
      throw new FormError(`leaf and path give root hash ${toHex(walk.top.hash)}, not ${book.root.hash}`);
    }
    return { value: undefined, data: { rootHash: book.root.hash } };
  });
  recorder.check('O10-root-sum', 'The positions are part of the total that the root commits to.', () => {
    if (toHex(walk.top.sum) !== book.root.sum) {
      throw new FormError(`leaf and path add up to ${toHex(walk.top.sum)}, not ${book.root.sum}`);
    }
    return { value: undefined, data: { rootSum: book.root.sum } };
  });
  return walk.steps;
}

/** O7 and the first half of K4: the published leaves hold this leaf at its index. */
export function checkPublishedLeaf(
  recorder: Recorder,
  check: string,
  book: Book,
  index: number,
  leaf: Uint8Array,
  trust: Trust,
): void {
  if (trust.kind !== 'bundle' || trust.leaves === undefined) {
    recorder.skip(
      check,
      'The published leaves were not given. The path to the root is checked all the same.',
    );
    return;
  }
  recorder.check(check, 'The published leaves hold this leaf at its place.', () => {
    const leaves = trustedLeaves(book, trust) ?? new Uint8Array();
    const published = leafBytes(leaves, index);
    if (published === undefined) {
      throw new FormError(`leaf index ${index} is beyond the last of ${book.leafCount} leaves`);
    }
    if (!equalBytes(published, leaf)) {
      throw new FormError(`the published leaf ${index} is another one`);
    }
    return { value: undefined, data: { index } };
  });
}

/** Every asset is in the book with these decimals, in that order, none twice. */
function checkPositions(positions: readonly OpenedPosition[], book: Book): void {
  const places = new Map(book.assets.map(({ id }, place) => [id, place]));
  let last = -1;
  for (const { asset } of positions) {
    const place = places.get(asset.id);
    if (place === undefined) {
      throw new FormError(`asset '${asset.id}' is not in the book`);
    }
    if (book.assets[place]?.decimals !== asset.decimals) {
      throw new FormError(`asset '${asset.id}' has ${asset.decimals} decimals, in the book it has others`);
    }
    if (place <= last) {
      throw new FormError(`asset '${asset.id}' stands twice or out of order`);
    }
    last = place;
  }
}

function positionSummary({ asset, amount }: OpenedPosition): Position {
  return {
    asset: asset.id,
    decimals: asset.decimals,
    amount: amount.toString(),
    value: formatUnits(amount, asset.decimals),
  };
}

function findAll(recorder: Recorder, opening: Opening, trust: Trust): void {
  recorder.find('Account', `'${opening.account}', bound into leaf ${opening.leaf.index}`, 'recomputed');
  for (const { asset, amount } of opening.positions) {
    recorder.find(asset.id, formatUnits(amount, asset.decimals), 'recomputed');
  }
  findBook(recorder, opening.book, trust);
}
