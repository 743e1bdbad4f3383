"""``sealedbook log-key``: keys that sign checkpoints of a log, and witnesses' keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from primitives.errors import DecodingError
from primitives.signed_note import KeyType, NoteSigner
from sealedbook.options import JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, reported_errors, shown
from sealedbook.written_file import write_whole

app = typer.Typer(help="Keys of transparency logs.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Make the key of a log or of a witness, and show the public part of one."""


@app.command("new")
def new(
    name: Annotated[
        str, typer.Option("--name", help="The log's origin, such as log.example.com/sealedbook; no blanks.")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="The private key file; the public part goes beside it, in .pub.")
    ],
    witness: Annotated[
        bool, typer.Option("--witness", help="A witness's key: for cosignatures, not for checkpoints.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a key. Its name is the log's origin: the first line of every checkpoint."""
    with reported_errors(as_json=as_json):
        from prover.secret_file import write_private

        key_type = KeyType.COSIGNATURE if witness else KeyType.ED25519
        try:
            signer = NoteSigner.generate(name, key_type)
        except DecodingError as error:
            raise OptionError(f"--name: {error}") from error
        public = signer.verifier_key.to_text()
        write_private(out, signer.to_secret_text().encode("utf-8") + b"\n")
        write_whole(out.with_name(f"{out.name}.pub"), public.encode("utf-8") + b"\n")
        if as_json:
            print_json({"private_key": str(out), "verifier_key": public})
            return
        console.print(f"Private key   {shown(str(out))}. Back it up, and show it to nobody.")
        console.print(f"Verifier key  {shown(public)}")
        console.print(
            f"              Also in {shown(out.name)}.pub. Publish it where people know it is yours."
        )


@app.command("show")
def show(
    key: Annotated[Path, typer.Argument(metavar="FILE", help="A private key file.")],
    as_json: JsonOption = False,
) -> None:
    """Print the verifier key of a private key file."""
    with reported_errors(as_json=as_json):
        text = read_small_file(key, "FILE").decode("utf-8", errors="replace").strip()
        try:
            public = NoteSigner.parse(text).verifier_key.to_text()
        except DecodingError as error:
            raise OptionError(f"{key}: {error}") from error
        if as_json:
            print_json({"verifier_key": public})
            return
        console.print(shown(public))
