"""What holders of accounts do: check their own account, and prove something about it to somebody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from primitives.amounts_text import plain_amount
from primitives.opening import Opening
from primitives.parameters import SCALAR_BYTES
from prover.certificate import make_certificate
from prover.openings import make_opening
from prover.secret_file import write_private
from sealedbook.demo.book import Account, DemoBook
from sealedbook.demo.documents import HolderStatement
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.market import Kind
from sealedbook.demo.scene import Scene
from verifier.certificate import ExpectedTerms, verify_certificate_in_bundle
from verifier.certificate_report import certificate_report
from verifier.claims import ExpectedDocuments
from verifier.opening import verify_opening_in_bundle, verify_own_opening
from verifier.report import opening_report

AUDIENCE: Final = "Lender AG, credit 2026-17"
_DIGITS: Final = 8
"""Balances with fewer digits can stand in a file by chance."""


def check_inclusion(scene: Scene) -> None:
    """Three customers check their own accounts."""
    stage, space, made = scene.stage, scene.space, scene.made
    stage.say(
        "Each customer receives an opening: their balances, the blinding of their commitment, and the path "
        "to the root. They type their own account id and compare the balances with their own records. "
        "The bundle says nothing about them to anybody; the opening says everything, and is theirs alone."
    )
    digest = scene.verified.attestation.book.digest()
    secrets = scene.vault.open_book(digest, None)
    for description, account, expected in _three_customers(made):
        stage.blank()
        stage.say(f"{account}, who {description}:")
        opening = make_opening(secrets, account, scene.engine)
        path = scene.opening_file(opening)
        stage.command(
            "sealedbook", "open", space.bundle, "--vault", space.vault, "--account", account, "--out", path
        )
        stage.command(
            "sealedbook", "check", path, "--account", account, "--bundle", space.bundle,
            "--issuer-key", scene.issuer_key_file,
        )  # fmt: skip
        write_private(path, opening.to_bytes())
        checked = verify_opening_in_bundle(
            path.read_bytes(), account, space.bundle, scene.engine, issuer_key=scene.issuer_key
        )
        found = {made.assets.index(p.asset.id): p.amount for p in checked.opening.positions}
        if found != expected:
            raise DemoFailedError("an opening does not show the balances that were made")
        scene.opened.append(opening)
        scene.checked.append(checked)
        stage.result(f"ACCEPTED leaf {opening.leaf_index:,}, {len(found)} balance(s)")
    stage.blank()
    stage.say(f"What {scene.opened[-1].account} sees:")
    stage.blank()
    stage.findings(opening_report(scene.checked[-1]).findings)


def _three_customers(made: DemoBook) -> list[tuple[str, str, Account]]:
    """A holder of coins, a borrower, and a trader of options and perpetuals; the first of each kind."""
    spot = set(made.market.columns(Kind.SPOT, Kind.STABLE))
    options = set(made.market.columns(Kind.CALL, Kind.PUT))
    perpetuals = set(made.market.columns(Kind.PERPETUAL))
    kinds: tuple[tuple[str, Callable[[Account], bool]], ...] = (
        ("holds coins", lambda a: bool(a) and spot.issuperset(a) and min(a.values()) > 0),
        ("has borrowed", lambda a: any(a.get(column, 0) < 0 for column in spot)),
        ("trades derivatives", lambda a: not options.isdisjoint(a) and not perpetuals.isdisjoint(a)),
    )
    chosen: list[tuple[str, str, Account]] = []
    for description, matches in kinds:
        account, positions = next(
            (account, positions)
            for account, positions in zip(made.ids, made.accounts, strict=True)
            if matches(positions)
        )
        chosen.append((description, account, positions))
    return chosen


def certify(scene: Scene) -> None:
    """A holder proves something about their account to a lender, who checks it."""
    stage, space, opening = scene.stage, scene.space, scene.opened[-1]
    column_of = scene.made.assets.index
    positions = {column_of(position.asset.id): position.amount for position in opening.positions}
    statement = HolderStatement(scene.made, positions)
    stage.say(
        f"{opening.account} wants a credit, and the lender asks for a proof, not for balances: {statement.words}, "
        "debts and derivatives counted. The opening is enough to make it; the exchange is not asked, and does "
        f"not learn of it. {space.statement.name} says it for the program:"
    )
    stage.document(statement.document)
    stage.blank()
    stage.command(
        "sealedbook", "certify", scene.opening_file(opening), "--statement", space.statement,
        "--market", space.market, "--audience", AUDIENCE, "--out", space.certificate,
    )  # fmt: skip
    space.statement.write_bytes(statement.document)
    with stage.working("Proving"):
        own = verify_own_opening(scene.opening_file(opening).read_bytes(), opening.account, scene.engine)
        scene.certificate = make_certificate(
            own,
            scene.engine,
            model=statement.document,
            market=space.market.read_bytes(),
            audience=AUDIENCE,
        )
    data = scene.certificate.to_bytes()
    space.certificate.write_bytes(data)
    stage.blank()
    stage.facts(
        [
            ("In it", ", ".join(json.loads(data))),
            ("Size", f"{len(data):,} bytes, of which the proof has {len(scene.certificate.proof):,}"),
            ("Not in it", _not_in(data, opening)),
        ]
    )
    stage.blank()
    stage.say("The lender has the bundle, and insists on what was agreed:")
    _lend(scene)
    _certify_margin(scene, opening)


def _certify_margin(scene: Scene, opening: Opening) -> None:
    """The same account has enough margin, whoever asks."""
    stage, space = scene.stage, scene.space
    stage.blank()
    stage.say(
        "A counterparty asks for something else: that this account has the margin which the published rules require."
    )
    stage.command(
        "sealedbook", "certify", scene.opening_file(opening), "--statement", space.margin_model,
        "--market", space.margin_market, "--out", space.margin_certificate,
    )  # fmt: skip
    model, market = space.margin_model.read_bytes(), space.margin_market.read_bytes()
    with stage.working("Proving"):
        own = verify_own_opening(scene.opening_file(opening).read_bytes(), opening.account, scene.engine)
        scene.margin_certificate = make_certificate(own, scene.engine, model=model, market=market)
    data = scene.margin_certificate.to_bytes()
    space.margin_certificate.write_bytes(data)
    stage.command(
        "sealedbook", "verify-certificate", space.margin_certificate, "--bundle", space.bundle,
        "--issuer-key", scene.issuer_key_file, "--statement", space.margin_model, "--market", space.margin_market,
    )  # fmt: skip
    scene.margin_certified = verify_certificate_in_bundle(
        data,
        space.bundle,
        scene.engine,
        issuer_key=scene.issuer_key,
        expected=ExpectedTerms(None, ExpectedDocuments(model, market)),
    )
    stage.result(
        f"ACCEPTED {len(data):,} bytes, of which the proof has {len(scene.margin_certificate.proof):,}; not in it: "
        f"{_not_in(data, opening)}"
    )


def _lend(scene: Scene) -> None:
    """The lender's check."""
    stage, space = scene.stage, scene.space
    stage.command(
        "sealedbook", "verify-certificate", space.certificate, "--bundle", space.bundle,
        "--issuer-key", scene.issuer_key_file, "--audience", AUDIENCE,
        "--statement", space.statement, "--market", space.market,
    )  # fmt: skip
    scene.certified = verify_certificate_in_bundle(
        space.certificate.read_bytes(),
        space.bundle,
        scene.engine,
        issuer_key=scene.issuer_key,
        expected=ExpectedTerms(
            AUDIENCE, ExpectedDocuments(space.statement.read_bytes(), space.market.read_bytes())
        ),
    )
    report = certificate_report(scene.certified)
    stage.result(f"ACCEPTED {report.verdict}")
    stage.blank()
    stage.findings(report.findings, shortened=True)


def _not_in(certificate: bytes, opening: Opening) -> str:
    """What the certificate does not hold; `DemoFailedError` if it does."""
    amounts = [(abs(p.amount), p.asset.decimals) for p in opening.positions]
    amounts = [(amount, decimals) for amount, decimals in amounts if amount >= 10 ** (_DIGITS - 1)]
    secrets = {
        "account id": [opening.account],
        "salt": [opening.salt.hex()],
        "blinding": [opening.blinding.to_bytes(SCALAR_BYTES, "big").hex()],
        "balances": [text for a, d in amounts for text in (str(a), plain_amount(a, d))],
    }
    for name, texts in secrets.items():
        if any(text.encode() in certificate for text in texts):
            raise DemoFailedError(f"the certificate holds a secret: {name}")
    return f"{', '.join(secrets)}: the file was searched for them (for balances of {_DIGITS} digits or more)"
