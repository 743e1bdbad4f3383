"""``sealedbook margin balances``, ``liquidation-price`` and ``shortfalls``: private figures of a book's accounts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

import typer

from circuits.market.decimals import parse_decimal
from primitives.backends import get_backend
from primitives.strict_json import MAX_JSON_BYTES
from sealedbook.market_options import read_market_file
from sealedbook.options import BackendOption, JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, progress_bar, reported_errors, shown
from sealedbook.written_file import write_whole

BookArgument = Annotated[Path, typer.Argument(help="A book folder, made by `sealedbook import`.")]
MarketOption = Annotated[
    Path | None, typer.Option("--market", help="The market; the book's market.json if not given.")
]
TableOption = Annotated[Path, typer.Option("--out", help="The table to write, .csv or .parquet (private).")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Overwrite what is there.")]

_PRIVATE: Final = "The table is private: it names accounts and their figures."


def balances(
    book: BookArgument,
    model: Annotated[Path, typer.Option("--model", help="A margin model: the maintenance margin.")],
    out: TableOption,
    definition: Annotated[
        Path,
        typer.Option("--definition", help="What the market does not say: sealedbook/balances/v1."),
    ],
    initial_model: Annotated[
        Path | None, typer.Option("--initial-model", help="The initial margin, which withdrawals leave.")
    ] = None,
    market: MarketOption = None,
    replace: ReplaceOption = False,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write cash and account balance, equity, margins, available and withdrawable balance of every account."""
    with reported_errors(as_json=as_json):
        from prover.balances_report import BalancesDefinition, write_balances
        from prover.book.store import Book

        source = Book.open(book)
        with progress_bar() as bars:
            summary = write_balances(
                source,
                out,
                get_backend(backend),
                definition=BalancesDefinition.parse(
                    read_small_file(definition, "--definition", MAX_JSON_BYTES)
                ),
                model=read_small_file(model, "--model", MAX_JSON_BYTES),
                market=_needed_market(source.documents.get("market.json"), market),
                initial_model=(
                    None
                    if initial_model is None
                    else read_small_file(initial_model, "--initial-model", MAX_JSON_BYTES)
                ),
                replace=replace,
                progress=bars,
            )
        if as_json:
            print_json(
                {
                    "report": str(out),
                    "accounts": summary.accounts,
                    "asset": summary.asset.id,
                    "can_withdraw": summary.can_withdraw,
                    "total_withdrawable": summary.total_withdrawable,
                    "uncounted": list(summary.uncounted),
                }
            )
            return
        console.print(
            f"Wrote [bold]{shown(str(out))}[/]: {summary.can_withdraw:,} of {summary.accounts:,} accounts can withdraw "
            f"something, {summary.total_withdrawable} {shown(summary.asset.id)} together."
        )
        if summary.uncounted:
            console.print(f"Not in the market, and in no balance: {shown(', '.join(summary.uncounted))}.")
        console.print(_PRIVATE)


