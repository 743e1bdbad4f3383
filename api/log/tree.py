"""The log's tree in the database: a pymerkle tree whose leaves and inner nodes are rows.

pymerkle hashes as RFC 6962 does (its security setting: leaves under `00`, nodes under `01`) and knows which subtrees a
root or a proof is made of. Every complete subtree's root is a row, so that each costs O(log n) rows; those that one
answer needs are fetched by one query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pymerkle
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from api.database.log_tables import LogNode
from api.log.errors import LogDivergedError
from primitives.parameters import HASH_BYTES

_Result = TypeVar("_Result")


def node_number(level: int, position: int) -> int:
    """The in-order number of the `position`-th subtree of 2^level leaves."""
    return ((2 * position + 1) << level) - 1


class DatabaseTree(pymerkle.BaseMerkleTree):  # type: ignore[misc]
    """The tree over the first `size` leaves, inside the caller's session; made for one call and then dropped."""

    def __init__(self, session: Session, size: int) -> None:
        super().__init__("sha256")
        self._session = session
        self._size = size
        self._nodes: dict[int, bytes] = {}
        self._wanted: set[int] | None = None

    def append_leaf(self, entry: bytes) -> None:
        """Store the leaf of `entry`, and every subtree that it completes."""
        self._computed(lambda: [self._node(level, (self._size >> level) - 1) for level in self._completed()])
        self.append_entry(entry)

    def root_of(self, size: int) -> bytes:
        """The root over the first `size` leaves."""
        return self._computed(lambda: bytes(self.get_root(size)))

    def audit_path(self, index: int, size: int) -> list[bytes]:
        """PATH(index, D[size]) of RFC 6962, section 2.1.1: from the leaf upwards."""
        # pymerkle counts from one and puts the leaf itself first
        return self._computed(lambda: list(self.prove_inclusion(index + 1, size).path[1:]))

    def consistency_path(self, first: int, second: int) -> list[bytes]:
        """PROOF(first, D[second]) of RFC 6962, section 2.1.2, for 0 < first <= second.

        Not pymerkle's own path, which names other subtrees where `first` is the size of a left subtree.
        """
        ranges = consistency_ranges(first, second)
        return self._computed(lambda: [bytes(self._get_root(start, end)) for start, end in ranges])

    def _computed(self, compute: Callable[[], _Result]) -> _Result:
        """What `compute` returns; it runs once to learn which nodes it needs, and again when they are here."""
        self._wanted = set()
        compute()
        wanted, self._wanted = self._wanted - self._nodes.keys(), None
        if wanted:
            rows = self._session.execute(
                select(LogNode.number, LogNode.hash).where(LogNode.number.in_(wanted))
            )
            self._nodes.update({number: bytes(value) for number, value in rows})
        if missing := wanted - self._nodes.keys():
            raise LogDivergedError(f"{len(missing)} nodes of the log's tree are missing in the database")
        return compute()

    def _completed(self) -> Iterator[int]:
        """The levels of the subtrees, left of the next leaf, that it completes larger ones with."""
        level = 0
        while self._size >> level & 1:
            yield level
            level += 1

    def _node(self, level: int, position: int) -> bytes:
        number = node_number(level, position)
        if self._wanted is not None:
            self._wanted.add(number)
            return bytes(HASH_BYTES)
        return self._nodes[number]

    # What pymerkle asks of a storage; its indexes count from one, its offsets from zero.

    def _encode_entry(self, data: bytes) -> bytes:
        return data

    def _store_leaf(self, data: bytes, digest: bytes) -> int:
        stored = {node_number(0, self._size): digest}
        for level in self._completed():
            digest = self.hash_pair(self._node(level, (self._size >> level) - 1), digest)
            stored[node_number(level + 1, self._size >> (level + 1))] = digest
        rows = [{"number": number, "hash": value} for number, value in stored.items()]
        self._session.execute(insert(LogNode), rows)
        self._nodes.update(stored)
        self._size += 1
        return self._size

    def _get_leaf(self, index: int) -> bytes:
        return self._node(0, index - 1)

    def _get_leaves(self, offset: int, width: int) -> list[bytes]:
        return [self._node(0, offset + each) for each in range(width)]

    def _get_size(self) -> int:
        return self._size

    def _get_subroot(self, offset: int, width: int) -> bytes:
        # `width` is a power of two, and `offset` a multiple of it
        level = width.bit_length() - 1
        return self._node(level, offset >> level)


def consistency_ranges(first: int, second: int) -> list[tuple[int, int]]:
    """The leaf ranges ``[start, end)`` whose roots make up PROOF(first, D[second]); RFC 6962, section 2.1.2.

    SUBPROOF(m, D[n], b): nothing (b) or the range's root (not b) where m = n; else, with k the largest power of two
    below n, SUBPROOF(m, D[0:k], b) and D[k:n] where m <= k, SUBPROOF(m - k, D[k:n], false) and D[0:k] where m > k.
    """
    start, end, whole = 0, second, True
    ranges = []
    while first != end:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, whole = middle, False
    if not whole:
        ranges.append((start, end))
    return ranges[::-1]
