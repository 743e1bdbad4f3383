"""Reading against a naive reader: whatever the chunks, the quoting, the line ends and the partitions."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import tempfile
import unicodedata
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primitives.assets import AssetList
from prover.book import Book, ImportFailedError, ImportReport, Problem, ReadOptions, import_book
from prover.book.parquet_input import AmountColumn

ASSETS = AssetList.of([("BTC", 8), ("ETH", 4), ("币", 0)])
DECIMALS = {"BTC": 8, "ETH": 4, "币": 0}
Contents = dict[str, dict[str, int]]


class ListSink:
    """A reject sink that keeps what it gets."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def write(self, problem: Problem) -> None:
        self.problems.append(problem)

    def finish(self) -> None:
        pass

    def discard(self) -> None:
        self.problems.clear()


def contents(path: Path, batch: int = 7) -> Contents:
    """A whole book as plain dictionaries."""
    book = Book.open(path)
    found: Contents = {}
    for accounts in book.iter_batches(batch):
        for row, account in enumerate(accounts.ids):
            places = range(accounts.row_offsets[row], accounts.row_offsets[row + 1])
            found[account] = {
                book.assets[int(accounts.columns[k])].id: int(accounts.amounts[k]) for k in places
            }
    return found


# Ids, assets and amounts with the code of their fault, if any.
ACCOUNTS = {
    "alice": None, "bob": None, "Zoë": None, "com,ma": None, 'quo"te': None, "in ner": None, "\ufeffmark": None,
    "": "empty-id", " lead": "bad-id", "trail\u00a0": "bad-id", "e\u0301": "bad-id", "new\nline": "bad-id",
    "tab\t": "bad-id", "x" * 257: "bad-id",
}  # fmt: skip
ASSET_IDS = {"BTC": None, "ETH": None, "币": None, "btc": "unknown-asset", "": "unknown-asset"}
AMOUNTS = [
    "0", "1", "-7", "0.5", "1e3", "2.5000", "0.00000001", "-0.0001", "99999999999", "9223372036854775807", "1e-9",
    ".5", "+3", "", "x", "1,5", "NaN", "1.", " 1",
]  # fmt: skip


def naive_amount(text: str, decimals: int) -> int | str:
    """Base units, or the code of the fault."""
    if not text:
        return "empty-amount"
    digits = text.lstrip("+-").replace("e", "").replace("-", "").replace(".", "")
    if not digits.isdecimal() or text.endswith("."):
        return "malformed-amount"
    exact = Fraction(text) * 10**decimals
    if exact.denominator != 1:
        return "too-many-decimals"
    return int(exact) if abs(exact) < 1 << 63 else "out-of-range"


def naive_book(files: list[list[tuple[int, list[str]]]]) -> tuple[Contents, set[tuple[int, int, str]]]:
    """The accepted accounts and the faults ``(file, line, code)`` of rows ``(line, fields)``."""
    faults: set[tuple[int, int, str]] = set()
    bad: set[str] = set()
    book: Contents = {}
    for number, rows in enumerate(files):
        for line, fields in rows:
            code: int | str | None
            if len(fields) != 3:
                code = "wrong-column-count"
            else:
                account, asset, amount = fields
                code = ACCOUNTS[account] or ASSET_IDS[asset]
                if code is None:
                    code = naive_amount(amount, DECIMALS[asset])
                if isinstance(code, int):
                    units = code
                    code = "duplicate-row" if asset in book.get(account, {}) else None
                    book.setdefault(account, {}).setdefault(asset, units)
            if isinstance(code, str):
                faults.add((number, line, code))
                bad.add(fields[0])
    accepted = {
        account: {asset: units for asset, units in rows.items() if units}
        for account, rows in book.items()
        if account not in bad
    }
    return accepted, faults


FIELDS = st.tuples(
    st.sampled_from(sorted(ACCOUNTS)), st.sampled_from(sorted(ASSET_IDS)), st.sampled_from(AMOUNTS)
).map(list)
ROWS = st.lists(
    st.one_of(FIELDS, FIELDS, FIELDS, st.sampled_from([["alice"], ["bob", "BTC"], ["Zoë", "BTC", "1", ""]])),
    max_size=25,
)


