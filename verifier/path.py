"""Checking that a leaf lies under the root of a sealed book.

node = leaf (tag, C), then per level  hash = SHA-256(01 || h_l || S_l || h_r || S_r),  S = S_l + S_r
the last node is the root
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from primitives.attestation import SealedBook
from primitives.backend import Backend, PointVector
from primitives.errors import DecodingError
from primitives.sum_tree import IdentitySumError, SumNode, climb_path, tree_height
from verifier.checks import Check, VerificationError


@dataclass(frozen=True)
class PathChecks:
    """The names under which the three checks of a path are reported."""

    path: Check
    root_hash: Check
    root_sum: Check


def verify_path(
    book: SealedBook,
    leaf_index: int,
    tag: bytes,
    commitment: PointVector,
    path: Sequence[SumNode],
    backend: Backend,
    checks: PathChecks,
) -> None:
    """From the leaf (its commitment a single point, not the identity) up to ``book.root``.

    `VerificationError` with one of `checks`.
    """
    # 1. as many siblings as the tree is high, each a point, none of the sums the identity
    height = tree_height(book.leaf_count)
    if len(path) != height:
        raise VerificationError(checks.path, f"the path has {len(path)} levels, the tree has {height}")
    try:
        root = climb_path(backend, tag, commitment, leaf_index, path)
    except DecodingError as error:
        raise VerificationError(checks.path, f"sibling sum at level {error.index}: {error.reason}") from error
    except (IdentitySumError, ValueError) as error:
        raise VerificationError(checks.path, str(error)) from error
    # 2. root hash
    if root.hash != book.root.hash:
        raise VerificationError(
            checks.root_hash,
            f"leaf and path give {root.hash.hex()}, the root is {book.root.hash.hex()}",
        )
    # 3. root sum
    if root.sum != book.root.sum:
        raise VerificationError(
            checks.root_sum,
            f"leaf and path add up to {root.sum.hex()}, the root has {book.root.sum.hex()}",
        )
