"""Attempts with proofs about every account."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from circuits.claim_statement import compile_claim
from primitives.attestation import ATTESTATION_NAME, Attestation
from primitives.claims import AccountsClaim, Claim
from prover.bundle import describe_file, write_attestation
from sealedbook.demo.book import Account
from sealedbook.demo.cheating.attempt import Attempt, PrivateRefusal
from sealedbook.demo.cheating.copies import MARKET_NAME, copy_bundle, seal_other_book, sign_again
from sealedbook.demo.cheating.judges import as_auditor, as_prover, as_prover_of_margin
from sealedbook.demo.cheating.tree import raise_price
from sealedbook.demo.margin import short_by_one
from sealedbook.demo.scene import Scene
from verifier.checks import Check

_DEBTOR: Final = "short-account"


def _make_account_short(scene: Scene, folder: Path) -> None:
    """Let the first holder owe so much USDT that they are short of at most one base unit of it."""
    made = scene.made
    column, units = made.assets.index("USDT"), made.market.unit_values()

    def alter(accounts: dict[str, Account]) -> None:
        account = accounts[scene.opened[0].account]
        value = sum(amount * units[place] for place, amount in account.items())
        owed = value // units[column] + 1
        accounts[scene.opened[0].account] = {**account, column: account.get(column, 0) - owed}

    seal_other_book(scene, folder, alter)


def _borrow_proof(scene: Scene, folder: Path) -> None:
    """Put the proofs of the honest book into the bundle of the short one, and sign that."""
    shutil.copytree(scene.space.cheating / _DEBTOR / "bundle", folder)
    claims = _accounts_claims(scene)
    own = Attestation.parse((folder / ATTESTATION_NAME).read_bytes())
    names = {entry.name for entry in own.files} | {name for claim in claims for name in claim.file_names}
    for name in names - {entry.name for entry in own.files}:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(scene.space.bundle / name, folder / name)
    files = [describe_file(folder, name) for name in sorted(names)]
    write_attestation(folder, own.book, files, claims, scene.vault.issuer(None))


def _accounts_claims(scene: Scene) -> list[AccountsClaim]:
    return [claim for claim in scene.verified.attestation.claims if isinstance(claim, AccountsClaim)]


def _change_prices(scene: Scene, folder: Path) -> None:
    copy_bundle(scene, folder)
    raise_price(folder)
    sign_again(folder, scene.vault.issuer(None))


def _change_prices_and_claim(scene: Scene, folder: Path) -> None:
    """As above, with the claim about the statement that the new prices make."""
    attestation = copy_bundle(scene, folder)
    raise_price(folder)
    market = (folder / MARKET_NAME).read_bytes()

    def updated(claim: Claim) -> Claim:
        if not isinstance(claim, AccountsClaim) or claim.market != MARKET_NAME:
            return claim
        statement = compile_claim((folder / claim.model).read_bytes(), market, attestation.book.assets)
        return replace(claim, statement_digest=statement.digest())

    sign_again(folder, scene.vault.issuer(None), claims=[updated(claim) for claim in attestation.claims])


def _make_margin_short(scene: Scene, folder: Path) -> None:
    """Leave the third holder one base unit of USDT short of the margin that their positions require."""
    account = scene.opened[-1].account

    def alter(accounts: dict[str, Account]) -> None:
        accounts[account] = short_by_one(scene.made, accounts[account])

    seal_other_book(scene, folder, alter)


PROOF_ATTEMPTS: Final = (
    Attempt(
        _DEBTOR,
        "The exchange seals a book in which one account owes a millionth of a USDT more than it has.",
        PrivateRefusal.PROVE,
        _make_account_short,
        as_prover,
    ),
    Attempt(
        "short-margin",
        "It seals a book in which one trader has a millionth of a USDT less than the margin that is required.",
        PrivateRefusal.PROVE,
        _make_margin_short,
        as_prover_of_margin,
        units="the terms of the margin model",
    ),
    Attempt(
        "borrowed-proof",
        "It puts the proof of the honest book into that bundle instead, and signs.",
        Check.CLAIM_PROOFS,
        _borrow_proof,
        as_auditor,
    ),
    Attempt(
        "friendlier-prices",
        "After proving, the exchange itself makes bitcoin dearer in market.json, and signs.",
        Check.CLAIM_STATEMENT,
        _change_prices,
        as_auditor,
    ),
    Attempt(
        "friendlier-claim",
        "The same, and it claims the statement that the new prices make.",
        Check.CLAIM_PROOFS,
        _change_prices_and_claim,
        as_auditor,
    ),
)
