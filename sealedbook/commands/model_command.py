"""``sealedbook model``: what a model is made of."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from primitives.strict_json import MAX_JSON_BYTES, Json
from sealedbook.commands import model_compile_command
from sealedbook.market_options import read_market_file
from sealedbook.model_sources import book_assets, own_market
from sealedbook.options import JsonOption, read_small_file
from sealedbook.output import console, print_json, reported_errors, shown

if TYPE_CHECKING:
    from circuits.model_report import ModelReport
    from circuits.modelling.words import ModelWords

app = typer.Typer(help="Look at models: `sealedbook model explain`, `compile`.", no_args_is_help=True)
app.command("compile")(model_compile_command.compile_model)

_SHOWN_GROUPS: Final = 24
_SHOWN_CONSTRAINTS: Final = 24


@app.callback()
def _group() -> None:
    """Look at the models that statements are compiled from."""


@app.command("explain")
def explain(
    model: Annotated[Path, typer.Argument(help="The model document.")],
    market: Annotated[
        Path | None,
        typer.Option("--market", help="The market; the market.json of the bundle or book if not given."),
    ] = None,
    assets: Annotated[
        Path | None, typer.Option("--assets", help="The assets of the book: a list in JSON or CSV.")
    ] = None,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="A bundle whose assets to take.")] = None,
    book: Annotated[Path | None, typer.Option("--book", help="A book folder whose assets to take.")] = None,
    rows: Annotated[bool, typer.Option("--rows", help="Print every row as a formula.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what a model demands of an account of a book, in formulas, and what it costs to prove.

    Nothing is checked but that the model compiles, as it would for `prove` and `verify`.
    """
    with reported_errors(as_json=as_json):
        from circuits.model_report import report_model

        of_book = book_assets(assets, bundle, book)
        place = market if market is not None else own_market(bundle, book)
        report = report_model(
            read_small_file(model, "MODEL", MAX_JSON_BYTES),
            None if place is None else read_market_file(place, "--market"),
            of_book,
        )
        if as_json:
            print_json(_to_json(report))
            return
        _print(report, all_rows=rows)


def _to_json(report: ModelReport) -> Json:
    size = report.explanation
    groups: list[Json] = [
        {"name": group.name, "rows": group.rows, "auxiliaries": group.auxiliaries, "bits": group.bits}
        for group in size.groups
    ]
    figures = {name: value for name, value in asdict(size).items() if isinstance(value, int)}
    return {
        "kind": report.kind,
        "words": None if report.words is None else _words_to_json(report.words),
        "statement": report.statement.digest().hex(),
        **figures,
        "microseconds_to_prove": f"{size.microseconds:.1f}",
        "groups": groups,
        "constraints": [{"label": label, "formula": formula} for label, formula in report.constraints],
        "row_widths": list(report.statement.widths),
        "formulas": list(report.rows),
    }


def _words_to_json(words: ModelWords) -> Json:
    return {
        "title": words.title,
        "conditions": list(words.conditions),
        "conservative": list(words.conservative),
    }


def _print(report: ModelReport, *, all_rows: bool) -> None:
    lines = report.explanation.lines()
    head, groups = lines[: report.explanation.head_lines], lines[report.explanation.head_lines :]
    console.print(f"[bold]Model of kind {shown(report.kind)}[/], statement {report.statement.digest().hex()}")
    for line in head:
        console.print(shown(line))
    if report.words is not None:
        _print_words(report.words)
    console.print("\n[bold]What it consists of[/]")
    _print_some(groups, _SHOWN_GROUPS)
    if report.constraints:
        console.print("\n[bold]What it demands[/], amounts in base units, values in value units")
        _print_some([f"  {label}: {formula}" for label, formula in report.constraints], _SHOWN_CONSTRAINTS)
    if all_rows or not report.constraints:
        console.print("\n[bold]Rows[/], then auxiliary variables")
        _print_some([f"  {row}" for row in report.rows], len(report.rows) if all_rows else _SHOWN_GROUPS)


def _print_words(words: ModelWords) -> None:
    console.print(f"\n[bold]What every account must satisfy[/]: {shown(words.title)}")
    for condition in words.conditions:
        console.print(f"  {shown(condition)}")
    if words.conservative:
        console.print("\n[bold]What is conservative or left out[/]")
    for text in words.conservative:
        console.print(f"  {shown(text)}")


def _print_some(lines: list[str], limit: int) -> None:
    for line in lines[:limit]:
        console.print(shown(line))
    if len(lines) > limit:
        console.print(f"  … and {len(lines) - limit:,} more (`--rows` and `--json` have all)")
