"""What the root's sum opens to: totals of every asset and the sum of all leaf blindings.

    S = sum_u C_u = sum_a T_a G_a + P H,   T_a = sum_u q[u,a],   P = sum_u rho_u mod r

over all leaves, padding included. Secret: totals are published only where the issuer asks for it, P never.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from primitives.backend import Backend
from primitives.generators import Generators
from primitives.parameters import GROUP_ORDER
from prover.errors import VaultError
from prover.progress import Progress, no_progress
from prover.vault import VaultBook

_LEAVES_AT_ONCE: Final = 1 << 14
_LIMB_BITS: Final = 32
_LIMB_MASK: Final = (1 << _LIMB_BITS) - 1


@dataclass(frozen=True, slots=True)
class BookTotals:
    """T_a in base units, one for each asset of the book in its order, and P. Kept out of the repr."""

    totals: tuple[int, ...] = field(repr=False)
    blinding: int = field(repr=False)


def sum_book(
    book: VaultBook, backend: Backend, generators: Generators, progress: Progress = no_progress
) -> BookTotals:
    """Add up a book of the vault, and make sure that the attested root's sum opens to the result.

    Raises `VaultError` if it does not: the vault is damaged.
    """
    assets, leaves = len(book.book.assets), book.book.leaf_count
    totals = [0] * assets
    blinding = 0
    for start in range(0, leaves, _LEAVES_AT_ONCE):
        stop = min(start + _LEAVES_AT_ONCE, leaves)
        blinding += book.leaf_blindings(backend, start, stop).sum()
        rows = book.rows(start, stop)
        _add_exactly(totals, rows.columns, rows.amounts)
        progress("Adding up the book", stop, leaves)
    blinding %= GROUP_ORDER
    bases = generators.assets(book.book.assets).concat(generators.blinding())
    opened = backend.multi_scalar_multiply(bases, backend.scalars_from_ints([*totals, blinding]))
    if opened.to_compressed() != book.book.root.sum:
        raise VaultError("the entries in the vault do not add up to the sealed root: the vault is damaged")
    return BookTotals(tuple(totals), blinding)


def _add_exactly(totals: list[int], columns: NDArray[np.int32], amounts: NDArray[np.int64]) -> None:
    """Add amounts by column, in two limbs: sums of 2^31 limbs of 32 bits fit 64 bits."""
    used, places = np.unique(columns, return_inverse=True)
    high, low = np.zeros(len(used), np.int64), np.zeros(len(used), np.int64)
    np.add.at(high, places, amounts >> _LIMB_BITS)
    np.add.at(low, places, amounts & _LIMB_MASK)
    for column, upper, lower in zip(used.tolist(), high.tolist(), low.tolist(), strict=True):
        totals[column] += (upper << _LIMB_BITS) + lower
