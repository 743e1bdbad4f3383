"""Expected Shortfall of every account: is there capital for the worst days of the past?"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor
from typing import Final

from circuits.market.document import MarketDocument
from circuits.market.risk_array import RiskArray
from circuits.market.snapshot import Contract, MarketSnapshot, Option
from prover.prove_book import prove_book
from prover.secret_file import write_private
from sealedbook.demo.book import Account
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.market import QUOTE
from sealedbook.demo.risk.desk import LEVEL, ORIGIN, OVERLAY, SCALE, Desk, loss_definition, make_desk
from sealedbook.demo.risk.figures.losses import LossPicture, losses_figure
from sealedbook.demo.risk.record import RiskSection, of_claim, proven_line
from sealedbook.demo.risk.sealing import import_and_seal, secrets_of
from sealedbook.demo.risk.small_book import SmallBook
from sealedbook.demo.scene import Scene
from verifier.bundle import verify_bundle
from verifier.claims import ExpectedDocuments
from verifier.report import bundle_report

CLAIM: Final = "capital"
MOST_ACCOUNTS: Final = 500
RETURNS: Final = 250
REFERENCE_ACCOUNTS: Final = 14
REFERENCE_RETURNS: Final = 40
_UNIT: Final = 10**SCALE
_TOLERANCE: Final = 1.0
"""Whole USDT: losses are rounded to whole units for each position before they are added up."""


def account_count(scene: Scene) -> int:
    """Of each of the two books: no more than the demonstration has, and few on the reference backend."""
    if scene.engine.name != "native":
        return REFERENCE_ACCOUNTS
    return min(MOST_ACCOUNTS, scene.options.accounts)


def prove_capital(scene: Scene) -> None:
    """The trading firm's book, and a requirement for each of its accounts."""
    stage, space = scene.stage, scene.space.risk.desk
    first = len(stage.commands)
    count = account_count(scene)
    returns = RETURNS if scene.engine.name == "native" else REFERENCE_RETURNS
    text = (
        f"What follows is a risk desk's day, on two books of their own{_size(scene, count)}. The first is a trading "
        "firm's: sub-accounts with perpetuals and options, and an overlay account that hedges them.",
        f"The firm asks of every account: your capital must cover the mean loss of the worst {_percent()} of all days, "
        f"the Expected Shortfall, over {returns} days of prices, at full revaluation of every option, plus charges for "
        "closing. The price history is made up from the seed; with the losses that follow from it, it is part of the "
        "market document, and whoever verifies computes all of it again.",
    )
    scene.risk.desk = desk = make_desk(count, returns, scene.options.seed)
    for paragraph in text:
        stage.say(paragraph)
        stage.blank()
    import_and_seal(scene, space, desk.book)
    _write_markets(scene, desk)
    documents = ("--model", space.loss_model, "--market", space.loss_market)
    stage.command(
        "sealedbook", "prove", space.bundle, "--vault", scene.space.vault, *documents, "--name", CLAIM
    )
    picture = _picture(desk)
    with stage.working("Proving") as bars:
        proven = prove_book(
            space.bundle,
            secrets_of(scene, space.bundle),
            scene.vault.issuer(None),
            scene.engine,
            model=desk.loss_model,
            market=desk.loss_market.to_bytes(),
            name=CLAIM,
            progress=bars,
        )
    stage.command("sealedbook", "verify", space.bundle, "--issuer-key", scene.issuer_key_file, *documents)
    with stage.working("Verifying"):
        verified = verify_bundle(
            space.bundle,
            scene.engine,
            issuer_key=scene.issuer_key,
            expected=ExpectedDocuments(desk.loss_model, desk.loss_market.to_bytes()),
        )
    leaves = verified.attestation.book.leaf_count
    findings = of_claim(bundle_report(verified).findings, CLAIM)
    facts = (
        ("Account shown", picture.account),
        (
            "Its Expected Shortfall",
            f"{picture.expected_shortfall:,.2f} {QUOTE}, and charges {picture.charges:,.2f}",
        ),
        ("Its capital", f"{picture.capital:,.2f} {QUOTE}"),
    )
    stage.blank()
    stage.say("For the desk alone:", style="bold")
    stage.facts(
        [
            *facts,
            (
                "Statement",
                f"{len(proven.statement.rows):,} rows, {proven.statement.bit_count:,} bits for each account",
            ),
            ("Proof", f"{proven.proof_bytes:,} bytes for {leaves:,} leaves"),
        ]
    )
    stage.blank()
    stage.result(f"PROVEN that the capital of all {leaves:,} leaves covers their Expected Shortfall.")
    scene.risk.sections.append(
        RiskSection(
            "Capital for the worst days",
            text,
            proven_line(
                "Capital",
                f"each account of a trading firm is worth at least its Expected Shortfall over the {returns} days of "
                "prices in loss-market.json, and charges",
                findings,
            ),
            losses_figure(picture),
            f"What {picture.account}, the sub-account with the largest requirement, would gain or lose in each day of "
            f"the history. The Expected Shortfall is the mean of the worst {_percent()}, which are {picture.tail:g} "
            "days: the red ones, and part of the one at the Value at Risk where that is no whole number.",
            facts,
            findings,
            tuple(stage.commands[first:]),
            {
                "accounts": count,
                "returns": returns,
                "rows": len(proven.statement.rows),
                "bits_per_account": proven.statement.bit_count,
                "proof_bytes": proven.proof_bytes,
            },
        )
    )


