"""The Merkle sum tree: shape, streaming construction, and the walk from a leaf to the root.

For leaves u = 0 .. n-1, n = 2^h, with tag t_u and commitment C_u:

    level 0     hash = SHA-256(00 || t_u || C_u)                              S = C_u
    level k+1   hash = SHA-256(01 || hash_l || S_l || hash_r || S_r)          S = S_l + S_r

where l = 2i and r = 2i + 1 are the children of node i and points are compressed (48 bytes). The root is
the one node of level h; its S commits to the sum of all positions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from primitives.backend import Backend, PointVector
from primitives.parameters import HASH_BYTES, LEAF_BYTES, MAX_TREE_HEIGHT, NODE_BYTES, POINT_BYTES, TAG_BYTES

CHUNK_HEIGHT: Final = 14
"""Leaves are processed 2^14 at a time."""

LevelSink = Callable[[int, int, bytes, bytes], None]
"""Receives ``(level, first node index, hashes, compressed sums)`` as nodes become known."""


@dataclass(frozen=True)
class SumNode:
    """A node of the tree: 32-byte hash and 48-byte compressed sum."""

    hash: bytes
    sum: bytes


class IdentitySumError(ValueError):
    """A node's sum is the identity: somebody chose commitments that cancel."""

    def __init__(self, level: int, index: int) -> None:
        self.level = level
        self.index = index
        super().__init__(f"the sum at level {level}, node {index}, is the identity")


def tree_height(leaf_count: int) -> int:
    """h with ``leaf_count == 2^h``; `ValueError` unless it is a power of two up to 2^32."""
    height = leaf_count.bit_length() - 1
    if leaf_count < 1 or leaf_count != 1 << height or height > MAX_TREE_HEIGHT:
        raise ValueError(f"leaf count {leaf_count} is not a power of two between 1 and 2^{MAX_TREE_HEIGHT}")
    return height


def level_offset(leaf_count: int, level: int) -> int:
    """Byte offset of `level` in a file that holds all levels, leaves first, 80 bytes a node."""
    return NODE_BYTES * (2 * leaf_count - ((2 * leaf_count) >> level))


def build_tree(
    backend: Backend,
    chunks: Iterable[tuple[bytes, PointVector]],
    leaf_count: int,
    *,
    sink: LevelSink | None = None,
) -> SumNode:
    """The root over `leaf_count` leaves, read as `chunks` of ``(tags, commitments)`` in leaf order.

    Every chunk holds ``min(leaf_count, 2^CHUNK_HEIGHT)`` leaves. Memory is one chunk and the chunk
    roots. Raises `ValueError` on a wrong number of leaves and `IdentitySumError` where a sum vanishes.
    """
    height = tree_height(leaf_count)
    chunk_height = min(height, CHUNK_HEIGHT)
    chunk_leaves = 1 << chunk_height
    top_hashes: list[bytes] = []
    top_sums: list[bytes] = []
    for number, (tags, commitments) in enumerate(chunks):
        if len(commitments) != chunk_leaves or len(tags) != TAG_BYTES * chunk_leaves:
            raise ValueError(f"chunk {number} holds {len(commitments)} leaves, expected {chunk_leaves}")
        hashes = backend.sum_tree_leaf_hashes(tags, commitments.to_compressed())
        root = _climb(backend, hashes, commitments, 0, number, chunk_height, sink)
        top_hashes.append(root.hash)
        top_sums.append(root.sum)
    if len(top_hashes) << chunk_height != leaf_count:
        raise ValueError(f"read {len(top_hashes) << chunk_height} leaves, expected {leaf_count}")
    if chunk_height == height:
        return SumNode(top_hashes[0], top_sums[0])
    sums = backend.points_from_compressed(b"".join(top_sums))
    return _climb(backend, b"".join(top_hashes), sums, chunk_height, 0, height - chunk_height, sink, top=True)


def _climb(
    backend: Backend,
    hashes: bytes,
    sums: PointVector,
    level: int,
    number: int,
    height: int,
    sink: LevelSink | None,
    *,
    top: bool = False,
) -> SumNode:
    """Climb `height` levels from the nodes given, which are subtree `number` at `level`."""
    for step in range(height + 1):
        count = len(sums)
        first = number * count
        vanishing = sums.identity_mask()
        if vanishing.any():
            raise IdentitySumError(level + step, first + int(vanishing.argmax()))
        if sink is not None and not (top and step == 0):
            sink(level + step, first, hashes, sums.to_compressed())
        if step < height:
            hashes, sums = backend.sum_tree_level(hashes, sums)
    return SumNode(hashes, sums.to_compressed())


def leaf_hash(tag: bytes, commitment: bytes) -> bytes:
    """``SHA-256(00 || tag || C)``."""
    return hashlib.sha256(b"\x00" + tag + commitment).digest()


def node_hash(left: SumNode, right: SumNode) -> bytes:
    """``SHA-256(01 || hash_l || S_l || hash_r || S_r)``."""
    return hashlib.sha256(b"\x01" + left.hash + left.sum + right.hash + right.sum).digest()


def climb_path(
    backend: Backend, tag: bytes, commitment: PointVector, leaf_index: int, siblings: Sequence[SumNode]
) -> SumNode:
    """The root that follows from one leaf and its siblings, lowest first.

    Raises `DecodingError` (index = level) where a sibling's sum is not the canonical encoding of a
    point of E, `IdentitySumError` where a sum is the identity, `ValueError` where `leaf_index` does
    not fit a tree of this height.
    """
    height = len(siblings)
    if not 0 <= leaf_index < 1 << height:
        raise ValueError(f"leaf index {leaf_index} does not fit a tree of 2^{height} leaves")
    sibling_points = backend.points_from_compressed(b"".join(node.sum for node in siblings))
    total = commitment
    node = SumNode(leaf_hash(tag, commitment.to_compressed()), commitment.to_compressed())
    for level, sibling in enumerate(siblings):
        position = leaf_index >> level
        point = sibling_points.slice(level, level + 1)
        if point.identity_mask()[0]:
            raise IdentitySumError(level, position ^ 1)
        total = total.add(point)
        if total.identity_mask()[0]:
            raise IdentitySumError(level + 1, position >> 1)
        left, right = (sibling, node) if position & 1 else (node, sibling)
        node = SumNode(node_hash(left, right), total.to_compressed())
    return node


def split_leaves(data: bytes) -> tuple[bytes, bytes]:
    """``(tags, commitments)`` from leaf records of 80 bytes, tag before commitment."""
    if len(data) % LEAF_BYTES:
        raise ValueError("leaf data is not a whole number of 80-byte records")
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, LEAF_BYTES)
    return records[:, :TAG_BYTES].tobytes(), records[:, TAG_BYTES:].tobytes()


def join_records(first: bytes, first_size: int, second: bytes, second_size: int) -> bytes:
    """Interleave two columns of fixed-size fields into records (leaves, nodes)."""
    columns = [
        np.frombuffer(first, dtype=np.uint8).reshape(-1, first_size),
        np.frombuffer(second, dtype=np.uint8).reshape(-1, second_size),
    ]
    return np.concatenate(columns, axis=1).tobytes()


def split_nodes(data: bytes) -> list[SumNode]:
    """Nodes from records of 80 bytes, hash before sum."""
    if len(data) % NODE_BYTES:
        raise ValueError("node data is not a whole number of 80-byte records")
    return [
        SumNode(data[i : i + HASH_BYTES], data[i + HASH_BYTES : i + HASH_BYTES + POINT_BYTES])
        for i in range(0, len(data), NODE_BYTES)
    ]
