"""Market files on the command line, and the conditions that are set on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final

import typer

from circuits.market.decimals import parse_decimal
from circuits.public_market import PublicMarket, parse_public_market
from primitives.attestation import parse_time
from primitives.signing import PUBLIC_KEY_BYTES
from primitives.strict_json import MAX_JSON_BYTES, JsonError
from sealedbook.options import OptionError, parse_hex, read_small_file
from verifier.market_checks import MarketPolicy

MAX_MARKET_FILE: Final = 64 << 20
"""Of a market in Parquet; JSON is bounded by `primitives.strict_json.MAX_JSON_BYTES`."""
_PARQUET_MAGIC: Final = b"PAR1"
_PARQUET_SUFFIX: Final = ".parquet"
MAX_SECONDS: Final = 1 << 32

SOURCES_REQUIRED_HELP: Final = (
    "How many of the sources named must have signed the market; all of them if not given."
)
MAX_AGE_HELP: Final = "How far the market may lie before the moment it is used for."
TOLERANCE_HELP: Final = "How far it may lie after that moment, with a greatest age; not at all if not given."
PREVIOUS_HELP: Final = (
    "An earlier market that you trust, to compare with; may be repeated, one for each format."
)
OTHER_HELP: Final = "A market from elsewhere to compare with; may be repeated."
MAX_DEVIATION_HELP: Final = "By how many basis points figures may differ from markets that you gave."

SourceKeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source-key",
        metavar="NAME=HEX|FILE",
        help="The public key of a source of market figures, as you know it; may be repeated.",
    ),
]
SourcesRequiredOption = Annotated[
    int | None,
    typer.Option(
        "--sources-required",
        min=1,
        help=SOURCES_REQUIRED_HELP,
    ),
]
MaxAgeOption = Annotated[
    int | None,
    typer.Option(
        "--max-market-age",
        metavar="SECONDS",
        min=0,
        max=MAX_SECONDS,
        help=MAX_AGE_HELP,
    ),
]
ToleranceOption = Annotated[
    int,
    typer.Option(
        "--market-tolerance",
        metavar="SECONDS",
        min=0,
        max=MAX_SECONDS,
        help=TOLERANCE_HELP,
    ),
]
PreviousOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--previous-market",
        metavar="FILE",
        help=PREVIOUS_HELP,
    ),
]
OtherOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--other-market",
        metavar="FILE",
        help=OTHER_HELP,
    ),
]
MaxDeviationOption = Annotated[
    str | None,
    typer.Option(
        "--max-deviation",
        metavar="BPS",
        help=MAX_DEVIATION_HELP,
    ),
]


def read_market_file(path: Path, option: str) -> bytes:
    """The market document in a file: JSON byte for byte, or the canonical JSON of what a Parquet file holds."""
    data = read_small_file(path, option, MAX_MARKET_FILE)
    if is_parquet(data, path):
        from prover.market_parquet import MarketFileError, market_from_parquet

        try:
            return market_from_parquet(data)
        except MarketFileError as error:
            raise OptionError(f"{option}: {path}: {error}") from error
    if len(data) > MAX_JSON_BYTES:
        raise OptionError(f"{option}: {path} has more than {MAX_JSON_BYTES} bytes")
    return data


def is_parquet(data: bytes, path: Path) -> bool:
    """Whether a file is Parquet, or means to be: by its first bytes or by its name."""
    return data[:4] == _PARQUET_MAGIC or path.suffix == _PARQUET_SUFFIX


def read_exact_market(path: Path, option: str) -> bytes:
    """A market document that is compared byte for byte: JSON, since only that is published."""
    data = read_small_file(path, option, MAX_MARKET_FILE)
    if is_parquet(data, path):
        raise OptionError(
            f"{option}: {path} is Parquet, and what is published is JSON: `sealedbook market convert` makes it"
        )
    if len(data) > MAX_JSON_BYTES:
        raise OptionError(f"{option}: {path} has more than {MAX_JSON_BYTES} bytes")
    return data


def read_policy(
    *,
    source_keys: Sequence[str] | None,
    required: int | None,
    max_age: int | None,
    tolerance: int,
    previous: Sequence[Path] | None,
    others: Sequence[Path] | None,
    max_deviation: str | None,
) -> MarketPolicy:
    """The conditions that the options set. Raises `OptionError` and `MarketPolicyError`."""
    return MarketPolicy(
        source_keys=_source_keys(source_keys or ()),
        sources_required=required,
        max_age=None if max_age is None else timedelta(seconds=max_age),
        tolerance=timedelta(seconds=tolerance),
        previous=tuple(_reference(path, "--previous-market") for path in previous or ()),
        others=tuple(_reference(path, "--other-market") for path in others or ()),
        max_deviation=None if max_deviation is None else _basis_points(max_deviation),
    )


def parse_moment(text: str | None) -> datetime | None:
    """A UTC time such as 2026-01-31T00:00:00Z."""
    try:
        return None if text is None else parse_time(text, "--at")
    except JsonError as error:
        raise OptionError(str(error)) from error


def _source_keys(values: Sequence[str]) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for value in values:
        name, equals, key = value.partition("=")
        if not equals or not name:
            raise OptionError(f"--source-key: {value[:60]!r} is not NAME=HEX or NAME=FILE")
        if name in keys:
            raise OptionError(f"--source-key: {name!r} is named twice")
        keys[name] = _public_key(key)
    return keys


def _public_key(text: str) -> bytes:
    if len(text) != 2 * PUBLIC_KEY_BYTES:
        if not Path(text).is_file():
            raise OptionError(
                f"--source-key: {text[:80]} is neither {2 * PUBLIC_KEY_BYTES} hexadecimal digits nor a file"
            )
        text = read_small_file(Path(text), "--source-key").decode("ascii", errors="replace").strip()
    return parse_hex(text, PUBLIC_KEY_BYTES, "--source-key")


def _reference(path: Path, option: str) -> PublicMarket:
    try:
        return parse_public_market(read_market_file(path, option))
    except JsonError as error:
        raise OptionError(f"{option}: {path}: {error}") from error


def _basis_points(text: str) -> Fraction:
    try:
        return Fraction(parse_decimal(text))
    except ValueError as error:
        raise OptionError(f"--max-deviation: {text[:40]!r} is {error}") from error
