"""``sealedbook market history`` and ``market risk-array``: what is published with a market beside its figures."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from circuits.market.document import MarketDocument
from circuits.market.errors import MarketError
from circuits.market.historical_scenarios import check_history
from circuits.market.history import PriceHistory
from circuits.market.history_document import history_to_bytes, parse_history
from circuits.market.risk_array import RiskArray
from circuits.market.snapshot import Source
from circuits.model_document import read_definition
from circuits.modelling.errors import ModelError
from circuits.models.loss_model import LossModel
from circuits.public_market import parse_public_market
from primitives.assets import Asset, AssetListError, parse_assets_json
from primitives.attestation import format_time
from primitives.market_signatures import market_digest
from primitives.strict_json import MAX_JSON_BYTES, Json, JsonError
from sealedbook.market_options import MAX_MARKET_FILE, is_parquet, read_market_file
from sealedbook.options import JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, reported_errors, shown
from sealedbook.written_file import write_whole


def history(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Closes: CSV, Parquet, or a history in JSON.")],
    out: Annotated[Path, typer.Option("--out", help="The JSON document to write.")],
    step: Annotated[
        str | None, typer.Option("--step", help="From one close to the next: hour, day or weekday.")
    ] = None,
    holiday: Annotated[
        list[str] | None,
        typer.Option("--holiday", metavar="DATE", help="A weekday without closes; may be repeated."),
    ] = None,
    quote: Annotated[str | None, typer.Option("--quote", help="The currency that closes are in.")] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin", metavar="TEXT", help="Where closes come from, for readers; may be repeated."
        ),
    ] = None,
    market: Annotated[
        Path | None,
        typer.Option("--market", help="Write this market with the history in it, as models need it."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a file that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read a history of prices: every close of a calendar, without gaps; nothing is filled in."""
    with reported_errors(as_json=as_json):
        read = _read_history(source, step, holiday or (), quote, origin or ())
        data = history_to_bytes(read) if market is None else _with_history(market, read).to_bytes()
        _write(out, data, replace=replace)
        first, last = format_time(read.times[0]), format_time(read.times[-1])
        if as_json:
            names: list[Json] = [str(series.subject) for series in read.series]
            count = len(read.times)
            print_json({"file": str(out), "series": names, "times": count, "first": first, "last": last})
            return
        what = "a market with a history" if market is not None else "a history"
        console.print(
            f"Wrote [bold]{shown(str(out))}[/], {what}: {len(read.times):,} closes of each of {len(read.series):,} "
            f"series, {first} to {last}."
        )


def risk_array(
    market: Annotated[Path, typer.Argument(help="The market document, JSON or Parquet.")],
    model: Annotated[Path, typer.Option("--model", help="A model of losses in scenarios.")],
    assets: Annotated[Path, typer.Option("--assets", help="The asset list of the book (JSON).")],
    out: Annotated[Path, typer.Option("--out", help="The JSON document to write.")],
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a file that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a market with the integers that statements are compiled from, so that every machine has the same."""
    with reported_errors(as_json=as_json):
        document = _read_market(market)
        array = _array_of(document, model, _read_assets(assets))
        data = dataclasses.replace(document, risk_array=array).to_bytes()
        _write(out, data, replace=replace)
        if as_json:
            digest = market_digest(data).hex()
            print_json({"market": str(out), "market_digest": digest, "scenarios": len(array.scenarios)})
            return
        console.print(
            f"Wrote [bold]{shown(str(out))}[/]: values and {len(array.scenarios):,} scenarios of {len(array.assets):,} "
            "assets."
        )
        console.print(f"Market digest   {market_digest(data).hex()}")


def _read_history(
    path: Path, step: str | None, holidays: Sequence[str], quote: str | None, origins: Sequence[str]
) -> PriceHistory:
    data = read_small_file(path, "IN", MAX_MARKET_FILE)
    described = step is not None or quote is not None or bool(holidays) or bool(origins)
    if path.suffix == ".json":
        if described:
            raise OptionError(
                "--step, --holiday, --quote and --origin are for CSV and Parquet: JSON has them inside"
            )
        if len(data) > MAX_JSON_BYTES:
            raise OptionError(f"{path} has more than {MAX_JSON_BYTES} bytes")
        try:
            return parse_history(data)
        except JsonError as error:
            raise OptionError(f"{path}: {error}") from error
    if step is None or quote is None:
        raise OptionError("--step and --quote are needed: a table of closes does not say them")
    from prover.history_file import HistoryFileError, calendar_of, history_from_csv, history_from_parquet

    read = history_from_parquet if is_parquet(data, path) else history_from_csv
    sources = [Source(origin, "") for origin in origins]
    try:
        return read(data, calendar_of(step, holidays), quote, sources)
    except HistoryFileError as error:
        raise OptionError(f"{path}: {error}") from error


def _with_history(market: Path, read: PriceHistory) -> MarketDocument:
    """The market with the history in it. What was computed from another history is left out."""
    document = _read_market(market)
    if read.quote != document.snapshot.quote:
        raise OptionError(f"closes are in {read.quote}, and {market} is in {document.snapshot.quote}")
    try:
        check_history(read, document.snapshot)
    except MarketError as error:
        raise OptionError(f"{market}: {error}") from error
    return MarketDocument(document.snapshot, history=read)


def _read_market(path: Path) -> MarketDocument:
    try:
        document = parse_public_market(read_market_file(path, "MARKET"))
    except JsonError as error:
        raise OptionError(f"{path}: {error}") from error
    if not isinstance(document, MarketDocument):
        raise OptionError(f"{path} is no market snapshot (format sealedbook/market/v1)")
    return document


def _read_assets(path: Path) -> tuple[Asset, ...]:
    try:
        return tuple(parse_assets_json(read_small_file(path, "--assets", MAX_JSON_BYTES)))
    except (AssetListError, JsonError) as error:
        raise OptionError(f"--assets: {path}: {error}") from error


def _array_of(document: MarketDocument, model: Path, assets: tuple[Asset, ...]) -> RiskArray:
    try:
        definition = read_definition(read_small_file(model, "--model", MAX_JSON_BYTES))
        if not isinstance(definition, LossModel):
            raise OptionError(f"--model: {model} is of kind {definition.kind!r}, which is no model of losses")
        return definition.risk_array(assets, document)
    except (ModelError, JsonError) as error:
        raise OptionError(f"--model: {model}: {error}") from error


def _write(path: Path, data: bytes, *, replace: bool) -> None:
    """Whole or not at all; a file that is there stays unless it is to be replaced."""
    if os.path.lexists(path) and not (replace and path.is_file() and not path.is_symlink()):
        hint = "" if replace else ", or --replace it"
        raise OptionError(f"{path} exists: choose another place{hint}")
    write_whole(path, data)
