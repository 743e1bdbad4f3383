"""``sealedbook margin backtest``: what a rebalancing policy would have done over a price path; private."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circuits.claim_statement import MODEL_ROLE, ClaimDocumentError, find_margin_model, read_market
from primitives.attestation import ATTESTATION_NAME
from primitives.strict_json import MAX_JSON_BYTES
from sealedbook.market_options import read_market_file
from sealedbook.options import JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, progress_bar, reported_errors, shown
from sealedbook.written_file import write_whole

_PRIVATE_MODE = 0o600


def backtest(
    book: Annotated[Path, typer.Argument(help="A book folder, made by `sealedbook import`.")],
    model: Annotated[Path, typer.Option("--model", help="A margin model, without a buffer of its own.")],
    policy: Annotated[Path, typer.Option("--policy", help="The policy: sealedbook/rebalancing-policy/v1.")],
    out: Annotated[Path, typer.Option("--out", help="The report to write, in JSON (private).")],
    path: Annotated[Path | None, typer.Option("--path", help="Prices in CSV: time,asset,price.")] = None,
    history: Annotated[
        Path | None, typer.Option("--history", help="Prices as sealedbook/price-history/v1.")
    ] = None,
    process: Annotated[
        Path | None,
        typer.Option("--process", help="Made-up prices: sealedbook/price-process/v1, with a seed."),
    ] = None,
    market: Annotated[
        Path | None,
        typer.Option("--market", help="The market at the start; the book's market.json if not given."),
    ] = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="The figure to write.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="The page to write.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite what is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Move prices along a path and count liquidations with and without the policy, on the same path.

    Prices change from the market's own by what the path changes from its first time on.
    """
    with reported_errors(as_json=as_json):
        from prover.book.store import Book
        from prover.rebalancing.backtest import run_backtest
        from prover.rebalancing.backtest_report import (
            backtest_html,
            backtest_svg,
            backtest_to_bytes,
            backtest_to_json,
        )
        from prover.rebalancing.policy import RebalancingPolicy
        from prover.rebalancing.price_path import (
            MAX_PATH_BYTES,
            parse_csv_path,
            parse_history_path,
            parse_process_path,
        )
        from prover.rebalancing.rebalance import AccountTable

        readers = (
            ("--path", path, parse_csv_path, MAX_PATH_BYTES),
            ("--history", history, parse_history_path, MAX_JSON_BYTES),
            ("--process", process, parse_process_path, MAX_JSON_BYTES),
        )
        given = [(name, place, read, most) for name, place, read, most in readers if place is not None]
        if len(given) != 1:
            raise OptionError("give one of --path FILE, --history FILE or --process FILE")
        for option, place in (("--out", out), ("--svg", svg), ("--html", html)):
            if place is not None:
                _check_place(option, place, replace=replace)
        source = Book.open(book)
        chosen = market if market is not None else source.documents.get("market.json")
        definition = find_margin_model(read_small_file(model, "--model", MAX_JSON_BYTES))
        if definition is None:
            raise ClaimDocumentError(MODEL_ROLE, "is no margin model: it has no equity and no requirement")
        ((name, place, read, most),) = given
        with progress_bar() as bars:
            result = run_backtest(
                AccountTable.of_book(source),
                definition,
                None if chosen is None else read_market(read_market_file(chosen, "--market")),
                read(read_small_file(place, name, most)),
                RebalancingPolicy.parse(read_small_file(policy, "--policy", MAX_JSON_BYTES)),
                progress=bars,
            )
        write_whole(out, backtest_to_bytes(result), mode=_PRIVATE_MODE)
        if svg is not None:
            write_whole(svg, backtest_svg(result).encode(), mode=_PRIVATE_MODE)
        if html is not None:
            write_whole(html, backtest_html(result).encode(), mode=_PRIVATE_MODE)
        if as_json:
            document = backtest_to_json(result)
            print_json({key: value for key, value in document.items() if key != "series"})
            return
        console.print(
            f"Wrote [bold]{shown(str(out))}[/]: {result.accounts:,} accounts, {len(result.path.times):,} steps, "
            f"{shown(result.path.source)}."
        )
        console.print(
            f"Liquidated: {result.without.liquidated:,} without the policy, {result.with_policy.liquidated:,} with it; "
            f"{result.avoided:,} avoided by {result.with_policy.top_ups:,} top-ups."
        )
        console.print("The report is private: it tells about the accounts of the book as a whole.")


def _check_place(option: str, place: Path, *, replace: bool) -> None:
    """Nothing is overwritten unasked, and nothing private lies in a bundle."""
    if place.exists() and not replace:
        raise OptionError(f"{option}: {place} exists: choose another place, or --replace it")
    for parent in place.resolve().parents:
        if (parent / ATTESTATION_NAME).exists():
            raise OptionError(f"{option}: {place} lies inside the bundle {parent}, which is public")
