"""The book folder: what is written is read back, whole, in order, and only if nothing was touched."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rfc8785

from primitives.assets import AssetList
from prover.book import Book, BookFormatError, import_book
from prover.book.store import ACCOUNT_SCHEMA, POSITION_SCHEMA, BookWriter

ASSETS = AssetList.of([("BTC", 8), ("ETH", 8), ("USDT", 6)])


@pytest.fixture
def book(tmp_path: Path) -> Path:
    source = tmp_path / "long.csv"
    source.write_text("account,asset,amount\nbob,USDT,-1.5\nalice,ETH,2\nbob,BTC,0.00000001\ncarl,BTC,0\n")
    documents = {"model.json": b"{}"}
    import_book("generic-long", [source], tmp_path / "book", assets=ASSETS, documents=documents)
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


def test_the_description_is_canonical_and_names_the_source(book: Path, tmp_path: Path) -> None:
    data = (book / "book.json").read_bytes()
    document = json.loads(data)
    assert rfc8785.dumps(document) == data
    source = (tmp_path / "long.csv").read_bytes()
    assert document["source"] == {
        "kind": "generic-long",
        "files": [{"name": "long.csv", "bytes": len(source), "sha256": hashlib.sha256(source).hexdigest()}],
    }
    assert Book.open(book).documents["model.json"].read_bytes() == b"{}"
    assert Book.open(book).reports == {}


@pytest.mark.parametrize("max_accounts", [1, 2, 3, 7, 64, 1000])
@pytest.mark.parametrize("partition_rows", [5, 60, 10_000])
def test_batches_are_full_across_parts(max_accounts: int, partition_rows: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    held = {
        f"user{n}": {int(a): int(rng.integers(-9, 9)) for a in rng.permutation(3)[: n % 4]}
        for n in range(130)
    }
    rows = [f"{a},{ASSETS[c].id},{v}e-6\n" for a, row in held.items() for c, v in row.items()]
    rows += [f"{a},BTC,0\n" for a, row in held.items() if not row]
    (tmp_path / "a.csv").write_text("account,asset,amount\n" + "".join(rows))
    import_book(
        "generic-long", [tmp_path / "a.csv"], tmp_path / "b", assets=ASSETS, max_partition_rows=partition_rows
    )
    batches = list(Book.open(tmp_path / "b").iter_batches(max_accounts))
    assert [len(batch.ids) for batch in batches[:-1]] == [max_accounts] * (len(batches) - 1)
    assert [batch.first_account for batch in batches] == list(range(0, 130, max_accounts))
    found = {}
    for batch in batches:
        assert batch.row_offsets[0] == 0
        assert batch.row_offsets[-1] == len(batch.columns) == len(batch.amounts)
        for row, account in enumerate(batch.ids):
            places = slice(batch.row_offsets[row], batch.row_offsets[row + 1])
            columns, amounts = batch.columns[places].tolist(), batch.amounts[places].tolist()
            assert columns == sorted(columns)
            found[account] = dict(zip(columns, amounts, strict=True))
    scale = (100, 100, 1)
    assert found == {a: {c: v * scale[c] for c, v in row.items() if v} for a, row in held.items()}


def test_batches_of_nothing_make_no_sense(book: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Book.open(book).iter_batches(0)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("positions/part-00000.parquet", flip, r"positions/part-00000\.parquet: SHA-256 differs"),
        ("accounts/part-00000.parquet", flip, r"accounts/part-00000\.parquet: SHA-256 differs"),
        ("documents/model.json", lambda p: p.write_bytes(b"[]"), r"model\.json: SHA-256 differs"),
        ("documents/model.json", lambda p: p.write_bytes(b"{ }"), r"model\.json: 3 bytes, the book lists 2"),
        ("documents/model.json", Path.unlink, r"model\.json: No such file"),
        ("book.json", Path.unlink, r"is not a book: book\.json: No such file"),
        ("book.json", lambda p: p.write_bytes(p.read_bytes() + b"\n"), "not in canonical form"),
        ("book.json", lambda p: p.write_bytes(b"{}"), "field 'format' is missing"),
    ],
)
def test_a_touched_file_is_noticed(
    book: Path, name: str, change: Callable[[Path], None], reason: str
) -> None:
    change(book / name)
    with pytest.raises(BookFormatError, match=reason):
        Book.open(book)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "sealedbook/book/v2"}, "expected 'sealedbook/book/v1'"),
        ({"accounts": 0}, r"\$\.accounts: 0 is not between"),
        ({"more": 1}, "unknown field 'more'"),
        ({"assets": []}, "0 assets"),
        ({"documents": [{"name": "../x", "bytes": 1, "sha256": "00" * 32}]}, "not a name a file of a book"),
        ({"documents": [{"name": "documents/../x", "bytes": 1, "sha256": "00" * 32}]}, "not a name a file"),
    ],
)
def test_the_description_is_read_strictly(book: Path, change: dict[str, object], reason: str) -> None:
    document = json.loads((book / "book.json").read_bytes()) | change
    (book / "book.json").write_bytes(rfc8785.dumps(document))
    with pytest.raises(BookFormatError, match=reason):
        Book.open(book)


Rows = list[tuple[str | None, int | None, int | None]]
GOOD: Rows = [("a", 0, 5), ("a", 2, -6), ("c", 1, 7)]


def forge(tmp_path: Path, accounts: list[tuple[str | None, int | None]], rows: Rows, **counts: int) -> Book:
    """A book whose digests are right and whose tables are as given."""
    folder = tmp_path / "forged"
    folder.mkdir()
    writer = BookWriter(folder, ASSETS)
    first = [pa.array(column) for column in zip(*accounts, strict=True)]
    second = [pa.array(column) for column in zip(*rows, strict=True)]
    writer.add_part(
        pa.Table.from_arrays(first, names=ACCOUNT_SCHEMA.names),
        pa.Table.from_arrays(second, names=POSITION_SCHEMA.names),
    )
    for name, count in counts.items():
        setattr(writer, name, count)
    writer.finish({"kind": "forged"})
    return Book.open(folder)


@pytest.mark.parametrize(
    ("accounts", "rows", "counts", "reason"),
    [
        ([("a", 2), ("a", 0), ("c", 1)], GOOD, {}, "accounts do not ascend strictly"),
        ([("a", 2), ("c", 1), ("b", 0)], GOOD, {}, "accounts do not ascend strictly"),
        ([("a", 2), (None, 1)], GOOD, {}, "accounts do not ascend strictly"),
        ([("a", -1), ("c", 1)], GOOD, {}, "number of positions is out of range"),
        ([("a", 4), ("c", 1)], GOOD, {}, "number of positions is out of range"),
        ([("a", None), ("c", 1)], GOOD, {}, "a value is missing"),
        ([("a", 2), ("c", 2)], GOOD, {}, "fewer rows than its accounts have positions"),
        ([("a", 2), ("c", 0)], GOOD, {}, "more rows than its accounts have positions"),
        ([("a", 1), ("c", 2)], GOOD, {}, "rows do not belong to the accounts listed"),
        ([("a", 2), ("c", 1)], [*GOOD[:2], (None, 1, 7)], {}, "rows do not belong"),
        ([("a", 2), ("c", 1)], [*GOOD[:2], ("c", 3, 7)], {}, "asset index is out of range"),
        ([("a", 2), ("c", 1)], [*GOOD[:2], ("c", -1, 7)], {}, "asset index is out of range"),
        ([("a", 2), ("c", 1)], [*GOOD[:2], ("c", None, 7)], {}, "a value is missing"),
        ([("a", 2), ("c", 1)], [GOOD[0], ("a", 0, 6), GOOD[2]], {}, "assets of an account do not ascend"),
        ([("a", 2), ("c", 1)], [*GOOD[:2], ("c", 1, 0)], {}, "zero or out of range"),
        ([("a", 2), ("c", 1)], [*GOOD[:2], ("c", 1, -(1 << 63))], {}, "zero or out of range"),
        ([("a", 2), ("c", 1)], GOOD, {"account_count": 3}, r"2 accounts and 3 positions .* says 3 and 3"),
        ([("a", 2), ("c", 1)], GOOD, {"position_count": 4}, r"2 accounts and 3 positions .* says 2 and 4"),
    ],
)
def test_tables_that_contradict_each_other_are_refused(
    accounts: list[tuple[str | None, int | None]],
    rows: Rows,
    counts: dict[str, int],
    reason: str,
    tmp_path: Path,
) -> None:
    book = forge(tmp_path, accounts, rows, **counts)
    for max_accounts in (1, 10):
        with pytest.raises(BookFormatError, match=reason):
            list(book.iter_batches(max_accounts))


def test_the_same_tables_without_a_fault_are_accepted(tmp_path: Path) -> None:
    (batch,) = forge(tmp_path, [("a", 2), ("b", 0), ("c", 1)], GOOD).iter_batches(10)
    assert batch.row_offsets.tolist() == [0, 2, 2, 3]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            pa.table({"account": ["a"], "positions": pa.array([1], pa.int64())}),
            "columns are not account, positions",
        ),
        (None, "not a readable Parquet file"),
    ],
)
def test_a_part_of_another_shape_is_refused(content: pa.Table | None, reason: str, book: Path) -> None:
    path = book / "accounts/part-00000.parquet"
    if content is None:
        path.write_bytes(b"PAR1 nothing PAR1")
    else:
        pq.write_table(content, path)
    document = json.loads((book / "book.json").read_bytes())
    entry = document["parts"][0]["accounts"]
    entry["bytes"], entry["sha256"] = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
    (book / "book.json").write_bytes(rfc8785.dumps(document))
    with pytest.raises(BookFormatError, match=reason):
        list(Book.open(book).iter_batches(5))
