"""``sealedbook margin greeks``: Greeks of accounts and of the book, for the operator alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from primitives.strict_json import MAX_JSON_BYTES, Json
from sealedbook.market_options import read_market_file
from sealedbook.options import JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, progress_bar, reported_errors, shown
from sealedbook.written_file import write_whole

if TYPE_CHECKING:
    from prover.greeks_report import GreeksSummary

_PRIVATE = 0o600


def greeks(
    book: Annotated[Path, typer.Argument(help="A book folder, made by `sealedbook import`.")],
    model: Annotated[
        Path, typer.Option("--model", help="Limits on Greeks, of the kind greeks-limits or balanced-book.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The table to write, .csv or .parquet (private).")],
    market: Annotated[
        Path | None, typer.Option("--market", help="The market; the book's market.json if not given.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Plots of the book, .svg, or a page with them, .html (private)."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite files that are there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write delta, gamma, vega and theta of every account and of the book, by underlying and expiry.

    Figures are those that limits are compiled from. Limits of the model are compared with every account (greeks-limits)
    or with the book (balanced-book). What is written names accounts and their figures: it is for you alone.
    """
    with reported_errors(as_json=as_json):
        from prover.book.store import Book
        from prover.greeks_figure import greeks_figure, greeks_page
        from prover.greeks_report import write_greeks_report
        from prover.private_table import check_place

        source = Book.open(book)
        place = market if market is not None else source.documents.get("market.json")
        if place is None:
            raise OptionError("give --market FILE: the book has no market.json")
        if report is not None:
            check_place(report, replace=replace, suffixes=(".svg", ".html"))
        with progress_bar() as bars:
            summary = write_greeks_report(
                source,
                out,
                model=read_small_file(model, "--model", MAX_JSON_BYTES),
                market=read_market_file(place, "--market"),
                replace=replace,
                progress=bars,
            )
        if report is not None:
            drawn = greeks_figure(summary) if report.suffix == ".svg" else greeks_page(summary)
            write_whole(report, drawn.encode(), mode=_PRIVATE)
        if as_json:
            print_json(
                {"out": str(out), "report": None if report is None else str(report), **_to_json(summary)}
            )
            return
        _print(summary, out, report)


def _to_json(summary: GreeksSummary) -> dict[str, Json]:
    return {
        "accounts": summary.accounts,
        "book": [
            {
                "underlying": underlying,
                "expiry": expiry,
                **{
                    greek.value: summary.text(greek, v)
                    for greek, v in zip(summary.largest, values, strict=True)
                },
            }
            for (underlying, expiry), values in summary.book.items()
        ],
        "limits": [
            {"limit": use.words, "within": use.is_met, "book": use.value, "accounts_beyond": use.breaking}
            for use in summary.limits
        ],
    }


def _print(summary: GreeksSummary, out: Path, report: Path | None) -> None:
    console.print(
        f"Wrote [bold]{shown(str(out))}[/]: Greeks of {summary.accounts:,} accounts and of the book."
    )
    for use in summary.limits:
        verdict = "within" if use.is_met else "[bold yellow]beyond[/]"
        now = f"{use.breaking:,} accounts beyond" if use.value is None else use.value
        console.print(f"  {verdict}  {shown(use.words)}: {shown(now)}")
    if report is not None:
        console.print(f"Wrote [bold]{shown(str(report))}[/].")
    console.print(
        "Both are private: they tell what accounts hold." if report else "It is private: it names accounts."
    )
