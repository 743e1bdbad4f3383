"""``sealedbook model compile``: the canonical statement of a model, for verifiers that do not compile models."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from circuits.book_statement import compile_book, is_book_model
from circuits.claim_statement import compile_claim
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.assets import Asset
from primitives.strict_json import MAX_JSON_BYTES
from sealedbook.market_options import read_market_file
from sealedbook.model_sources import list_assets, own_market, read_bundle_book
from sealedbook.options import JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, reported_errors, shown


class CompiledScope(Enum):
    """Whom a statement is about, as it is called on the command line."""

    BOOK = "book"
    ACCOUNT = "account"


_SCOPES = {CompiledScope.BOOK: Scope.BOOK, CompiledScope.ACCOUNT: Scope.ACCOUNT}


def compile_model(
    model: Annotated[Path, typer.Argument(help="The model document.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write, such as statement.bin.")],
    market: Annotated[
        Path | None, typer.Option("--market", help="The market; the market.json of the bundle if not given.")
    ] = None,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="A bundle whose assets to take.")] = None,
    assets: Annotated[
        Path | None, typer.Option("--assets", help="The assets of the book: a list in JSON or CSV.")
    ] = None,
    scope: Annotated[
        CompiledScope,
        typer.Option(
            "--scope", help="book: what claims of a bundle are about; account: what certificates are about."
        ),
    ] = CompiledScope.BOOK,
    as_json: JsonOption = False,
) -> None:
    """Write the statement that a model makes at a market, in canonical form.

    The check page needs it for margin models. Its digest is the one that claims and certificates name. Nothing is
    proven or checked.
    """
    with reported_errors(as_json=as_json):
        place = market if market is not None or bundle is None else own_market(bundle, None)
        statement = _compile(
            read_small_file(model, "MODEL", MAX_JSON_BYTES),
            None if place is None else read_market_file(place, "--market"),
            bundle,
            assets,
            scope,
        )
        data = statement.canonical_bytes()
        _write_new_file(out, data)
        if as_json:
            print_json({"out": str(out), "bytes": len(data), "statement": statement.digest().hex()})
        else:
            console.print(
                f"{shown(str(out))}: {len(data):,} bytes, statement {statement.digest().hex()}: "
                f"{len(statement.rows):,} rows, {statement.bit_count:,} bits"
            )


def _compile(
    model: bytes, market: bytes | None, bundle: Path | None, assets: Path | None, scope: CompiledScope
) -> Statement:
    if (bundle is None) == (assets is None):
        raise OptionError("give the book's assets with one of --bundle BUNDLE and --assets FILE")
    of_book: tuple[Asset, ...]
    leaf_count: int | None = None
    if bundle is not None:
        book = read_bundle_book(bundle)
        of_book, leaf_count = tuple(book.assets), book.leaf_count
    else:
        of_book = list_assets(assets if assets is not None else Path()).assets
    if not is_book_model(model):
        return compile_claim(model, market, of_book, scope=_SCOPES[scope])
    if scope is not CompiledScope.BOOK:
        raise OptionError("--scope account: this model is about the sum of all accounts of a book")
    if leaf_count is None:
        raise OptionError(
            "a model of the sum of all accounts needs --bundle: its rows depend on the number of leaves"
        )
    return compile_book(model, market, of_book, leaf_count).statement


def _write_new_file(path: Path, data: bytes) -> None:
    """Write a file that is not there yet; what stands at its place is never written over."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError as error:
        raise OptionError(f"--out: {path} is there already") from error
    except OSError as error:
        raise OptionError(f"--out: {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
