"""Blinding and salt of every leaf of a book, whichever sealing they come from.

A book that was sealed as a whole has one epoch key, and the secrets of leaf u are element u of its streams. An
update seals some leaves anew, under an epoch key of its own: *generation* g of a book is its g-th key, and

    rho_u  = element e_u of ``leaf-blinding`` of key g_u          salt_u  = element e_u of ``leaf-salt`` of key g_u

with g_u and e_u stored for each leaf. A pair (g, e) never serves two contents: a key is drawn for one update, and
its elements are given to the leaves of that update, 0, 1, 2, ... in the order of the leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from primitives.backend import Backend, ScalarVector
from primitives.parameters import SALT_BYTES
from prover.errors import VaultError
from prover.randomness import SecretStream

MAX_GENERATIONS: Final = 4096
"""Keys of one book. Keys that no leaf uses any more are left out by the next update."""
GENERATION_ARRAYS: Final = {"leaf_generation": "<i4", "leaf_element": "<i8"}
"""The arrays of a book with several keys and their types, one-dimensional, one element per leaf."""

_WIDE_BYTES: Final = 64


@dataclass(frozen=True)
class LeafOrigins:
    """Generation and element of each leaf; see the module's text."""

    generation: NDArray[np.int32] = field(repr=False)
    element: NDArray[np.int64] = field(repr=False)

    @staticmethod
    def first(leaf_count: int) -> LeafOrigins:
        """Those of a book that was sealed as a whole."""
        return LeafOrigins(np.zeros(leaf_count, np.int32), np.arange(leaf_count, dtype=np.int64))

    def part(self, start: int, stop: int) -> LeafOrigins:
        """Those of the leaves ``start <= u < stop``."""
        return LeafOrigins(np.asarray(self.generation[start:stop]), np.asarray(self.element[start:stop]))

    def at(self, leaves: NDArray[np.int64]) -> LeafOrigins:
        """Those of some leaves, in their order."""
        return LeafOrigins(self.generation[leaves], self.element[leaves])


class LeafSecrets:
    """Derives blindings and salts; `origins` is None where there is one key and leaf u has element u."""

    def __init__(self, streams: Sequence[SecretStream], origins: LeafOrigins | None) -> None:
        if len(streams) != 1 and origins is None:
            raise ValueError("several keys, and nothing says which leaf uses which")
        self._streams = tuple(streams)
        self._origins = origins

    def __repr__(self) -> str:
        return f"LeafSecrets({len(self._streams)} key(s))"

    def origins(self, leaf_count: int) -> LeafOrigins:
        """Generation and element of each of the book's `leaf_count` leaves."""
        return LeafOrigins.first(leaf_count) if self._origins is None else self._origins

    def blindings(self, backend: Backend, start: int, stop: int) -> ScalarVector:
        """rho_u for the leaves ``start <= u < stop``; `VaultError` where the origins are damaged."""
        if self._origins is None:
            return self._streams[0].leaf_blindings(backend, start, stop)
        origins = self._origins.part(start, stop)
        _expect(len(origins.generation), stop - start)
        return backend.scalars_from_wide_bytes(self._expand(b"leaf-blinding", origins, _WIDE_BYTES))

    def salts(self, start: int, stop: int) -> bytes:
        """salt_u for the leaves ``start <= u < stop``, 32 bytes each."""
        if self._origins is None:
            return self._streams[0].leaf_salts(start, stop)
        origins = self._origins.part(start, stop)
        _expect(len(origins.generation), stop - start)
        return self._expand(b"leaf-salt", origins, SALT_BYTES)

    def _expand(self, purpose: bytes, origins: LeafOrigins, size: int) -> bytes:
        """The elements named by `origins`, in their order; whole blocks are derived once for each key."""
        result = np.empty((len(origins.generation), size), dtype=np.uint8)
        for generation in np.unique(origins.generation).tolist():
            if not 0 <= generation < len(self._streams):
                raise VaultError(
                    "a leaf's secrets come from a key that the vault does not have: it is damaged"
                )
            where = np.flatnonzero(origins.generation == generation)
            elements = origins.element[where]
            if (elements < 0).any() or (elements >> 32).any():
                raise VaultError(
                    "a leaf's secrets have no valid place in their key's stream: the vault is damaged"
                )
            self._streams[generation].expand_elements(purpose, elements, size, out=result, places=where)
        return result.tobytes()


def _expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise VaultError("the arrays of leaf origins are shorter than the book: the vault is damaged")
