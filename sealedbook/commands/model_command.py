"""``sealedbook model``: what a model is made of."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from primitives.assets import AssetList, AssetListError, parse_assets_json
from primitives.attestation import ATTESTATION_NAME, Attestation
from primitives.strict_json import MAX_JSON_BYTES, Json, JsonError
from sealedbook.market_options import read_market_file
from sealedbook.options import JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, reported_errors, shown

if TYPE_CHECKING:
    from circuits.model_report import ModelReport
    from circuits.modelling.words import ModelWords

app = typer.Typer(help="Look at models: `sealedbook model explain`.", no_args_is_help=True)

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

        of_book = _book_assets(assets, bundle, book)
        place = market if market is not None else _own_market(bundle, book)
        report = report_model(
            read_small_file(model, "MODEL", MAX_JSON_BYTES),
            None if place is None else read_market_file(place, "--market"),
            of_book,
        )
        if as_json:
            print_json(_to_json(report))
            return
        _print(report, all_rows=rows)


def _book_assets(assets: Path | None, bundle: Path | None, book: Path | None) -> AssetList:
    """The assets of the one source that was given."""
    if sum(source is not None for source in (assets, bundle, book)) != 1:
        raise OptionError("give the book's assets with one of --assets FILE, --bundle BUNDLE and --book BOOK")
    if bundle is not None:
        path = bundle / ATTESTATION_NAME
        try:
            attestation = Attestation.parse(read_small_file(path, "--bundle", MAX_JSON_BYTES))
        except JsonError as error:
            raise OptionError(f"--bundle: {path}: {error}") from error
        return AssetList(attestation.book.assets)
    if book is not None:
        from prover.book.store import Book

        return Book.open(book).assets
    return _asset_list(assets if assets is not None else Path())


def _own_market(bundle: Path | None, book: Path | None) -> Path | None:
    """The market that a bundle or a book carries: `prove` compiles with it too."""
    if bundle is not None:
        path = bundle / "market.json"
        return path if path.is_file() else None
    if book is not None:
        from prover.book.store import Book

        return Book.open(book).documents.get("market.json")
    return None


def _asset_list(path: Path) -> AssetList:
    if path.suffix == ".csv":
        from prover.book.assets import load_assets

        return load_assets(path)
    try:
        return parse_assets_json(read_small_file(path, "--assets", MAX_JSON_BYTES))
    except (AssetListError, JsonError) as error:
        raise OptionError(f"--assets: {path}: {error}") from error


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
