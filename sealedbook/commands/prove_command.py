"""``sealedbook prove``: prove a statement about every account of a sealed book."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from primitives.backends import get_backend
from primitives.market_signatures import MARKET_SIGNATURES_NAME
from primitives.strict_json import MAX_JSON_BYTES
from sealedbook.failing_accounts import failing_accounts
from sealedbook.market_options import read_market_file
from sealedbook.options import (
    BackendOption,
    JsonOption,
    OptionError,
    PassphraseOption,
    VaultOption,
    read_passphrase,
    read_small_file,
)
from sealedbook.output import console, print_json, progress_bar, reported_errors
from verifier.attestation import verify_attestation


def prove(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder.")],
    vault: VaultOption,
    model: Annotated[
        Path | None, typer.Option("--model", help="The model to prove; the bundle's model.json if not given.")
    ] = None,
    market: Annotated[
        Path | None,
        typer.Option(
            "--market", help="The prices, JSON or Parquet; the bundle's market.json if there is one."
        ),
    ] = None,
    signatures: Annotated[
        Path | None,
        typer.Option(
            "--market-signatures",
            help=f"Signatures of the prices by their sources; the bundle's {MARKET_SIGNATURES_NAME} if the prices "
            "are the bundle's.",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="The claim's name; a claim of this name is replaced.")
    ] = "accounts",
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=256, help="Batches at once; one per core if not given."),
    ] = None,
    passphrase_file: PassphraseOption = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that every account of the book satisfies a model, and add the proofs to the bundle.

    If an account fails, nothing is written and you alone are told which one and how short it is. A run that was
    killed goes on where it was.
    """
    with reported_errors(as_json=as_json):
        from prover.prove_book import MARKET_NAME, MODEL_NAME, prove_book
        from prover.vault import Vault

        model_bytes = _document(model, bundle / MODEL_NAME, "--model")
        if model_bytes is None:
            raise OptionError("give --model FILE: the bundle has no model.json")
        market_bytes = (
            _document(None, bundle / MARKET_NAME, "--market")
            if market is None
            else read_market_file(market, "--market")
        )
        passphrase = read_passphrase(passphrase_file)
        keys = Vault.open(vault)
        issuer = keys.issuer(passphrase)
        book = verify_attestation(bundle, issuer_key=issuer.public_key).attestation.book
        with failing_accounts(as_json=as_json), progress_bar() as bars:
            result = prove_book(
                bundle,
                keys.open_book(book.digest(), passphrase),
                issuer,
                get_backend(backend),
                model=model_bytes,
                market=market_bytes,
                signatures=_document(signatures, bundle / MARKET_SIGNATURES_NAME, "--market-signatures")
                if signatures is not None or market is None
                else None,
                name=name,
                workers=workers,
                progress=bars,
            )
        statement = result.statement
        if as_json:
            print_json(
                {
                    "bundle": str(bundle),
                    "claim": result.claim.name,
                    "statement": statement.digest().hex(),
                    "rows": len(statement.rows),
                    "bits_per_account": statement.bit_count,
                    "leaves": book.leaf_count,
                    "proofs": result.claim.batches,
                    "proofs_resumed": result.resumed,
                    "proof_bytes": result.proof_bytes,
                }
            )
            return
        console.print(
            f"Proved for all {book.leaf_count:,} leaves of [bold]{escape(str(bundle))}[/], claim {escape(name)!r}: "
            f"{len(statement.rows):,} rows, {statement.bit_count:,} bits an account."
        )
        console.print(
            f"{result.claim.batches:,} proof(s), {result.proof_bytes / 1e6:,.2f} MB; the attestation is signed anew. "
            "Anybody can check with `sealedbook verify`."
        )
        if result.resumed:
            console.print(f"{result.resumed:,} of the proofs were finished by an earlier run.")


def _document(given: Path | None, default: Path, option: str) -> bytes | None:
    if given is not None:
        return read_small_file(given, option, MAX_JSON_BYTES)
    return read_small_file(default, option, MAX_JSON_BYTES) if default.is_file() else None
