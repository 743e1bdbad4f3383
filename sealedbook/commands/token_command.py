"""``sealedbook token``: tokens of account holders, for tests and as an example of what a backend issues."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from sealedbook.options import JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, reported_errors
from sealedbook.written_file import write_whole

app = typer.Typer(
    help="Tokens of account holders: for tests, and as an example for the backend that issues them.",
    no_args_is_help=True,
)


@app.command("key")
def key(
    out: Annotated[
        Path, typer.Option("--out", help="The private key, PEM, mode 0600; FILE.pub is the public one.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Make an Ed25519 key pair for tokens. The service gets the public one alone."""
    with reported_errors(as_json=as_json):
        from api.tokens import create_token_key
        from prover.secret_file import write_private

        private, public = create_token_key()
        write_private(out, private)
        public_place = out.with_name(out.name + ".pub")
        write_whole(public_place, public)
        if as_json:
            print_json({"private_key": str(out), "public_key": str(public_place)})
        else:
            console.print(f"Wrote {escape(str(out))} and {escape(str(public_place))}.")


@app.command("issue")
def issue(
    key_file: Annotated[Path, typer.Option("--key", help="The private key, PEM.")],
    issuer: Annotated[str, typer.Option("--issuer", help="The claim iss: the service's token_issuer.")],
    audience: Annotated[str, typer.Option("--audience", help="The claim aud: the service's token_audience.")],
    account: Annotated[str, typer.Option("--account", help="The claim sub: the account id, exactly.")],
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="opening or certificate; may be repeated; both if not given."),
    ] = None,
    lifetime: Annotated[int, typer.Option("--lifetime", min=1, max=86_400, help="Seconds.")] = 300,
    key_id: Annotated[
        str | None, typer.Option("--key-id", help="The header kid, for services with a JWKS.")
    ] = None,
) -> None:
    """Print a token. Whoever has it can fetch the account's opening until it expires."""
    with reported_errors(as_json=False):
        from api.tokens import CERTIFICATE_SCOPE, OPENING_SCOPE, issue_token

        scopes = scope or [OPENING_SCOPE, CERTIFICATE_SCOPE]
        if unknown := sorted(set(scopes) - {OPENING_SCOPE, CERTIFICATE_SCOPE}):
            raise OptionError(f"--scope: {unknown[0]!r} is neither {OPENING_SCOPE} nor {CERTIFICATE_SCOPE}")
        try:
            token = issue_token(
                read_small_file(key_file, "--key"),
                issuer=issuer,
                audience=audience,
                account=account,
                scopes=scopes,
                lifetime=lifetime,
                key_id=key_id,
            )
        except (ValueError, TypeError) as error:
            raise OptionError(
                f"--key: {key_file} is not an Ed25519 private key without a passphrase"
            ) from error
        console.print(token)
