"""``sealedbook plan``: the smallest trades that bring portfolios back into the limits of an allocation model."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from circuits.claim_statement import MODEL_ROLE, ClaimDocumentError, find_margin_model, read_market
from circuits.market.decimals import parse_decimal
from circuits.models.allocation import Allocation
from circuits.planning import Planner
from circuits.planning.figure import plan_figure, weight_bars
from circuits.planning.rows import COLUMNS, PlanRows, PlanTotals, Row
from primitives.amounts_text import format_amount, plain_amount
from primitives.assets import Asset
from primitives.attestation import ATTESTATION_NAME
from primitives.opening import Opening
from primitives.strict_json import MAX_JSON_BYTES, Json, JsonError
from sealedbook.options import MAX_OPENING_BYTES, JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, progress_bar, reported_errors, shown
from sealedbook.written_file import write_whole

_PRIVATE: Final = 0o600
_BASIS_POINTS: Final = 10_000
_SHOWN_ROWS: Final = 30
_ACCOUNTS_AT_ONCE: Final = 1 << 10

_Write = Callable[[Row], object]
Accounts = Iterator[tuple[str, dict[str, int]]]
"""Account ids with what they hold, in base units by asset id."""


def plan(
    source: Annotated[Path, typer.Argument(metavar="BOOK|OPENING", help="A book folder, or an opening.")],
    model: Annotated[Path, typer.Option("--model", help="A model of the kind allocation.")],
    market: Annotated[Path, typer.Option("--market", help="The prices.")],
    account: Annotated[
        str | None, typer.Option("--account", metavar="ID", help="Plan for this account of the book alone.")
    ] = None,
    fees: Annotated[
        str, typer.Option("--fees", metavar="BPS", help="Fees in basis points of what is traded.")
    ] = "0",
    cash: Annotated[
        str | None,
        typer.Option(
            "--cash", metavar="ID", help="The asset that trades are paid in; the one with a price of 1."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The trades to write, .csv or .json (private).")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Weights before and after as a figure, .svg (private).")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite files that are there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Plan the smallest trades that bring portfolios back into their bands.

    The value traded is as small as it can be, and of plans that trade no more, the one with few trades is taken. Every
    plan is in whole base units, and was checked against the very statement that would be proven. If limits
    contradict each other, you are told which.
    """
    with reported_errors(as_json=as_json):
        definition, prices = (
            _definition(model),
            read_market(read_small_file(market, "--market", MAX_JSON_BYTES)),
        )
        for place, suffixes in ((out, (".csv", ".json")), (figure, (".svg",))):
            _check_place(place, suffixes, replace=replace)
        assets, count, accounts = _read(source, account)
        planner = Planner(definition, assets, prices, cash=cash, fee=_fee(fees))
        rows = PlanRows(planner, assets, definition.numbers.scale)
        kept: list[Row] = []
        with progress_bar() as bars, _writer(out) as write:
            while batch := list(islice(accounts, _ACCOUNTS_AT_ONCE)):
                for row in rows.of(batch):
                    write(row)
                    if len(kept) < _SHOWN_ROWS:
                        kept.append(row)
                    bars("Planning", rows.totals.accounts, count)
                bars("Planning", rows.totals.accounts, count)
        totals = rows.totals
        if figure is not None:
            title = (
                f"Weights of {account}"
                if account is not None
                else f"Weights of {totals.accounts:,} account(s)"
            )
            bars_drawn = weight_bars(totals.before, totals.after, _bands(definition))
            write_whole(figure, plan_figure(title, bars_drawn).encode(), mode=_PRIVATE)
        if as_json:
            print_json(_to_json(totals, definition.numbers.scale, out, kept if out is None else None))
            return
        _print(totals, definition.numbers.scale, kept, out, figure)


def _definition(model: Path) -> Allocation:
    definition = find_margin_model(read_small_file(model, "--model", MAX_JSON_BYTES))
    if not isinstance(definition, Allocation):
        raise ClaimDocumentError(
            MODEL_ROLE, f"$.kind: is not {Allocation.kind!r}: nothing else can be planned for"
        )
    return definition


def _fee(text: str) -> Fraction:
    try:
        return Fraction(parse_decimal(text)) / _BASIS_POINTS
    except ValueError as error:
        raise OptionError(f"--fees: {text[:40]!r} is {error}") from error


def _read(source: Path, account: str | None) -> tuple[tuple[Asset, ...], int, Accounts]:
    """Assets, number of accounts, accounts."""
    if not source.is_dir():
        return _read_opening(source, account)
    from prover.book.store import Book

    book = Book.open(source)
    assets = book.assets.assets
    accounts = _of_book(source, assets)
    if account is None:
        return assets, book.account_count, accounts
    found = [(name, amounts) for name, amounts in accounts if name == account]
    if not found:
        raise OptionError(f"--account: {source} has no account {account!r}")
    return assets, 1, iter(found)


