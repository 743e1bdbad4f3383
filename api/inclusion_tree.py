"""Inclusion paths from memory-mapped files, by leaf index or by tag.

    tree.bin       every node of the sum tree, leaves first, 80 bytes each (`primitives.sum_tree.level_offset`)
    tags.bin       the tags in leaf order, 32 bytes each
    order.bin      leaf indices in the order of their tags, four bytes each, little-endian

All three follow from ``leaves.bin`` and are public. Memory is what the operating system keeps of the files; a path
takes one node a level, a tag about log2(leaves) comparisons.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from primitives.backend import Backend, PointVector
from primitives.parameters import HASH_BYTES, LEAF_BYTES, NODE_BYTES, POINT_BYTES, TAG_BYTES
from primitives.sum_tree import (
    CHUNK_HEIGHT,
    SumNode,
    build_tree,
    join_records,
    level_offset,
    split_leaves,
    tree_height,
)

TREE_NAME: Final = "tree.bin"
TAGS_NAME: Final = "tags.bin"
ORDER_NAME: Final = "order.bin"
_INDEX_BYTES: Final = 4
PATH_FORMAT: Final = "sealedbook/inclusion-path/v1"


def write_inclusion_files(
    leaves: BinaryIO, leaf_count: int, folder: Path, backend: Backend, progress: Callable[[int], None]
) -> SumNode:
    """Write the three files from the bytes of ``leaves.bin``; the root that they make.

    Raises `DecodingError`, `ValueError` and `IdentitySumError` as `build_tree` does, and `OSError`.
    """
    chunk = min(leaf_count, 1 << CHUNK_HEIGHT)
    with (folder / TREE_NAME).open("wb") as tree, (folder / TAGS_NAME).open("wb") as tags_file:

        def chunks() -> Iterator[tuple[bytes, PointVector]]:
            for start in range(0, leaf_count, chunk):
                data = leaves.read(chunk * LEAF_BYTES)
                tags, commitments = split_leaves(data)
                tags_file.write(tags)
                yield tags, backend.points_from_compressed(commitments)
                progress(start + chunk)

        def sink(level: int, first: int, hashes: bytes, sums: bytes) -> None:
            tree.seek(level_offset(leaf_count, level) + NODE_BYTES * first)
            tree.write(join_records(hashes, HASH_BYTES, sums, POINT_BYTES))

        root = build_tree(backend, chunks(), leaf_count, sink=sink)
    _write_order(folder, leaf_count)
    return root


def _write_order(folder: Path, leaf_count: int) -> None:
    tags = np.memmap(folder / TAGS_NAME, dtype=">u8", mode="r", shape=(leaf_count, TAG_BYTES // 8))
    order = np.lexsort([tags[:, column].astype(np.uint64) for column in reversed(range(TAG_BYTES // 8))])
    order.astype("<u4").tofile(folder / ORDER_NAME)


class InclusionTree:
    """The three files of one attestation, mapped."""

    def __init__(self, folder: Path, attestation: bytes, book_digest: bytes, leaf_count: int) -> None:
        """`attestation` is its digest. `OSError` or `ValueError` where a file is missing or of another length."""
        self.leaf_count = leaf_count
        self.height = tree_height(leaf_count)
        self._tree = _map(folder / TREE_NAME, NODE_BYTES * (2 * leaf_count - 1))
        self._tags = _map(folder / TAGS_NAME, TAG_BYTES * leaf_count)
        self._order = _map(folder / ORDER_NAME, _INDEX_BYTES * leaf_count)
        self._offsets = [level_offset(leaf_count, level) for level in range(self.height)]
        self._prefix = (
            f'{{"format":"{PATH_FORMAT}","attestation":"{attestation.hex()}","book":"{book_digest.hex()}",'
            f'"root":{self._node_text(level_offset(leaf_count, self.height))},"leaf":{{"index":'
        )

    def find(self, tag: bytes) -> int | None:
        """The index of the leaf with this tag (32 bytes), or None."""
        low, high = 0, self.leaf_count
        tags, order = self._tags, self._order
        while low < high:
            middle = (low + high) // 2
            index = int.from_bytes(
                order[_INDEX_BYTES * middle : _INDEX_BYTES * middle + _INDEX_BYTES], "little"
            )
            found = tags[TAG_BYTES * index : TAG_BYTES * index + TAG_BYTES]
            if found == tag:
                return index
            if found < tag:
                low = middle + 1
            else:
                high = middle
        return None

    def path_json(self, index: int) -> bytes:
        """The path of leaf `index` (in range) as a JSON document."""
        at = TAG_BYTES * index
        tag = self._tags[at : at + TAG_BYTES].hex()
        commitment = self._tree[NODE_BYTES * index + HASH_BYTES : NODE_BYTES * (index + 1)].hex()
        siblings = ",".join(
            [
                self._node_text(offset + NODE_BYTES * ((index >> level) ^ 1))
                for level, offset in enumerate(self._offsets)
            ]
        )
        return (
            f'{self._prefix}{index},"tag":"{tag}","commitment":"{commitment}"}},"path":[{siblings}]}}'
        ).encode("ascii")

    def path_bytes(self, index: int) -> bytes:
        """The path of leaf `index` as bytes: tag, commitment, then the siblings, lowest first, 80 bytes each."""
        parts = [
            self._tags[TAG_BYTES * index : TAG_BYTES * (index + 1)],
            self._tree[NODE_BYTES * index + HASH_BYTES : NODE_BYTES * (index + 1)],
        ]
        for level, offset in enumerate(self._offsets):
            at = offset + NODE_BYTES * ((index >> level) ^ 1)
            parts.append(self._tree[at : at + NODE_BYTES])
        return b"".join(parts)

    def _node_text(self, at: int) -> str:
        text = self._tree[at : at + NODE_BYTES].hex()
        return f'{{"hash":"{text[: 2 * HASH_BYTES]}","sum":"{text[2 * HASH_BYTES :]}"}}'


def _map(path: Path, size: int) -> mmap.mmap:
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if len(mapped) != size:
        raise ValueError(f"{path.name} has {len(mapped)} bytes, expected {size}")
    return mapped
