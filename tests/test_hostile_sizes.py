"""Documents of the largest sizes cost what their bytes cost, and not the square of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from primitives.assets import Asset
from primitives.attestation import LEAVES_NAME, Attestation, BundleFile, SealedBook
from primitives.sum_tree import SumNode


class CountedFiles(tuple[BundleFile, ...]):
    """How often somebody goes through all of them."""

    passes = 0

    def __iter__(self) -> Iterator[BundleFile]:
        type(self).passes += 1
        return super().__iter__()


def test_files_are_found_without_a_search_for_each() -> None:
    names = [LEAVES_NAME, *(f"proofs/accounts-{batch:06d}.narg" for batch in range(100))]
    files = CountedFiles(BundleFile(name, 1, bytes(32)) for name in names)
    book = SealedBook(
        "x",
        bytes(32),
        datetime(2026, 1, 31, tzinfo=UTC),
        (Asset("BTC", 8),),
        2,
        bytes(32),
        SumNode(bytes(32), bytes(48)),
    )
    attestation = Attestation(book, files)
    assert [attestation.file(name).name for name in names] == names
    assert CountedFiles.passes == 1
    with pytest.raises(KeyError):
        attestation.file("proofs")
