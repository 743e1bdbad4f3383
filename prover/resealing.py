"""Sealing some leaves of a book anew: fresh key, tags, commitments, and the paths of the tree above them.

For the leaves u_0 < u_1 < ... < u_(c-1) that are sealed anew, with the streams of a fresh epoch key:

    rho_(u_i), salt_(u_i) = elements i           tag, C as in sealing (`prover.commit`)

Every other leaf keeps its key, element, tag and commitment. Group work is O(c log n); leaves, tree and entries are
copied, which takes O(n) bytes of reading, writing and hashing. Memory is one chunk, and about 300 bytes for each
leaf that is sealed anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from primitives.attestation import SealedBook
from primitives.backend import Backend
from primitives.generators import Generators
from primitives.parameters import LEAF_BYTES, POINT_BYTES, SALT_BYTES, TAG_BYTES
from primitives.sum_tree import CHUNK_HEIGHT, SumNode, join_records
from prover.book_changes import ResealedLeaves, merge_rows, pick_rows
from prover.commit import account_tags
from prover.errors import ProverError, VaultError
from prover.leaf_secrets import MAX_GENERATIONS, LeafOrigins
from prover.private_arrays import ArrayWriter, save_array
from prover.progress import Progress
from prover.randomness import SecretStream
from prover.secret_file import copy_private, write_secret
from prover.tree_update import TreeUpdate
from prover.vault import (
    EPOCH_KEY_KIND,
    EPOCH_KEY_NAME,
    TREE_NAME,
    AccountIndexWriter,
    VaultBook,
    write_description,
)

_CHUNK: Final = 1 << CHUNK_HEIGHT


class Resealing:
    """Makes the files of the new book, in folders that the caller puts in place. One object, one epoch key."""

    def __init__(self, old: VaultBook, leaves: ResealedLeaves, backend: Backend, progress: Progress) -> None:
        self._old = old
        self._leaves = leaves
        self._backend = backend
        self._progress = progress
        key = SecretStream.fresh_key()
        self._stream = SecretStream(key)
        self._keys, self._origins = _next_origins(old, leaves.leaves, key)

    def write(
        self, old_leaves: Path, new_leaves: Path, private: Path, passphrase: str | None
    ) -> tuple[SumNode, bytes]:
        """Write ``leaves.bin`` at `new_leaves` and the vault's files into `private`.

        Returns the new root and the SHA-256 of the leaves. Raises `ProverError` where `old_leaves` is not the attested
        file, `VaultError` where the vault is damaged.
        """
        write_secret(private / EPOCH_KEY_NAME, EPOCH_KEY_KIND, b"".join(self._keys), passphrase)
        tags, commitments = self._seal()
        digest = self._write_leaves(old_leaves, new_leaves, tags, commitments)
        old_tree = self._old.folder / TREE_NAME
        tree = TreeUpdate(old_tree, self._leaf_count, self._old.book.root, self._backend)
        changed = tree.replace(self._leaves.leaves, tags, commitments)
        self._progress("Computing the tree", 1, 1)
        copy_private(old_tree, private / TREE_NAME)
        changed.write(private / TREE_NAME)
        self._write_entries(private)
        with AccountIndexWriter(private, previous=self._old.folder) as accounts:
            accounts.add(self._leaves.new_ids, self._leaves.new_leaves)
            accounts.finish()
        if len(self._keys) > 1:
            save_array(private / "leaf_generation.npy", self._origins.generation)
            save_array(private / "leaf_element.npy", self._origins.element)
        return changed.root, digest

    def describe(self, private: Path, book: SealedBook, account_count: int) -> None:
        """Write ``book.json``, which makes `private` the folder of `book`."""
        write_description(private, book, account_count, len(self._keys))

    @property
    def _leaf_count(self) -> int:
        return self._old.book.leaf_count

    def _seal(self) -> tuple[bytes, bytes]:
        """Tags (32 bytes each) and commitments (48) of the leaves that are sealed anew, in their order."""
        generators = Generators(self._backend)
        count, leaves = len(self._leaves), self._leaves
        bases = generators.assets(self._old.book.assets)
        key = self._backend.commitment_key(bases, generators.blinding(), count)
        tags, commitments = [], []
        for start in range(0, count, _CHUNK):
            stop = min(start + _CHUNK, count)
            rows = pick_rows(leaves.rows, np.arange(start, stop, dtype=np.int64))
            blindings = self._stream.leaf_blindings(self._backend, start, stop)
            points = key.commit(rows.row_offsets, rows.columns, rows.amounts, blindings)
            commitments.append(points.to_compressed())
            salts = np.frombuffer(self._stream.leaf_salts(start, stop), np.uint8).reshape(-1, SALT_BYTES)
            tags.append(account_tags(salts, leaves.ids[start:stop]).tobytes())
            self._progress("Sealing changed leaves", stop, count)
        return b"".join(tags), b"".join(commitments)

    def _write_leaves(self, old: Path, new: Path, tags: bytes, commitments: bytes) -> bytes:
        """Copy the leaves with those that changed replaced; returns the new file's SHA-256."""
        records = _records(join_records(tags, TAG_BYTES, commitments, POINT_BYTES))
        before, after = hashlib.sha256(), hashlib.sha256()
        with old.open("rb") as source, new.open("wb") as target:
            for start in range(0, self._leaf_count, _CHUNK):
                stop = min(start + _CHUNK, self._leaf_count)
                data = source.read((stop - start) * LEAF_BYTES)
                before.update(data)
                if len(data) == (stop - start) * LEAF_BYTES:
                    data = self._replaced(data, start, stop, records)
                after.update(data)
                target.write(data)
                self._progress("Copying leaves", stop, self._leaf_count)
            is_longer = bool(source.read(1))
        if is_longer or before.digest() != self._old.book.leaves_sha256:
            raise ProverError(f"{old} is not the file that was attested; seal the book again")
        return after.digest()

    def _replaced(self, data: bytes, start: int, stop: int, records: NDArray[np.uint8]) -> bytes:
        first, last = np.searchsorted(self._leaves.leaves, [start, stop])
        if first == last:
            return data
        chunk = _records(data).copy()
        chunk[self._leaves.leaves[first:last] - start] = records[first:last]
        return chunk.tobytes()

    def _write_entries(self, private: Path) -> None:
        """The entries of all leaves, in the order of the leaves: what is no longer true is not kept."""
        counts = np.empty(self._leaf_count, dtype=np.int32)
        with (
            ArrayWriter(private / "columns.npy", np.int32) as columns,
            ArrayWriter(private / "amounts.npy", np.int64) as amounts,
        ):
            for start in range(0, self._leaf_count, _CHUNK):
                stop = min(start + _CHUNK, self._leaf_count)
                first, last = np.searchsorted(self._leaves.leaves, [start, stop]).tolist()
                rows = self._old.rows(start, stop)
                changed = pick_rows(self._leaves.rows, np.arange(first, last, dtype=np.int64))
                rows = merge_rows(rows, self._leaves.leaves[first:last] - start, changed)
                columns.append(rows.columns)
                amounts.append(rows.amounts)
                counts[start:stop] = np.diff(rows.row_offsets)
                self._progress("Copying positions", stop, self._leaf_count)
        starts = np.cumsum(counts, dtype=np.int64) - counts
        save_array(private / "entry_start.npy", starts)
        save_array(private / "entry_count.npy", counts)


def _next_origins(old: VaultBook, leaves: NDArray[np.int64], key: bytes) -> tuple[list[bytes], LeafOrigins]:
    """Keys of the new book and where its leaves' secrets come from; keys that no leaf uses any more are left out."""
    origins = old.secrets.origins(old.book.leaf_count)
    generation = np.array(origins.generation, dtype=np.int32)
    element = np.array(origins.element, dtype=np.int64)
    if {len(generation), len(element)} != {old.book.leaf_count} or not (
        0 <= generation.min() <= generation.max() < len(old.epoch_keys)
    ):
        raise VaultError("the arrays of leaf origins do not fit the book: the vault is damaged")
    generation[leaves] = len(old.epoch_keys)
    element[leaves] = np.arange(len(leaves), dtype=np.int64)
    used, renumbered = np.unique(generation, return_inverse=True)
    if len(used) > MAX_GENERATIONS:
        raise ProverError(
            f"the leaves of this book come from {MAX_GENERATIONS:,} sealings: seal it anew "
            "(`sealedbook update --form unlinkable`)"
        )
    keys = [*old.epoch_keys, key]
    return [keys[place] for place in used.tolist()], LeafOrigins(renumbered.astype(np.int32), element)


def _records(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, LEAF_BYTES)
