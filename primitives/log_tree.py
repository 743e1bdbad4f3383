"""Hashing of the log's tree (RFC 6962, section 2.1): leaves, nodes, and the frontier of a growing tree.

leaf hash = SHA-256(00 || entry)        node = SHA-256(01 || left || right)        empty tree = SHA-256("")
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from primitives.errors import DecodingError
from primitives.parameters import HASH_BYTES

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""The root of a log without entries."""


def leaf_hash(entry: bytes) -> bytes:
    """The 32-byte hash of an entry as a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The 32-byte hash of the node above `left` and `right`."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Frontier:
    """The roots of the complete subtrees that make up the first `size` leaves, the largest first.

    There is one for every bit that is set in `size`; they are all that is needed to append and to compute the root.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise DecodingError(f"a frontier of {self.size} leaves has {len(self.hashes)} hashes")
        if any(len(each) != HASH_BYTES for each in self.hashes):
            raise DecodingError(f"a frontier holds a hash that has not {HASH_BYTES} bytes")

    def root(self) -> bytes:
        """The root of the tree: the subtrees joined from the right."""
        if not self.hashes:
            return EMPTY_ROOT
        *rest, root = self.hashes
        for left in reversed(rest):
            root = node_hash(left, root)
        return root

    def appended(self, leaves: Iterable[bytes]) -> Frontier:
        """The frontier after further leaf hashes."""
        hashes, size = list(self.hashes), self.size
        for leaf in leaves:
            node = leaf
            # Every trailing one of the size is a complete subtree that the new leaf completes a larger one with.
            for _ in range((~size & (size + 1)).bit_length() - 1):
                node = node_hash(hashes.pop(), node)
            hashes.append(node)
            size += 1
        return Frontier(size, tuple(hashes))
