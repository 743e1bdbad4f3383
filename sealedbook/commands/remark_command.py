"""``sealedbook remark``: prove the claims of a bundle again at a new market."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from primitives.backends import get_backend
from primitives.strict_json import MAX_JSON_BYTES
from sealedbook.failing_accounts import failing_accounts
from sealedbook.market_options import read_market_file
from sealedbook.options import (
    BackendOption,
    JsonOption,
    PassphraseOption,
    VaultOption,
    read_passphrase,
    read_small_file,
)
from sealedbook.output import console, print_json, progress_bar, reported_errors
from verifier.attestation import verify_attestation


def remark(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder.")],
    vault: VaultOption,
    market: Annotated[Path, typer.Option("--market", help="The new prices, JSON or Parquet.")],
    signatures: Annotated[
        Path | None,
        typer.Option("--market-signatures", help="Signatures of the new prices by their sources."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="CLAIM",
            help="A claim to mark; may be repeated. All with a market if not given.",
        ),
    ] = None,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Take prices of an earlier time than those they replace.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=256, help="Batches at once; one per core if not given."),
    ] = None,
    passphrase_file: PassphraseOption = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mark a bundle to a new market: same book, same models, other prices, proofs made anew.

    Nothing is committed again, and openings stay good. If an account fails at the new prices, nothing is written, the
    old claims stay, and you alone are told which account and how short it is.
    """
    with reported_errors(as_json=as_json):
        from prover.remark import remark_claims
        from prover.vault import Vault

        market_bytes = read_market_file(market, "--market")
        passphrase = read_passphrase(passphrase_file)
        keys = Vault.open(vault)
        issuer = keys.issuer(passphrase)
        book = verify_attestation(bundle, issuer_key=issuer.public_key).attestation.book
        with failing_accounts(as_json=as_json), progress_bar() as bars:
            proofs = remark_claims(
                bundle,
                keys.open_book(book.digest(), passphrase),
                issuer,
                get_backend(backend),
                market=market_bytes,
                signatures=None
                if signatures is None
                else read_small_file(signatures, "--market-signatures", MAX_JSON_BYTES),
                names=name or (),
                allow_older=allow_older,
                workers=workers,
                progress=bars,
            )
        if as_json:
            print_json(
                {
                    "bundle": str(bundle),
                    "leaves": book.leaf_count,
                    "claims": [
                        {
                            "claim": proof.claim.name,
                            "market": proof.claim.market,
                            "statement": proof.statement.digest().hex(),
                            "proofs": proof.claim.batches,
                            "proofs_resumed": proof.resumed,
                            "proof_bytes": proof.proof_bytes,
                        }
                        for proof in proofs
                    ],
                }
            )
            return
        for proof in proofs:
            console.print(
                f"Marked claim {escape(repr(proof.claim.name))} to the new market: {len(proof.statement.rows):,} rows, "
                f"proved for all {book.leaf_count:,} leaves in {proof.claim.batches:,} proof(s)."
            )
        console.print(
            f"The attestation of [bold]{escape(str(bundle))}[/] is signed anew. The sealed book is the same: "
            "openings and their paths stay good."
        )