@settings(deadline=None, max_examples=100)
@given(
    files=st.lists(ROWS, min_size=1, max_size=3),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quote_all=st.booleans(),
    blank_lines=st.booleans(),
    mark=st.booleans(),
    zipped=st.booleans(),
    chunk_bytes=st.sampled_from([1, 2, 3, 5, 17, 64, 1 << 20]),
    partition_rows=st.sampled_from([1, 3, 1000]),
)
def test_long_tables_agree_with_a_naive_reader(
    files: list[list[list[str]]],
    line_end: str,
    quote_all: bool,
    blank_lines: bool,
    mark: bool,
    zipped: bool,
    chunk_bytes: int,
    partition_rows: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths, numbered = [], []
        for number, rows in enumerate(files):
            text, lines = io.StringIO(), []
            writer = csv.writer(
                text, lineterminator=line_end, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
            )
            writer.writerow(["account", "asset", "amount"])
            for row in rows:
                if blank_lines:
                    text.write(line_end)
                lines.append((text.getvalue().count("\n") + 1, row))
                writer.writerow(row)
            data = (b"\xef\xbb\xbf" if mark else b"") + text.getvalue().encode()
            paths.append(Path(folder, f"{number}.csv"))
            paths[-1].write_bytes(gzip.compress(data) if zipped else data)
            numbered.append(lines)
        expected, faults = naive_book(numbered)
        sink = ListSink()
        out = Path(folder, "book")
        try:
            report = import_book(
                "generic-long", paths, out, assets=ASSETS, reject_sink=sink,
                options=ReadOptions(chunk_bytes=chunk_bytes), max_partition_rows=partition_rows,
                listed_problems=1000,
            )  # fmt: skip
        except ImportFailedError as error:
            report = error.report
            found = [problem for problem in report.first_problems if problem.code != "no-accounts"]
            nothing_left = 1
        else:
            assert contents(out) == expected
            found = [problem for problem in sink.problems if problem.code != "account-rejected"]
            nothing_left = 0
        assert {(paths.index(Path(p.file)), p.line, p.code) for p in found} == faults
        assert len(found) == len(faults) == sum(report.problems.values()) - nothing_left
        assert nothing_left == (not expected)
        ids = {fields[0] for rows in files for fields in rows}
        assert (report.accounts_seen, report.accounts_accepted) == (len(ids), len(expected))


@pytest.mark.parametrize("chunk_bytes", range(1, 40))
def test_rows_and_characters_may_straddle_chunks(chunk_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('account,asset,amount\r\nZoë,币,1\r\n"€,€",BTC,"2"\r\n𝔘,ETH,3'.encode())
    report = import_book(
        "generic-long", [path], tmp_path / "b", assets=ASSETS, options=ReadOptions(chunk_bytes=chunk_bytes)
    )
    assert report.rows == 3
    assert contents(tmp_path / "b") == {"Zoë": {"币": 1}, "€,€": {"BTC": 2 * 10**8}, "𝔘": {"ETH": 30000}}


@pytest.mark.parametrize("chunk_bytes", [3, 8, 1 << 20])
def test_a_quoted_header_may_have_line_breaks(chunk_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\n"the\naccount",asset,"amount ""x"""\na,BTC,1\nb,BTC,z\n')
    options = ReadOptions(account_column="the\naccount", amount_column='amount "x"', chunk_bytes=chunk_bytes)
    with pytest.raises(ImportFailedError) as caught:
        import_book("generic-long", [path], tmp_path / "b", assets=ASSETS, options=options)
    assert [problem.line for problem in caught.value.report.first_problems] == [5]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "account,asset,amount\na,BTC,1\n".replace(",", delimiter)
        + f'"b{delimiter}"{delimiter}ETH{delimiter}2\n'
    )
    options = ReadOptions(delimiter=delimiter)
    if delimiter == "\t":
        with pytest.raises(ImportFailedError, match=r"U\+0009"):
            import_book("generic-long", [path], tmp_path / "b", assets=ASSETS, options=options)
        path.write_text("account\tasset\tamount\na\tBTC\t1\nb\tETH\t2\n")
    import_book("generic-long", [path], tmp_path / "b", assets=ASSETS, options=options)
    assert contents(tmp_path / "b")["a"] == {"BTC": 10**8}


def test_columns_may_have_other_names_and_company(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("when,units,user,coin\nnow,5,a,BTC\nnow,-6,a,ETH\n")
    options = ReadOptions("user", "coin", "units", base_units=True)
    import_book("generic-long", [path], tmp_path / "b", assets=ASSETS, options=options)
    assert contents(tmp_path / "b") == {"a": {"BTC": 5, "ETH": -6}}


def test_wide_tables_ignore_named_columns_and_blanks_on_request(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("ETH,account,note,BTC\n1,a,x,\n,b,y,2\n,c,z,\n")
    options = ReadOptions(ignore_columns=("note",), blank_is_zero=True)
    import_book("generic-wide", [path], tmp_path / "b", assets=ASSETS, options=options)
    assert contents(tmp_path / "b") == {"a": {"ETH": 10_000}, "b": {"BTC": 2 * 10**8}, "c": {}}
    columns = {"account": ["a", "b", "c"], "ETH": [1, None, None], "BTC": [None, "2", ""], "note": [0.5] * 3}
    pq.write_table(
        pa.table({name: pa.array(values) for name, values in columns.items()}), tmp_path / "a.parquet"
    )
    import_book("generic-wide", [tmp_path / "a.parquet"], tmp_path / "p", assets=ASSETS, options=options)
    assert contents(tmp_path / "p") == contents(tmp_path / "b")


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(sorted(ACCOUNTS)), st.lists(st.sampled_from(AMOUNTS), min_size=3, max_size=3)),
        min_size=1, max_size=12, unique_by=lambda row: row[0],
    ),
    chunk_bytes=st.sampled_from([1, 40, 1 << 20]),
    partition_rows=st.sampled_from([1, 1000]),
)  # fmt: skip
def test_wide_tables_agree_with_long_ones(
    rows: list[tuple[str, list[str]]], chunk_bytes: int, partition_rows: int
) -> None:
    """The same cells as one wide record or as several long rows make the same book and the same faults."""
    options = ReadOptions(chunk_bytes=chunk_bytes)
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        for source in ("generic-wide", "generic-long"):
            path, out, sink = Path(folder, "a.csv"), Path(folder, source), ListSink()
            with path.open("w", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                if source == "generic-wide":
                    writer.writerows(
                        [["account", *ASSETS.ids], *([account, *cells] for account, cells in rows)]
                    )
                else:
                    writer.writerow(["account", "asset", "amount"])
                    writer.writerows(
                        [a, asset, cell]
                        for a, cells in rows
                        for asset, cell in zip(ASSETS.ids, cells, strict=True)
                    )
            book: Contents = {}
            try:
                report = import_book(
                    source, [path], out, assets=ASSETS, reject_sink=sink, options=options,
                    max_partition_rows=partition_rows,
                )  # fmt: skip
                book = contents(out)
            except ImportFailedError as error:
                report = error.report
            amount_faults = Counter(report.problems)
            for code in ("empty-id", "bad-id", "no-accounts"):
                amount_faults.pop(code, None)
            outcomes.append((book, report.accounts_seen, report.accounts_accepted))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, -2, 0, 5], pa.int8()),
        pa.array([1, 2, 0, (1 << 63) - 1], pa.uint64()),
        pa.array([1, 2, 0, 1 << 63], pa.uint64()),
        pa.array([1, -(1 << 63), None, 5], pa.int64()),
        pa.array([Decimal("1.5"), Decimal("-0.25"), Decimal(0), None], pa.decimal128(10, 4)),
        pa.array([Decimal("92233720368.54775807"), Decimal("92233720368.54775808")], pa.decimal128(38, 8)),
        pa.array([Decimal("-1e20"), Decimal("0.00000001"), Decimal("1e-10")], pa.decimal128(38, 10)),
        pa.array([Decimal("1e30"), Decimal("1e-20"), Decimal("7")], pa.decimal256(60, 20)),
        pa.array([Decimal("1200"), Decimal("-3400")], pa.decimal128(5, -2)),
        pa.array(["1", "-2.5", "1e3", None, "x", ""]),
        pa.array(["1", "2", "1"], pa.large_string()).dictionary_encode(),
        pa.array(["1", "x"], pa.string_view()),
    ],
)
@pytest.mark.parametrize("offset", [0, 1])
def test_typed_columns_agree_with_their_texts(column: pa.Array, offset: int) -> None:
    amounts = AmountColumn(column.slice(offset))
    for decimals in (0, 2, 8):
        values, good = amounts.parse(np.full(len(amounts), decimals))
        expected = [
            naive_amount(f"{Decimal(t):f}" if t not in ("", "x") else t, decimals) for t in amounts.texts()
        ]
        found = [v if g else "" for v, g in zip(values.tolist(), good.tolist(), strict=True)]
        assert found == [e if isinstance(e, int) else "" for e in expected]


