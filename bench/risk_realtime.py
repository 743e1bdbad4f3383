"""Real time: certificates and books marked to new markets, and updates of sealed books.

Books run in processes of their own, with all threads. Run alone (``python -m bench.risk_realtime``) it prints its
figures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from bench.figures import Figure, Json, median_seconds, peak_megabytes, print_figures, run_child
from bench.model_cases import signed_collateral
from bench.synthetic import random_rows, write_synthetic_book
from primitives.account_tag import account_tag
from primitives.assets import Asset, AssetList
from primitives.attestation import SealedBook, UpdateForm, format_time
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.generators import Generators
from primitives.opening import Opening, Position
from primitives.sum_tree import SumNode, leaf_hash

_WIDTH: Final = 96
_ROWS: Final = 33
_LARGE_PRICE: Final = 1 << 53
_AS_OF: Final = datetime(2026, 1, 31, tzinfo=UTC)
_CERTIFICATE_TARGET: Final = 20.0
_BOOK_TARGET: Final = 5.0
_REMARKS: Final = 25


def realtime_figures(*, quick: bool) -> list[Figure]:
    """Re-marking one certificate and a book of 10^4 accounts, and updating 1 % of 10^6 accounts."""
    accounts, updated = (10**3, 10**3) if quick else (10**4, 10**6)
    return [
        *_certificate_figures(quick=quick),
        *_remark_figures(accounts),
        *_update_figures(updated, quick=quick),
    ]


def rows_model(rows: int = _ROWS) -> bytes:
    """`rows` rows of 96 bits at the prices of the market, and one row of 64 bits for each asset."""
    members = [{"kind": "net-value", "width": _WIDTH}] * rows
    return json.dumps({"format": "sealedbook/model/v1", "kind": "all", "models": members}).encode()


def rows_market(number: int, assets: int = 3) -> bytes:
    """The market of moment `number`: prices so large that values fill their rows, each moment others."""
    prices = [{"asset": f"asset-{a}", "price": str(_LARGE_PRICE + 3 * number + a)} for a in range(assets)]
    moment = format_time(_AS_OF + timedelta(seconds=number))
    head = {"format": "sealedbook/prices/v1", "as_of": moment, "quote": "X", "scale": 0}
    return json.dumps({**head, "prices": prices}).encode()


def sample_opening(backend: Backend, assets: tuple[Asset, ...], amounts: list[int]) -> Opening:
    """The opening of the only account of a book of one leaf."""
    positions = tuple(
        Position(asset, amount) for asset, amount in zip(assets, amounts, strict=True) if amount
    )
    salt, blinding, account = bytes(32), 3**150, "account"
    generators = Generators(backend)
    bases = generators.assets(assets).concat(generators.blinding())
    point = backend.multi_scalar_multiply(bases, backend.scalars_from_ints([*amounts, blinding]))
    commitment, tag = point.to_compressed(), account_tag(salt, account)
    root = SumNode(leaf_hash(tag, commitment), commitment)
    book = SealedBook("bench", bytes(32), _AS_OF, assets, 1, bytes(32), root)
    return Opening(book, account, positions, blinding, salt, 0, tag, commitment, ())


def _certificate_figures(*, quick: bool) -> list[Figure]:
    from prover.certificate_marker import CertificateMarker

    backend = get_backend("native")
    assets = tuple(Asset(f"asset-{a}", 0) for a in range(3))
    opening = sample_opening(backend, assets, [1 << 39, 1 << 38, 1 << 37])
    marker = CertificateMarker(opening, backend, model=rows_model())
    numbers = iter(range(1 << 20))
    marker.mark(rows_market(next(numbers)))
    repeats = 3 if quick else _REMARKS
    seconds = median_seconds(lambda: marker.mark(rows_market(next(numbers))), repeats)
    note = f"native, {_ROWS} rows of {_WIDTH} bits, new prices each time"
    figures = [Figure("certificate, marked anew", seconds * 1e3, "ms", _CERTIFICATE_TARGET, note=note)]
    case = signed_collateral(8 if quick else 50, held=8)
    amounts = [0] * (len(case.assets) - 9) + [10**9] * 8 + [10**13]
    margin = CertificateMarker(
        sample_opening(backend, case.assets, amounts[-len(case.assets) :]),
        backend,
        model=json.dumps(case.document).encode(),
    )
    market = json.dumps(case.market_document).encode()
    margin.mark(market)
    seconds = median_seconds(lambda: margin.mark(market), repeats)
    return [*figures, Figure("certificate, marked anew", seconds * 1e3, "ms", note=f"native, {case.name}")]


def _remark_figures(accounts: int) -> list[Figure]:
    result = run_child(["bench.risk_realtime", "--remark", str(accounts)])
    note = f"{accounts:,} accounts x {_ROWS} rows of {_WIDTH} bits, all files written"
    return [
        Figure("book, marked anew", _number(result, "seconds"), "s", _BOOK_TARGET, note=note),
        Figure("  peak memory", _number(result, "megabytes"), "MB"),
    ]


def _update_figures(accounts: int, *, quick: bool) -> list[Figure]:
    changed = accounts // 100
    result = run_child(["bench.risk_realtime", "--update", str(accounts)])
    note = f"{changed:,} of {accounts:,} accounts, all files written"
    figures = [
        Figure("book, sealed as a whole", _number(result, "sealed"), "s", note=f"{accounts:,} accounts")
    ]
    figures += [
        Figure(f"book, updated, {form}", _number(result, form), "s", note=note)
        for form in ("fast", "unlinkable")
    ]
    figures.append(Figure("  peak memory", _number(result, "megabytes"), "MB"))
    # Copying and hashing alone: what an update of one account takes.
    figures.append(
        Figure("  one account, fast", _number(result, "one"), "s", note="what the copying of files takes")
    )
    return figures


def _number(result: Json, name: str) -> float:
    return float(str(result[name]))


def _remark_one(accounts: int) -> None:
    """Seal a book, prove it, and mark it to a new market; the result is one line of JSON."""
    from prover.book.store import Book
    from prover.commit import seal_book
    from prover.prove_book import prove_book
    from prover.remark import remark_claims
    from prover.vault import Vault

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_synthetic_book(folder / "book", accounts, positive=True)
        vault, backend = Vault.create(folder / "vault", "bench", None), get_backend("native")
        sealed = seal_book(Book.open(folder / "book"), bundle=folder / "bundle", vault=vault, backend=backend)
        book, issuer = vault.open_book(sealed.digest, None), vault.issuer(None)
        prove_book(folder / "bundle", book, issuer, backend, model=rows_model(), market=rows_market(0))
        start = time.perf_counter()
        remark_claims(folder / "bundle", book, issuer, backend, market=rows_market(1))
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "megabytes": peak_megabytes()}))


def _update_one(accounts: int) -> None:
    """Seal a book and update 1 % of it in both forms; the result is one line of JSON."""
    from prover.book.store import Book
    from prover.commit import seal_book
    from prover.update import update_book
    from prover.vault import Vault

    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_synthetic_book(folder / "book", accounts)
        _write_changes(folder / "changes", accounts, accounts // 100)
        _write_changes(folder / "change", accounts, 1)
        vault, backend = Vault.create(folder / "vault", "bench", None), get_backend("native")
        start = time.perf_counter()
        seal_book(
            Book.open(folder / "book"), bundle=folder / "bundle", vault=vault, backend=backend, as_of=_AS_OF
        )
        times["sealed"] = time.perf_counter() - start
        for what, changes, form in (
            ("fast", "changes", UpdateForm.CHANGED),
            ("one", "change", UpdateForm.CHANGED),
            ("unlinkable", "changes", UpdateForm.ANEW),
        ):
            source = Book.open(folder / changes)
            start = time.perf_counter()
            update_book(
                folder / "bundle",
                vault,
                source,
                out=folder / f"new-{what}",
                backend=backend,
                as_of=_AS_OF + timedelta(hours=1),
                form=form,
            )
            times[what] = time.perf_counter() - start
    print(json.dumps({**times, "megabytes": peak_megabytes()}))


def _write_changes(folder: Path, accounts: int, count: int) -> None:
    """A book folder of `count` accounts spread over those of the synthetic book, with other positions."""
    from prover.book.store import BookWriter

    folder.mkdir(mode=0o700)
    writer = BookWriter(folder, AssetList.of((f"asset-{index}", 0) for index in range(3)))
    step = accounts // count
    ids = pa.array([f"account-{index * step:012d}" for index in range(count)])
    _, columns, amounts = random_rows(count, 3, 40, seed=7)
    amounts[amounts == 0] = 1
    writer.add_part(
        pa.table({"account": ids, "positions": pa.array(np.full(count, 3, dtype=np.int32))}),
        pa.table(
            {
                "account": ids.take(pa.array(np.repeat(np.arange(count), 3))),
                "asset": columns,
                "amount": amounts,
            }
        ),
    )
    writer.finish({"kind": "synthetic"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--remark", type=int)
    parser.add_argument("--update", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if chosen.remark:
        _remark_one(chosen.remark)
    elif chosen.update:
        _update_one(chosen.update)
    else:
        print_figures("real time", realtime_figures(quick=chosen.quick), as_json=chosen.json)
