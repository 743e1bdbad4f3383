"""``sealedbook market``: market snapshots as files, signatures of their sources, and conditions on both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from circuits.public_market import canonical_market, format_of, parse_public_market
from primitives.market_signatures import (
    MARKET_SIGNATURES_NAME,
    MarketSignatureError,
    MarketSignatures,
    market_digest,
    sign_market,
)
from primitives.strict_json import MAX_JSON_BYTES, JsonError
from sealedbook.commands import market_history_command
from sealedbook.market_options import (
    MAX_AGE_HELP,
    MAX_DEVIATION_HELP,
    MAX_MARKET_FILE,
    MAX_SECONDS,
    OTHER_HELP,
    PREVIOUS_HELP,
    SOURCES_REQUIRED_HELP,
    TOLERANCE_HELP,
    SourceKeyOption,
    is_parquet,
    parse_moment,
    read_market_file,
    read_policy,
)
from sealedbook.options import JsonOption, OptionError, PassphraseOption, read_passphrase, read_small_file
from sealedbook.output import console, print_json, print_report, reported_errors, shown
from sealedbook.written_file import write_whole
from verifier.market_checks import MAX_SIGNATURES_BYTES, verify_market
from verifier.market_report import market_report

app = typer.Typer(help="Markets: convert, add a price history, sign, check.", no_args_is_help=True)

MarketArgument = Annotated[Path, typer.Argument(help="The market document, JSON or Parquet.")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Overwrite a file that is there.")]


@app.callback()
def _group() -> None:
    """Bring markets in and out, sign them as their source, and check who signed and what moved."""


@app.command("convert")
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A market, JSON or Parquet.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What to write: a name in .json or .parquet.")],
    allow_expired: Annotated[
        bool, typer.Option("--allow-expired", help="Take options and futures past expiry from Parquet, too.")
    ] = False,
    replace: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert a market between JSON and Parquet, without loss. What is published and signed is the JSON.

    JSON is written in canonical form (RFC 8785), so that one market has one digest.
    """
    with reported_errors(as_json=as_json):
        document = _canonical(source, allow_expired=allow_expired)
        if out.suffix == ".parquet":
            from prover.market_parquet import market_to_parquet

            data = market_to_parquet(document)
        elif out.suffix == ".json":
            data = document
        else:
            raise OptionError(f"OUT: {out} is named neither .json nor .parquet")
        _write(out, data, replace=replace)
        _print_market(out, document, "Wrote", as_json=as_json)


app.command("history")(market_history_command.history)
app.command("risk-array")(market_history_command.risk_array)


