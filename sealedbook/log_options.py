"""Options of commands that read a transparency log: whom the user trusts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from primitives.errors import DecodingError
from primitives.signed_note import VerifierKey
from sealedbook.options import OptionError, read_small_file
from verifier.transparency import LogPolicy

UrlArgument = Annotated[
    str, typer.Argument(metavar="URL", help="The address of the service that has the log.")
]
LogKeyOption = Annotated[
    str,
    typer.Option("--log-key", metavar="KEY|FILE", help="The log's verifier key, or a file with it."),
]
OriginOption = Annotated[
    str,
    typer.Option("--origin", help="The log's origin, if it is not the name in its key."),
]
WitnessKeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--witness-key", metavar="KEY|FILE", help="A witness's verifier key, or a file; may be repeated."
    ),
]
WitnessesOption = Annotated[
    int | None,
    typer.Option(
        "--witnesses", min=0, help="How many of these witnesses must have cosigned; all, if not given."
    ),
]


def read_policy(
    log_key: str, origin: str, witness_keys: Sequence[str] | None, threshold: int | None
) -> LogPolicy:
    """The policy that the options state."""
    witnesses = tuple(read_verifier_key(text, "--witness-key") for text in witness_keys or ())
    try:
        return LogPolicy(
            read_verifier_key(log_key, "--log-key"),
            witnesses,
            len(witnesses) if threshold is None else threshold,
            origin,
        )
    except DecodingError as error:
        raise OptionError(str(error)) from error


def read_verifier_key(text: str, option: str) -> VerifierKey:
    """A verifier key, or the one in the file of that name."""
    if "+" not in text or Path(text).is_file():
        text = read_small_file(Path(text), option).decode("utf-8", errors="replace")
    try:
        return VerifierKey.parse(text.strip())
    except DecodingError as error:
        raise OptionError(f"{option}: {error}") from error
