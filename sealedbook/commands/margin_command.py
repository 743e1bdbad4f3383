"""``sealedbook margin``: margins of a book's accounts, for the operator alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from primitives.backends import get_backend
from primitives.strict_json import MAX_JSON_BYTES, Json
from sealedbook.commands.greeks_command import greeks
from sealedbook.commands.margin_backtest_command import backtest
from sealedbook.commands.margin_balances_command import balances, liquidation_price, shortfalls, tables
from sealedbook.commands.margin_rebalance_command import rebalance
from sealedbook.market_options import read_market_file
from sealedbook.options import BackendOption, JsonOption, read_small_file
from sealedbook.output import console, print_json, progress_bar, reported_errors, shown

if TYPE_CHECKING:
    from prover.margin_report import MarginSummary

app = typer.Typer(
    help="Margins, balances, liquidation prices and shortfalls of accounts: private.", no_args_is_help=True
)
app.command("balances")(balances)
app.command("liquidation-price")(liquidation_price)
app.command("shortfalls")(shortfalls)
app.command("tables")(tables)
app.command("rebalance")(rebalance)
app.command("backtest")(backtest)

app.command("greeks")(greeks)

_SHOWN_SCENARIOS: Final = 5


@app.callback()
def _group() -> None:
    """Compute margins; what comes out is private."""


@app.command("evaluate")
def evaluate(
    book: Annotated[Path, typer.Argument(help="A book folder, made by `sealedbook import`.")],
    model: Annotated[Path, typer.Option("--model", help="A margin model.")],
    out: Annotated[Path, typer.Option("--out", help="The report to write, .csv or .parquet (private).")],
    market: Annotated[
        Path | None, typer.Option("--market", help="The market; the book's market.json if not given.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a report that is there.")] = False,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write equity, requirement, surplus and worst scenario of every account, as the statement counts them.

    The last column says which row of the statement an account fails: whoever has none there can be proven. The
    report names accounts and their figures: it is for you alone.
    """
    with reported_errors(as_json=as_json):
        from prover.book.store import Book
        from prover.margin_report import write_margin_report

        source = Book.open(book)
        place = market if market is not None else source.documents.get("market.json")
        with progress_bar() as bars:
            summary = write_margin_report(
                source,
                out,
                get_backend(backend),
                model=read_small_file(model, "--model", MAX_JSON_BYTES),
                market=None if place is None else read_market_file(place, "--market"),
                replace=replace,
                progress=bars,
            )
        if as_json:
            print_json({"report": str(out), **_to_json(summary)})
            return
        _print(out, summary)


def _to_json(summary: MarginSummary) -> dict[str, Json]:
    return {
        "accounts": summary.accounts,
        "insufficient": summary.insufficient,
        "unprovable": summary.unprovable,
        "quote": summary.quote,
        "total_shortfall": summary.total_shortfall,
        "worst_scenarios": dict(summary.worst_scenarios),
    }


def _print(out: Path, summary: MarginSummary) -> None:
    enough = summary.accounts - summary.insufficient
    console.print(
        f"Wrote [bold]{shown(str(out))}[/]: {enough:,} of {summary.accounts:,} accounts are sufficient, "
        f"{summary.accounts - summary.unprovable:,} can be proven."
    )
    if summary.insufficient:
        console.print(
            f"{summary.insufficient:,} are not; together they miss {summary.total_shortfall} {shown(summary.quote)}."
        )
    for name, count in summary.worst_scenarios[:_SHOWN_SCENARIOS]:
        console.print(f"  worst for {count:,}: {shown(name)}")
    console.print("The report is private: it names accounts and their figures.")
