"""``sealedbook prove-book``: prove limits on the sum of all accounts of a sealed book."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from primitives.amounts_text import plain_amount
from primitives.backends import get_backend
from primitives.claims import AccountsClaim
from primitives.market_signatures import MARKET_SIGNATURES_NAME
from primitives.strict_json import MAX_JSON_BYTES, Json
from sealedbook.market_options import MAX_MARKET_FILE, read_market_file
from sealedbook.options import (
    BackendOption,
    JsonOption,
    PassphraseOption,
    VaultOption,
    read_passphrase,
    read_small_file,
)
from sealedbook.output import ExitCode, console, print_json, progress_bar, reported_errors, shown
from verifier.attestation import verify_attestation


def prove_book(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder.")],
    vault: VaultOption,
    model: Annotated[
        Path, typer.Option("--model", help="A model of the kind balanced-book; it becomes public.")
    ],
    market: Annotated[
        Path | None,
        typer.Option("--market", help="The market, JSON or Parquet; the bundle's market.json if not given."),
    ] = None,
    signatures: Annotated[
        Path | None,
        typer.Option(
            "--market-signatures",
            help=f"Signatures of the market by their sources; the bundle's {MARKET_SIGNATURES_NAME} if the market "
            "is the bundle's.",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="The claim's name; a claim of this name is replaced.")
    ] = "book",
    passphrase_file: PassphraseOption = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove limits on what all accounts hold together, such as a net delta near zero, and add the proof to the bundle.

    No total becomes public. If the book breaks a limit, nothing is written and you alone are told which, and by how
    much. Prove a claim about every account as well (`sealedbook prove`): without one, nothing makes amounts whole.
    """
    with reported_errors(as_json=as_json):
        from prover.book_claim import BookOutOfLimitsError, prove_book_claim
        from prover.prove_book import MARKET_NAME
        from prover.vault import Vault

        document = read_small_file(model, "--model", MAX_JSON_BYTES)
        if market is not None:
            public_market = read_market_file(market, "--market")
        else:
            public_market = read_small_file(bundle / MARKET_NAME, "--market", MAX_MARKET_FILE)
            beside = bundle / MARKET_SIGNATURES_NAME
            signatures = signatures or (beside if beside.is_file() else None)
        passphrase = read_passphrase(passphrase_file)
        keys = Vault.open(vault)
        issuer = keys.issuer(passphrase)
        attestation = verify_attestation(bundle, issuer_key=issuer.public_key).attestation
        try:
            with progress_bar() as bars:
                result = prove_book_claim(
                    bundle,
                    keys.open_book(attestation.book.digest(), passphrase),
                    issuer,
                    get_backend(backend),
                    model=document,
                    market=public_market,
                    signatures=None
                    if signatures is None
                    else read_small_file(signatures, "--market-signatures", MAX_JSON_BYTES),
                    name=name,
                    progress=bars,
                )
        except BookOutOfLimitsError as error:
            if as_json:
                breaches: list[Json] = [
                    {
                        "limit": breach.label,
                        "side": breach.side,
                        "missing": plain_amount(breach.missing, breach.decimals),
                        "unit": breach.unit,
                    }
                    for breach in error.breaches
                ]
                code = ExitCode.REFUSED_INPUT
                print_json({"result": "refused", "breaches": breaches, "exit_code": int(code)})
                raise SystemExit(code) from error
            raise
        words = result.compiled.definition.words()
        if as_json:
            print_json(
                {
                    "bundle": str(bundle),
                    "claim": result.claim.name,
                    "statement": result.compiled.statement.digest().hex(),
                    "conditions": list[Json](words.conditions),
                    "proof_bytes": result.proof_bytes,
                }
            )
            return
        console.print(f"Proved for [bold]{shown(str(bundle))}[/], of the sum of all accounts:")
        for condition in words.conditions:
            console.print(f"  {shown(condition)}")
        console.print("The attestation is signed anew. Anybody can check with `sealedbook verify`.")
        if not any(isinstance(claim, AccountsClaim) for claim in attestation.claims):
            console.print(
                "[bold yellow]Note[/]: the bundle has no claim about every account, so nothing makes amounts whole "
                "numbers: prove one with `sealedbook prove`."
            )