def parquet_report(tmp_path: Path, table: pa.Table) -> tuple[ImportReport, Contents]:
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    report = import_book("generic-long", [tmp_path / "a.parquet"], tmp_path / "b", assets=ASSETS)
    return report, contents(tmp_path / "b")


def test_long_parquet_with_integer_ids_and_decimals(tmp_path: Path) -> None:
    table = pa.table(
        {
            "amount": pa.array([Decimal(n) / 4 for n in range(8)], pa.decimal128(20, 4)),
            "account": pa.array(range(8), pa.int64()),
            "asset": pa.array(["BTC", "ETH"] * 4).dictionary_encode(),
        }
    )
    report, book = parquet_report(tmp_path, table)
    assert report.rows == 8
    assert book["0"] == {}
    assert book["7"] == {"ETH": 17_500}


def test_rows_of_parquet_are_counted_over_row_groups(tmp_path: Path) -> None:
    table = pa.table({"account": ["a"] * 7, "asset": ["BTC"] * 7, "amount": [1] * 6 + [2]})
    with pytest.raises(ImportFailedError) as caught:
        parquet_report(tmp_path, table)
    assert [problem.line for problem in caught.value.report.first_problems] == [2, 3, 4, 5, 6, 7]


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    rows = "".join(f"user{n},BTC,{n}\n" for n in range(500))
    text = ("account,asset,amount\n" + rows).encode()
    (tmp_path / "a.csv").write_bytes(text)
    (tmp_path / "b.csv").write_bytes(gzip.compress(text.replace(b"user", b"holder")))
    seen: list[tuple[int, int]] = []
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    import_book(
        "generic-long", paths, tmp_path / "book", assets=ASSETS, options=ReadOptions(chunk_bytes=500),
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    total = sum(path.stat().st_size for path in paths)
    assert {entry[1] for entry in seen} == {total}
    assert all(first[0] <= second[0] for first, second in itertools.pairwise(seen))
    assert seen[-1] == (total, total)
    assert len(seen) > 10


def test_the_same_input_makes_the_same_book(tmp_path: Path) -> None:
    rows = "".join(f"user{n},BTC,{n}\n" for n in range(500))
    (tmp_path / "a.csv").write_text("account,asset,amount\n" + rows)
    for name in ("one", "two"):
        import_book(
            "generic-long", [tmp_path / "a.csv"], tmp_path / name, assets=ASSETS, max_partition_rows=50
        )
    assert (tmp_path / "one/book.json").read_bytes() == (tmp_path / "two/book.json").read_bytes()
    assert len(list((tmp_path / "one/positions").iterdir())) > 1


def test_ids_of_the_naive_reader_are_what_they_claim() -> None:
    for account, fault in ACCOUNTS.items():
        plain = account == unicodedata.normalize("NFC", account).strip() and account.isprintable()
        assert (fault is None) == (plain and 0 < len(account) < 257) or account == "\ufeffmark"
