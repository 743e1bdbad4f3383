"""Attempts with reserves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from circuits.solvency_statement import compile_solvency
from primitives.amounts_text import plain_amount
from primitives.claims import Claim, SolvencyClaim
from primitives.reserves import Reserves
from primitives.strict_json import canonical_json
from sealedbook.demo.cheating.attempt import Attempt, PrivateRefusal
from sealedbook.demo.cheating.copies import copy_bundle, sign_again
from sealedbook.demo.cheating.judges import as_auditor, as_prover_of_reserves
from sealedbook.demo.scene import Scene
from verifier.checks import Check

_ASSET: Final = "BTC"


def _edit_total(data: bytes, edit: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(data)
    edit(next(entry for entry in document["assets"] if entry["asset"] == _ASSET))
    return canonical_json(document) + b"\n"


def _state_too_little(scene: Scene, folder: Path) -> None:
    """State one base unit less than is owed."""
    made = scene.made
    column = made.assets.index(_ASSET)
    short = made.totals()[column] - 1
    folder.mkdir(mode=0o700)
    shutil.copytree(scene.space.bundle, folder / "bundle")
    reserves = _edit_total(
        scene.space.reserves.read_bytes(),
        lambda entry: entry.update(total=plain_amount(short, made.assets[column].decimals)),
    )
    (folder / "reserves.json").write_bytes(reserves)


def _state_more_after_proving(scene: Scene, folder: Path) -> None:
    """State twice as much in the published document, claim the statement that it makes, and sign."""
    attestation = copy_bundle(scene, folder)
    book = attestation.book

    def updated(claim: Claim) -> Claim:
        if not isinstance(claim, SolvencyClaim):
            return claim
        path = folder / claim.reserves
        data = _edit_total(path.read_bytes(), _double)
        path.write_bytes(data)
        reserves = Reserves.parse(data, book.assets)
        statement = compile_solvency(reserves, claim.ratio, book.assets, book.leaf_count)
        return replace(claim, statement_digest=statement.digest())

    sign_again(folder, scene.vault.issuer(None), claims=[updated(claim) for claim in attestation.claims])


def _double(entry: dict[str, Any]) -> None:
    entry["total"] = str(2 * int(entry["total"].partition(".")[0]))


RESERVES_ATTEMPTS: Final = (
    Attempt(
        "too-little",
        f"The exchange states reserves that are one base unit of {_ASSET} below what it owes.",
        PrivateRefusal.PROVE_SOLVENCY,
        _state_too_little,
        as_prover_of_reserves,
    ),
    Attempt(
        "edited-reserves",
        f"After proving, it doubles its {_ASSET} in reserves.json, adapts the claim, and signs.",
        Check.SOLVENCY_PROOF,
        _state_more_after_proving,
        as_auditor,
    ),
)