@app.command("new-key")
def new_key(
    out: Annotated[Path, typer.Argument(help="The key file to make, such as source.key (private).")],
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key with which a source signs its markets; the public key is written beside it, as .pub."""
    with reported_errors(as_json=as_json):
        from prover.signing_key import create_key_file, public_path

        public_key = create_key_file(out, read_passphrase(passphrase_file))
        if as_json:
            print_json({"key": str(out), "public_key": public_key.hex()})
            return
        console.print(f"Made [bold]{shown(str(out))}[/], private, and {shown(str(public_path(out)))}.")
        console.print(f"Public key   {public_key.hex()}")
        console.print("             Publish it where people know it is yours.")


@app.command("sign")
def sign(
    market: MarketArgument,
    key: Annotated[Path, typer.Option("--key", help="The source's private key, Ed25519 in PEM.")],
    source: Annotated[str, typer.Option("--source", help="The source's name, as it is signed.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help=f"The signatures; {MARKET_SIGNATURES_NAME} beside the market if not given. Added to.",
        ),
    ] = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a market as one of its sources. The signature is over the document's exact bytes.

    Signatures that are in the file already must be over the same bytes. Of a Parquet file its canonical JSON is signed.
    """
    with reported_errors(as_json=as_json):
        from prover.signing_key import load_key_file

        document = read_market_file(market, "MARKET")
        _parse(document, market)
        place = market.parent / MARKET_SIGNATURES_NAME if out is None else out
        own = sign_market(document, load_key_file(key, read_passphrase(passphrase_file)), source)
        signatures = MarketSignatures(()) if not place.exists() else _signatures_of(document, place)
        _write(place, signatures.with_signature(own).to_bytes(), replace=True)
        if as_json:
            print_json(
                {
                    "signatures": str(place),
                    "market_digest": market_digest(document).hex(),
                    "source": source,
                    "public_key": own.public_key.hex(),
                }
            )
            return
        console.print(f"Signed as {shown(repr(source))} into [bold]{shown(str(place))}[/].")
        console.print(f"Market digest   {market_digest(document).hex()}")
        console.print(f"Public key      {own.public_key.hex()}")


@app.command("check")
def check(
    market: MarketArgument,
    signatures: Annotated[
        Path | None,
        typer.Option("--signatures", help="The signatures of its sources, made by `market sign`."),
    ] = None,
    source_key: SourceKeyOption = None,
    required: Annotated[int | None, typer.Option("--required", min=1, help=SOURCES_REQUIRED_HELP)] = None,
    max_age: Annotated[
        int | None,
        typer.Option("--max-age", metavar="SECONDS", min=0, max=MAX_SECONDS, help=MAX_AGE_HELP),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="The moment it is used for: 2026-01-31T00:00:00Z."),
    ] = None,
    tolerance: Annotated[
        int, typer.Option("--tolerance", metavar="SECONDS", min=0, max=MAX_SECONDS, help=TOLERANCE_HELP)
    ] = 0,
    previous: Annotated[
        list[Path] | None, typer.Option("--previous", metavar="FILE", help=PREVIOUS_HELP)
    ] = None,
    other: Annotated[list[Path] | None, typer.Option("--other", metavar="FILE", help=OTHER_HELP)] = None,
    max_deviation: Annotated[
        str | None, typer.Option("--max-deviation-bps", metavar="BPS", help=MAX_DEVIATION_HELP)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a market: its form, who signed it, how old it is, and how far its figures are from other markets."""
    with reported_errors(as_json=as_json):
        policy = read_policy(
            source_keys=source_key,
            required=required,
            max_age=max_age,
            tolerance=tolerance,
            previous=previous,
            others=other,
            max_deviation=max_deviation,
        )
        verified = verify_market(
            read_market_file(market, "MARKET"),
            None if signatures is None else read_small_file(signatures, "--signatures", MAX_SIGNATURES_BYTES),
            policy,
            moment=parse_moment(at),
        )
        print_report(market_report(verified), as_json=as_json)


def _canonical(path: Path, *, allow_expired: bool) -> bytes:
    data = read_small_file(path, "IN", MAX_MARKET_FILE)
    if is_parquet(data, path):
        from prover.market_parquet import MarketFileError, market_from_parquet

        try:
            return market_from_parquet(data, allow_expired=allow_expired)
        except MarketFileError as error:
            raise OptionError(f"{path}: {error}") from error
    if len(data) > MAX_JSON_BYTES:
        raise OptionError(f"{path} has more than {MAX_JSON_BYTES} bytes")
    try:
        return canonical_market(data)
    except JsonError as error:
        raise OptionError(f"{path}: {error}") from error


def _parse(document: bytes, path: Path) -> None:
    """A source does not sign what is no market."""
    try:
        parse_public_market(document)
    except JsonError as error:
        raise OptionError(f"{path}: {error}") from error


def _signatures_of(document: bytes, path: Path) -> MarketSignatures:
    """The signatures that are there, if they are over this very document."""
    try:
        found = MarketSignatures.parse(read_small_file(path, "--out", MAX_SIGNATURES_BYTES))
        found.verify(document)
    except JsonError as error:
        raise OptionError(f"{path} is there, and holds no signatures of a market: {error}") from error
    except MarketSignatureError as error:
        raise OptionError(f"{path} is there, and is not of this market: {error}") from error
    return found


def _write(path: Path, data: bytes, *, replace: bool) -> None:
    """Whole or not at all; a file that is there stays unless it is to be replaced."""
    if os.path.lexists(path) and not (replace and path.is_file() and not path.is_symlink()):
        hint = "" if replace else ", or --replace it"
        raise OptionError(f"{path} exists: choose another place{hint}")
    write_whole(path, data)


def _print_market(path: Path, document: bytes, done: str, *, as_json: bool) -> None:
    name, digest = format_of(parse_public_market(document)), market_digest(document).hex()
    if as_json:
        print_json({"market": str(path), "format": name, "market_digest": digest})
        return
    console.print(f"{done} [bold]{shown(str(path))}[/], a market of format {name}.")
    console.print(f"Market digest   {digest}")
