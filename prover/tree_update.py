"""A sum tree with some leaves replaced: only the paths from those leaves to the root are computed anew.

With c of n = 2^h leaves replaced that is at most c h nodes, fewer where paths meet. Level by level, for the
parents of what changed:

1. The old parent's hash is computed from its old children as they stand in the file, and compared; at the top
   with the attested root. So every node that is read, siblings among them, is what the old root stands for.
2. ``S = S_l + S_r`` and ``hash = SHA-256(01 || hash_l || S_l || hash_r || S_r)`` of the new children.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from primitives.backend import Backend
from primitives.errors import DecodingError
from primitives.parameters import HASH_BYTES, NODE_BYTES, POINT_BYTES, UNCOMPRESSED_POINT_BYTES
from primitives.sum_tree import IdentitySumError, SumNode, tree_height
from prover.errors import VaultError

_Bytes = NDArray[np.uint8]
_PARENTS_AT_ONCE: Final = 1 << 15


@dataclass(frozen=True)
class ChangedNodes:
    """Nodes by their places in the file of the tree, ascending: the last one is the root."""

    places: NDArray[np.int64]
    nodes: _Bytes

    @property
    def root(self) -> SumNode:
        """The new root."""
        return SumNode(self.nodes[-1, :HASH_BYTES].tobytes(), self.nodes[-1, HASH_BYTES:].tobytes())

    def write(self, path: Path) -> None:
        """Put the nodes into `path`, a copy of the old tree; neighbours are written at once."""
        starts = np.flatnonzero(np.diff(self.places, prepend=-2) != 1).tolist()
        with path.open("r+b") as file:
            for first, stop in zip(starts, [*starts[1:], len(self.places)], strict=True):
                file.seek(int(self.places[first]) * NODE_BYTES)
                file.write(self.nodes[first:stop].tobytes())


class TreeUpdate:
    """The nodes that change where leaves of a tree are replaced. Reads ``tree.bin``: all levels, 80 bytes a node."""

    def __init__(self, path: Path, leaf_count: int, root: SumNode, backend: Backend) -> None:
        """`path` holds the old tree, whose root is `root`; it is only read."""
        self._path = path
        self._height = tree_height(leaf_count)
        self._leaf_count = leaf_count
        self._root = root
        self._backend = backend

    def replace(self, leaves: NDArray[np.int64], tags: bytes, commitments: bytes) -> ChangedNodes:
        """What becomes of the tree with new leaves at the indices `leaves` (ascending, each once, at least one).

        `tags` has 32 bytes and `commitments` 48 bytes a leaf. Raises `VaultError` where the file is not the old
        tree, and `primitives.sum_tree.IdentitySumError` where a sum vanishes.
        """
        table = self._open()
        hashes = self._backend.sum_tree_leaf_hashes(tags, commitments)
        sums = self._backend.points_from_compressed(commitments)
        self._refuse_identity(sums.identity_mask(), 0, leaves)
        changed, new = leaves, _join(hashes, commitments)
        points = _rows(sums.to_uncompressed(), UNCOMPRESSED_POINT_BYTES)
        places, nodes = [], []
        start = 0
        for level in range(self._height):
            size = self._leaf_count >> level
            children, parents = table[start : start + size], table[start + size : start + size + size // 2]
            self._check_old(children, parents, np.unique(changed >> 1))
            places.append(start + changed)
            nodes.append(new)
            changed, new, points = self._climb(children, level, changed, new, points)
            start += size
        self._check_root(table[start])
        return ChangedNodes(np.concatenate([*places, start + changed]), np.concatenate([*nodes, new]))

    def _open(self) -> _Bytes:
        """The nodes of all levels, one below the other."""
        try:
            nodes = np.memmap(self._path, dtype=np.uint8, mode="r")
        except (OSError, ValueError) as error:
            raise VaultError(f"{self._path} cannot be read: {error}") from error
        if len(nodes) != NODE_BYTES * (2 * self._leaf_count - 1):
            raise VaultError(
                f"{self._path} does not have one node for each of the tree: the vault is damaged"
            )
        return nodes.reshape(-1, NODE_BYTES)

    def _check_old(self, children: _Bytes, parents: _Bytes, places: NDArray[np.int64]) -> None:
        """Step 1. Two children stand side by side in the file, as the hash wants them."""
        pairs = children.reshape(-1, 2 * NODE_BYTES)[places].tobytes()
        stated = parents[places, :HASH_BYTES].tobytes()
        width = 2 * NODE_BYTES
        digests = (
            hashlib.sha256(b"\x01" + pairs[start : start + width]).digest()
            for start in range(0, len(pairs), width)
        )
        if b"".join(digests) != stated:
            raise VaultError(f"{self._path} holds nodes that do not lead to the root: the vault is damaged")

    def _check_root(self, node: _Bytes) -> None:
        if node.tobytes() != self._root.hash + self._root.sum:
            raise VaultError(f"{self._path} is the tree of another book: the vault is damaged")

    def _climb(
        self, children: _Bytes, level: int, changed: NDArray[np.int64], new: _Bytes, points: _Bytes
    ) -> tuple[NDArray[np.int64], _Bytes, _Bytes]:
        """Step 2: from the changed children to the changed parents: indices, nodes, affine sums."""
        parents, first = np.unique(changed >> 1, return_index=True)
        nodes = np.empty((len(parents), NODE_BYTES), dtype=np.uint8)
        sums = np.empty((len(parents), UNCOMPRESSED_POINT_BYTES), dtype=np.uint8)
        for begin in range(0, len(parents), _PARENTS_AT_ONCE):
            part = parents[begin : begin + _PARENTS_AT_ONCE]
            stop = begin + len(part)
            known = slice(int(first[begin]), int(first[stop]) if stop < len(parents) else len(changed))
            pairs, both = self._children_of(children, part, changed[known], new[known], points[known])
            hashes, totals = self._backend.sum_tree_level(pairs, self._backend.points_from_uncompressed(both))
            self._refuse_identity(totals.identity_mask(), level + 1, part)
            nodes[begin:stop] = _join(hashes, totals.to_compressed())
            sums[begin:stop] = _rows(totals.to_uncompressed(), UNCOMPRESSED_POINT_BYTES)
        return parents, nodes, sums

    def _children_of(
        self,
        children: _Bytes,
        parents: NDArray[np.int64],
        changed: NDArray[np.int64],
        new: _Bytes,
        points: _Bytes,
    ) -> tuple[bytes, bytes]:
        """Hashes and uncompressed sums of all children of `parents`; `new` and `points` are of the changed ones."""
        places = np.stack([2 * parents, 2 * parents + 1], axis=1).ravel()
        records = children[places]
        both = np.empty((len(places), UNCOMPRESSED_POINT_BYTES), dtype=np.uint8)
        is_changed = np.isin(places, changed, assume_unique=True)
        records[is_changed], both[is_changed] = new, points
        siblings = records[~is_changed, HASH_BYTES:].tobytes()
        try:
            decoded = self._backend.points_from_compressed(siblings)
        except DecodingError as error:
            raise VaultError(
                f"{self._path} holds a sum that does not decode: the vault is damaged"
            ) from error
        both[~is_changed] = _rows(decoded.to_uncompressed(), UNCOMPRESSED_POINT_BYTES)
        return records[:, :HASH_BYTES].tobytes(), both.tobytes()

    def _refuse_identity(self, mask: NDArray[np.bool_], level: int, places: NDArray[np.int64]) -> None:
        if mask.any():
            raise IdentitySumError(level, int(places[int(mask.argmax())]))


def _rows(data: bytes, size: int) -> _Bytes:
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, size)


def _join(hashes: bytes, sums: bytes) -> _Bytes:
    return np.concatenate([_rows(hashes, HASH_BYTES), _rows(sums, POINT_BYTES)], axis=1)