def _size(scene: Scene, count: int) -> str:
    """How small the books are, and why."""
    if scene.engine.name != "native":
        return (
            f", which are small as the reference backend is slow: {count} accounts, and {REFERENCE_RETURNS} days of "
            f"prices where natively there are {RETURNS}"
        )
    less = f" and not of {scene.options.accounts:,}, so that all of it takes seconds"
    return f", of {count} accounts each{less if count < scene.options.accounts else ''}"


def _percent() -> str:
    return f"{float(100 - 100 * LEVEL):g} %"


def _write_markets(scene: Scene, desk: Desk) -> None:
    """Snapshot and closes, and what the two commands make of them."""
    stage, space = scene.stage, scene.space.risk.desk
    stage.command(
        "sealedbook", "market", "history", space.closes, "--step", "day", "--quote", QUOTE, "--origin", ORIGIN,
        "--market", space.market, "--out", space.with_history,
    )  # fmt: skip
    stage.command(
        "sealedbook", "market", "risk-array", space.with_history, "--model", space.loss_model,
        "--assets", space.assets, "--out", space.loss_market,
    )  # fmt: skip
    space.market.write_bytes(MarketDocument(desk.snapshot).to_bytes())
    write_private(space.closes, desk.closes_csv().encode())
    space.with_history.write_bytes(replace(desk.loss_market, risk_array=None).to_bytes())
    space.loss_model.write_bytes(desk.loss_model)
    space.loss_market.write_bytes(desk.loss_market.to_bytes())


def _picture(desk: Desk) -> LossPicture:
    """Of the sub-account with the largest requirement; `DemoFailedError` if definition and model disagree."""
    book, array = desk.book, desk.loss_market.risk_array
    result = loss_definition(desk.returns).evaluator(book.assets.assets, desk.loss_market)(book.positions())
    if array is None or not result.sufficient.all():
        raise DemoFailedError("an account of the trading firm has less capital than its Expected Shortfall")
    places = [place for place, name in enumerate(book.ids) if name != OVERLAY]
    chosen = max(places, key=lambda place: int(result.requirement[place]))
    account = book.accounts[chosen]
    losses = account_losses(array, account)
    value_at_risk, shortfall = tail_of(losses)
    charges = _charges(desk.snapshot, book, account)
    required = int(result.requirement[chosen]) / _UNIT
    if abs(required - shortfall - charges) > _TOLERANCE:
        raise DemoFailedError(
            f"the model requires {required:.2f} of {book.ids[chosen]}, and its losses say {shortfall + charges:.2f}"
        )
    capital = int(result.equity[chosen]) / _UNIT
    level = f"{float(100 * LEVEL):g} %"
    tail = float((1 - LEVEL) * len(losses))
    return LossPicture(
        book.ids[chosen], losses, tail, value_at_risk, shortfall, required - shortfall, capital, level
    )


def account_losses(array: RiskArray, account: Account) -> list[float]:
    """Of every day, in whole USDT; negative for a gain."""
    return [
        -sum(int(row[column]) * amount for column, amount in account.items()) / 10**array.scale
        for row in array.profits
    ]


def tail_of(losses: list[float]) -> tuple[float, float]:
    """Value at Risk and Expected Shortfall at `LEVEL`, by their definitions, at least 0."""
    tail = (1 - Fraction(LEVEL)) * len(losses)
    whole = floor(tail)
    ordered = sorted(losses, reverse=True)
    part = float(tail - whole) * ordered[whole]
    return max(0.0, ordered[whole]), max(0.0, (sum(ordered[:whole]) + part) / float(tail))


def _charges(snapshot: MarketSnapshot, book: SmallBook, account: Account) -> float:
    """5 basis points of the gross value of perpetuals, 10 of the notional of options."""
    total = 0.0
    for column, amount in account.items():
        asset = book.assets[column]
        instrument = snapshot.instrument(asset.id)
        size = abs(amount) / 10**asset.decimals
        if isinstance(instrument, Contract):
            total += 0.0005 * size * float(instrument.mark)
        elif isinstance(instrument, Option):
            point = snapshot.underlying(instrument.underlying).point(instrument.expiry)
            total += 0.001 * size * (float(point.forward) if point else 0.0)
    return total