def liquidation_price(
    book: BookArgument,
    model: Annotated[Path, typer.Option("--model", help="A margin model.")],
    underlying: Annotated[
        str, typer.Option("--underlying", help="The underlying or asset whose price moves.")
    ],
    out: TableOption,
    lowest: Annotated[
        str, typer.Option("--lowest", help="Least multiple of today's price to look at.")
    ] = "0.05",
    highest: Annotated[str, typer.Option("--highest", help="Largest multiple of it.")] = "3",
    steps: Annotated[
        int, typer.Option("--steps", help="Grid points in each direction.", min=1, max=1000)
    ] = 20,
    multiples: Annotated[
        int,
        typer.Option(
            "--multiples", help="About how many prices to compile the model at, for refinement.", min=0
        ),
    ] = 4096,
    market: MarketOption = None,
    replace: ReplaceOption = False,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write at which price of an underlying every account stops being sufficient, below and above today's."""
    with reported_errors(as_json=as_json):
        from prover.book.store import Book
        from prover.liquidation_prices import PriceGrid, write_liquidation_prices

        source = Book.open(book)
        grid = PriceGrid(_multiple(lowest, "--lowest"), _multiple(highest, "--highest"), steps)
        with progress_bar() as bars:
            summary = write_liquidation_prices(
                source,
                out,
                get_backend(backend),
                model=read_small_file(model, "--model", MAX_JSON_BYTES),
                market=_needed_market(source.documents.get("market.json"), market),
                underlying=underlying,
                grid=grid,
                multiples=multiples,
                replace=replace,
                progress=bars,
            )
        if as_json:
            print_json(
                {
                    "report": str(out),
                    "accounts": summary.accounts,
                    "price": summary.price,
                    "below": summary.below,
                    "above": summary.above,
                    "several": summary.several,
                    "resolution": summary.resolution,
                }
            )
            return
        console.print(
            f"Wrote [bold]{shown(str(out))}[/]: from {summary.price}, the verdict changes for {summary.below:,} of "
            f"{summary.accounts:,} accounts at lower prices of {shown(underlying)}, for {summary.above:,} at higher "
            "ones."
        )
        if summary.several:
            console.print(
                f"For {summary.several:,} it changes more than once in a direction: look at their whole path."
            )
        console.print(f"Brackets are at most {summary.resolution} of the price wide. {_PRIVATE}")


def shortfalls(
    book: BookArgument,
    model: Annotated[Path, typer.Option("--model", help="A model of kind 'insured'.")],
    out: Annotated[Path, typer.Option("--out", help="The new book folder (private).")],
    fund_account: Annotated[
        str | None,
        typer.Option("--fund-account", help="The account that holds the fund, if it is in the book."),
    ] = None,
    fund: Annotated[
        int | None, typer.Option("--fund", help="Its size, in whole units of the quote currency.", min=0)
    ] = None,
    market: MarketOption = None,
    replace: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a book with the column that says what every account misses, exactly, for a model of kind 'insured'."""
    with reported_errors(as_json=as_json):
        from prover.book.store import Book
        from prover.shortfalls import FundAccount, write_shortfalls

        if (fund_account is None) != (fund is None):
            raise OptionError("--fund-account and --fund go together")
        holder = None if fund_account is None or fund is None else FundAccount(fund_account, fund)
        source = Book.open(book)
        place = market if market is not None else source.documents.get("market.json")
        with progress_bar() as bars:
            summary = write_shortfalls(
                source,
                out,
                model=read_small_file(model, "--model", MAX_JSON_BYTES),
                market=None if place is None else read_market_file(place, "--market"),
                fund=holder,
                replace=replace,
                progress=bars,
            )
        if as_json:
            print_json(
                {
                    "book": str(out),
                    "accounts": summary.accounts,
                    "short": summary.short,
                    "total": summary.total,
                    "largest": summary.largest,
                    "columns": list(summary.columns),
                }
            )
            return
        console.print(
            f"Wrote [bold]{shown(str(out))}[/] with {shown(', '.join(summary.columns))}: {summary.short:,} of "
            f"{summary.accounts:,} accounts are short, by {summary.total} together and {summary.largest} at most."
        )


def tables(
    book: BookArgument,
    model: Annotated[Path, typer.Option("--model", help="A model of kind 'survives'.")],
    out: Annotated[
        Path, typer.Option("--out", help="The model document to write, with its tables (public).")
    ],
    market: MarketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the model with the integer tables of its points: what all machines then compile the same rows from."""
    with reported_errors(as_json=as_json):
        from prover.book.store import Book
        from prover.point_tables import with_point_tables

        if out.exists():
            raise OptionError(f"{out} exists: choose another place")
        source = Book.open(book)
        place = market if market is not None else source.documents.get("market.json")
        document, count = with_point_tables(
            read_small_file(model, "--model", MAX_JSON_BYTES),
            None if place is None else read_market_file(place, "--market"),
            source.assets,
        )
        write_whole(out, document)
        if as_json:
            print_json({"model": str(out), "tables": count})
            return
        console.print(f"Wrote [bold]{shown(str(out))}[/] with the tables of {count:,} points.")


def _needed_market(attached: Path | None, given: Path | None) -> bytes:
    place = given if given is not None else attached
    if place is None:
        raise OptionError("the book has no market.json: give --market")
    return read_market_file(place, "--market")


def _multiple(text: str, option: str) -> Decimal:
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise OptionError(f"{option}: {text!r} is {error}") from error
