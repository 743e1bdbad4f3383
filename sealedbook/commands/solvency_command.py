"""``sealedbook prove-solvency``: prove that reserves cover the totals of a sealed book."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from primitives.attestation import Attestation
from primitives.backends import get_backend
from primitives.claims import AccountsClaim
from primitives.ratio import ONE, Ratio
from primitives.strict_json import MAX_JSON_BYTES, Json
from sealedbook.options import (
    BackendOption,
    JsonOption,
    PassphraseOption,
    VaultOption,
    read_passphrase,
    read_small_file,
)
from sealedbook.output import ExitCode, console, print_json, progress_bar, reported_errors
from verifier.attestation import verify_attestation
from verifier.ownership import Ownership, find_ownership

if TYPE_CHECKING:
    from prover.solvency import InsufficientReservesError, SolvencyProof


class Totals(StrEnum):
    """What becomes of the totals."""

    HIDDEN = "hidden"
    PUBLIC = "public"


def prove_solvency(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder.")],
    vault: VaultOption,
    reserves: Annotated[Path, typer.Option("--reserves", help="The reserves document; it becomes public.")],
    totals: Annotated[
        Totals, typer.Option("--totals", help="Keep the totals hidden, or publish those of every asset.")
    ] = Totals.HIDDEN,
    ratio: Annotated[
        str, typer.Option("--ratio", help="Prove that reserves are this many times the totals, such as 1.05.")
    ] = "1",
    name: Annotated[
        str, typer.Option("--name", help="The claim's name; a claim of this name is replaced.")
    ] = "solvency",
    passphrase_file: PassphraseOption = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that reserves cover what all accounts hold, asset by asset, and add the proof to the bundle.

    If they do not, nothing is written and you alone are told which asset is short and by how much. Prove a claim
    about every account as well (`sealedbook prove`): without one, made-up accounts could hide what is owed.
    """
    with reported_errors(as_json=as_json):
        from prover.solvency import InsufficientReservesError
        from prover.solvency import prove_solvency as run
        from prover.vault import Vault

        chosen = Ratio.parse(ratio)
        document = read_small_file(reserves, "--reserves", MAX_JSON_BYTES)
        passphrase = read_passphrase(passphrase_file)
        keys = Vault.open(vault)
        issuer = keys.issuer(passphrase)
        attestation = verify_attestation(bundle, issuer_key=issuer.public_key).attestation
        try:
            with progress_bar() as bars:
                result = run(
                    bundle,
                    keys.open_book(attestation.book.digest(), passphrase),
                    issuer,
                    get_backend(backend),
                    reserves=document,
                    publish_totals=totals is Totals.PUBLIC,
                    ratio=chosen,
                    name=name,
                    progress=bars,
                )
        except InsufficientReservesError as error:
            if as_json:
                _print_shortages(error)
                raise SystemExit(ExitCode.REFUSED_INPUT) from error
            raise
        if as_json:
            print_json(
                {
                    "bundle": str(bundle),
                    "claim": result.claim.name,
                    "statement": result.statement.digest().hex(),
                    "totals": totals.value,
                    "ratio": str(chosen),
                    "assets": [entry.asset.id for entry in result.reserves.assets],
                    "proof_bytes": result.proof_bytes,
                }
            )
            return
        _print_result(bundle, attestation, result, totals)


def _print_result(bundle: Path, attestation: Attestation, result: SolvencyProof, totals: Totals) -> None:
    ratio = result.claim.ratio
    times = "the totals" if ratio == ONE else f"{ratio} times the totals"
    console.print(
        f"Proved for [bold]{escape(str(bundle))}[/]: the stated reserves of {len(result.reserves.assets):,} asset(s) "
        f"are at least {times}. Totals are {totals.value}."
    )
    console.print("The attestation is signed anew. Anybody can check with `sealedbook verify`.")
    if not any(isinstance(claim, AccountsClaim) for claim in attestation.claims):
        _note(
            "the bundle has no claim about every account. Verifiers will say that made-up accounts could hide what "
            "is owed: prove one with `sealedbook prove`."
        )
    for entry in result.reserves.assets:
        for address in entry.addresses:
            found = find_ownership(address, attestation.book.digest())
            if address.signature is not None and found is not Ownership.SIGNED:
                _note(f"{entry.asset.id}, {address.chain} address {address.address}: {found.value}.")


def _note(text: str) -> None:
    console.print(f"[bold yellow]Note[/]: {escape(text)}")


def _print_shortages(error: InsufficientReservesError) -> None:
    short: list[Json] = [
        {
            "asset": shortage.asset.id,
            "decimals": shortage.asset.decimals,
            "reserves": str(shortage.reserves),
            "required": str(shortage.required),
            "missing": str(shortage.missing),
        }
        for shortage in error.shortages
    ]
    print_json({"result": "refused", "short": short, "exit_code": int(ExitCode.REFUSED_INPUT)})
