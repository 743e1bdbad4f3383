"""Where commands about models take a book's assets and market from: a list, a bundle, or a book folder."""

from __future__ import annotations

from pathlib import Path

from primitives.assets import AssetList, AssetListError, parse_assets_json
from primitives.attestation import ATTESTATION_NAME, Attestation, SealedBook
from primitives.strict_json import MAX_JSON_BYTES, JsonError
from sealedbook.options import OptionError, read_small_file


def book_assets(assets: Path | None, bundle: Path | None, book: Path | None) -> AssetList:
    """The assets of the one source that was given."""
    if sum(source is not None for source in (assets, bundle, book)) != 1:
        raise OptionError("give the book's assets with one of --assets FILE, --bundle BUNDLE and --book BOOK")
    if bundle is not None:
        return AssetList(read_bundle_book(bundle).assets)
    if book is not None:
        from prover.book.store import Book

        return Book.open(book).assets
    return list_assets(assets if assets is not None else Path())


def read_bundle_book(bundle: Path) -> SealedBook:
    """The `book` object of a bundle's attestation; its signature is not looked at."""
    path = bundle / ATTESTATION_NAME
    try:
        return Attestation.parse(read_small_file(path, "--bundle", MAX_JSON_BYTES)).book
    except JsonError as error:
        raise OptionError(f"--bundle: {path}: {error}") from error


def own_market(bundle: Path | None, book: Path | None) -> Path | None:
    """The market that a bundle or a book carries: `prove` compiles with it too."""
    if bundle is not None:
        path = bundle / "market.json"
        return path if path.is_file() else None
    if book is not None:
        from prover.book.store import Book

        return Book.open(book).documents.get("market.json")
    return None


def list_assets(path: Path) -> AssetList:
    """A list of assets in JSON or CSV."""
    if path.suffix == ".csv":
        from prover.book.assets import load_assets

        return load_assets(path)
    try:
        return parse_assets_json(read_small_file(path, "--assets", MAX_JSON_BYTES))
    except (AssetListError, JsonError) as error:
        raise OptionError(f"--assets: {path}: {error}") from error