def _read_opening(source: Path, account: str | None) -> tuple[tuple[Asset, ...], int, Accounts]:
    try:
        opening = Opening.parse(read_small_file(source, "BOOK|OPENING", MAX_OPENING_BYTES))
    except JsonError as error:
        raise OptionError(f"{source} is neither a book folder nor an opening: {error}") from error
    if account is not None and opening.account != account:
        raise OptionError("--account: the opening is of another account")
    held = {position.asset.id: position.amount for position in opening.positions}
    return opening.book.assets, 1, iter([(opening.account, held)])


def _of_book(source: Path, assets: tuple[Asset, ...]) -> Accounts:
    from prover.book.store import Book

    for batch in Book.open(source).iter_batches(_ACCOUNTS_AT_ONCE):
        for place, name in enumerate(batch.ids):
            start, stop = int(batch.row_offsets[place]), int(batch.row_offsets[place + 1])
            columns, amounts = batch.columns[start:stop].tolist(), batch.amounts[start:stop].tolist()
            yield name, {assets[column].id: amount for column, amount in zip(columns, amounts, strict=True)}


def _check_place(place: Path | None, suffixes: tuple[str, ...], *, replace: bool) -> None:
    if place is None:
        return
    if place.suffix not in suffixes:
        raise OptionError(f"{place}: name it {' or '.join(suffixes)}")
    if os.path.lexists(place) and not (replace and place.is_file()):
        raise OptionError(f"{place} exists: choose another place, or --replace it")
    for parent in place.resolve().parents:
        if (parent / ATTESTATION_NAME).exists():
            raise OptionError(f"{place} lies inside the bundle {parent}, which is public; plans are private")


@contextlib.contextmanager
def _writer(out: Path | None) -> Iterator[_Write]:
    """Takes rows; the file appears whole, readable by its owner alone, or not at all."""
    if out is None:
        yield lambda _: None
        return
    handle, name = tempfile.mkstemp(prefix=f".{out.name[:100]}.", dir=out.parent)
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            if out.suffix == ".csv":
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                yield writer.writerow
            else:
                first = True

                def write(row: Row) -> None:
                    nonlocal first
                    file.write("[\n " if first else ",\n ")
                    file.write(json.dumps(dict(zip(COLUMNS, row, strict=True))))
                    first = False

                yield write
                file.write("[]\n" if first else "\n]\n")
            file.flush()
            os.fsync(file.fileno())
        path.replace(out)
    finally:
        path.unlink(missing_ok=True)


def _bands(definition: Allocation) -> dict[str, tuple[float | None, float | None]]:
    """Of single assets, in percent."""
    return {
        band.name: (
            None if band.least is None else float(100 * band.least),
            None if band.greatest is None else float(100 * band.greatest),
        )
        for band in definition.document.bands
    }


def _to_json(totals: PlanTotals, scale: int, out: Path | None, rows: list[Row] | None) -> dict[str, Json]:
    document: dict[str, Json] = {
        "accounts": totals.accounts,
        "within": totals.within,
        "planned": totals.planned,
        "impossible": totals.impossible,
        "trades": totals.trades,
        "traded": plain_amount(totals.traded, scale),
        "cost": plain_amount(totals.cost, scale),
        "turnover_percent": f"{float(100 * totals.turnover):.4f}",
        "out": None if out is None else str(out),
    }
    if rows is not None:
        document["rows"] = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    return document


def _print(totals: PlanTotals, scale: int, rows: list[Row], out: Path | None, figure: Path | None) -> None:
    console.print(
        f"{totals.within:,} of {totals.accounts:,} account(s) are within their limits, {totals.planned:,} get there by "
        f"{totals.trades:,} trade(s), for {totals.impossible:,} there is no plan."
    )
    if totals.planned:
        console.print(
            f"Traded {format_amount(totals.traded, scale)}, {float(100 * totals.turnover):.2f} % of all value; cost "
            f"{format_amount(totals.cost, scale)}. Every plan was checked against the model's statement."
        )
    if rows:
        table = Table(box=None, pad_edge=False)
        for column in COLUMNS:
            table.add_column(column, overflow="fold", justify="left")
        for row in rows:
            table.add_row(*(shown(cell) for cell in row))
        console.print(table)
    for place in (out, figure):
        if place is not None:
            console.print(f"Wrote [bold]{shown(str(place))}[/]. It is private: it tells what accounts hold.")
