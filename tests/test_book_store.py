"""The book folder: what is written is read back, whole, in order, and only if nothing was touched."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from primitives.assets import AssetList
from prover.book import Book, BookFormatError, import_book

ASSETS = AssetList.of([("BTC", 8), ("ETH", 8), ("USDT", 6)])


@pytest.fixture
def book(tmp_path: Path) -> Path:
    source = tmp_path / "long.csv"
    source.write_text("account,asset,amount\nbob,USDT,-1.5\nalice,ETH,2\nbob,BTC,0.00000001\ncarl,BTC,0\n")
    import_book("generic-long", [source], tmp_path / "book", assets=ASSETS)
    return tmp_path / "book"


def test_batches_are_sorted_sparse_rows_with_empty_accounts_kept(book: Path) -> None:
    opened = Book.open(book)
    assert (opened.account_count, opened.position_count, opened.assets) == (3, 3, ASSETS)
    (batch,) = opened.iter_batches(10)
    assert batch.ids == ["alice", "bob", "carl"]
    assert batch.row_offsets.tolist() == [0, 1, 3, 3]
    assert batch.columns.tolist() == [1, 0, 2]
    assert batch.amounts.tolist() == [2 * 10**8, 1, -1_500_000]
    arrays = (batch.row_offsets, batch.columns, batch.amounts)
    assert [array.dtype.name for array in arrays] == ["int64", "int32", "int64"]


def test_the_folder_is_private(book: Path) -> None:
    for path in (book, *book.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_touched_file_is_noticed(book: Path) -> None:
    part = next((book / "positions").iterdir())
    data = bytearray(part.read_bytes())
    data[20] ^= 1
    part.write_bytes(bytes(data))
    with pytest.raises(BookFormatError, match="SHA-256 differs"):
        Book.open(book)
