"""A balanced book: net Greeks of the sum of all accounts, within what the firm promises."""

from __future__ import annotations

from typing import Final

from circuits.market.risk_array import Greek
from circuits.market.snapshot import Cash, Contract, Instrument, Option
from prover.book_claim import prove_book_claim
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.risk.capital import CLAIM as CAPITAL_CLAIM
from sealedbook.demo.risk.desk import LIMITS, Desk, greeks_of
from sealedbook.demo.risk.figures.greeks import GreekLine, greeks_figure
from sealedbook.demo.risk.record import RiskSection, of_claim, proven_line
from sealedbook.demo.risk.sealing import secrets_of
from sealedbook.demo.scene import Scene
from verifier.bundle import verify_bundle
from verifier.claims import ExpectedDocuments
from verifier.report import bundle_report

CLAIM: Final = "balance"
_UNITS: Final = {Greek.DELTA: "{coin}", Greek.GAMMA: "{coin} for each USDT", Greek.VEGA: "USDT for a point"}
_TEXT: Final = (
    "The same firm tells its investors that it bets on nothing: what all accounts hold together hardly moves with "
    "prices and volatilities. Nobody outside can see whether that is so, as the accounts are sealed. But the root of "
    "the tree commits to the sum of all accounts, and the proof is about that sum alone.",
    "Net delta and gamma of each coin, and net vega of each coin by expiry, lie within promised bands. No total "
    "becomes public, and no account. For a million accounts the proof would be hardly longer.",
)


def prove_balance(scene: Scene) -> None:
    """A second claim in the firm's bundle."""
    stage, space, desk = scene.stage, scene.space.risk.desk, scene.risk.desk
    first = len(stage.commands)
    for paragraph in _TEXT:
        stage.say(paragraph)
        stage.blank()
    documents = ("--model", space.greeks_model, "--market", space.greeks_market)
    capital = ("--model", space.loss_model, "--market", space.loss_market)
    space.greeks_model.write_bytes(desk.greeks_model)
    space.greeks_market.write_bytes(desk.greeks_market.to_bytes())
    lines = greek_lines(desk)
    if beyond := [line.name for line in lines if abs(line.net) > line.most]:
        raise DemoFailedError(f"the firm's book is beyond what it promises: {', '.join(beyond)}")
    stage.command(
        "sealedbook", "prove-book", space.bundle, "--vault", scene.space.vault, *documents, "--name", CLAIM
    )
    with stage.working("Proving") as bars:
        proven = prove_book_claim(
            space.bundle,
            secrets_of(scene, space.bundle),
            scene.vault.issuer(None),
            scene.engine,
            model=desk.greeks_model,
            market=desk.greeks_market.to_bytes(),
            name=CLAIM,
            progress=bars,
        )
    stage.command(
        "sealedbook", "verify", space.bundle, "--issuer-key", scene.issuer_key_file, *capital, *documents
    )
    balance = ExpectedDocuments(desk.greeks_model, desk.greeks_market.to_bytes())
    with stage.working("Verifying"):
        verified = verify_bundle(
            space.bundle,
            scene.engine,
            issuer_key=scene.issuer_key,
            expected=ExpectedDocuments(desk.loss_model, desk.loss_market.to_bytes(), (balance,)),
        )
    if [claim.claim.name for claim in verified.claims] != [CAPITAL_CLAIM] or len(verified.books) != 1:
        raise DemoFailedError("the firm's bundle has other claims than were proven")
    findings = of_claim(bundle_report(verified).findings, CLAIM)
    facts = tuple(
        (line.name, f"net {line.text(line.net)}, of {line.text(line.long)} and {line.text(-line.short)}")
        for line in lines
    )
    stage.blank()
    stage.say("For the desk alone:", style="bold")
    stage.facts([*facts, ("Proof", f"{proven.proof_bytes:,} bytes about the sum of all accounts")])
    stage.blank()
    stage.result(f"PROVEN {len(lines)} net Greeks of the whole book within their bands.")
    scene.risk.sections.append(
        RiskSection(
            "A balanced book",
            _TEXT,
            proven_line(
                "Balanced book",
                f"of all sealed accounts of the trading firm together, {len(lines)} net Greeks lie within the bands of "
                f"{space.greeks_model.name}",
                findings,
            ),
            greeks_figure(lines),
            "Left, the Greeks of all positions of all accounts, added up by side; the green band is the promise on the "
            "same scale. Right, the net and the band, enlarged. The dots and bars are the desk's secret; the bands are "
            "what everybody may know. A point is one percentage point of volatility.",
            (),
            findings,
            tuple(stage.commands[first:]),
            {
                "limits": len(lines),
                "rows": len(proven.compiled.statement.rows),
                "bits": proven.compiled.statement.bit_count,
                "proof_bytes": proven.proof_bytes,
            },
        )
    )


def greek_lines(desk: Desk) -> list[GreekLine]:
    """Each limit with what all accounts hold of it, computed from the accounts themselves."""
    book = desk.book
    rows = {row.greek: row for row in greeks_of(book.assets, desk.snapshot).greeks}
    instruments = [desk.snapshot.instrument(asset.id) for asset in book.assets]
    lines = []
    for name, greek, coin, expiries, most in LIMITS:
        row = rows[greek]
        members = [
            column
            for column, instrument in enumerate(instruments)
            if _is_member(desk, instrument, coin, expiries)
        ]
        parts = [
            int(row.entries[column]) * account.get(column, 0)
            for account in book.accounts
            for column in members
        ]
        unit = 10**row.scale
        _, _, places = most.partition(".")
        lines.append(
            GreekLine(
                name,
                _UNITS[greek].format(coin=coin),
                sum(part for part in parts if part > 0) / unit,
                -sum(part for part in parts if part < 0) / unit,
                sum(parts) / unit,
                float(most),
                {Greek.GAMMA: len(places) + 2, Greek.DELTA: 2}.get(greek, 0),
            )
        )
    return lines


def _is_member(desk: Desk, instrument: Instrument, coin: str, expiries: object) -> bool:
    if isinstance(instrument, Cash) or instrument.underlying != coin:
        return False
    if not isinstance(expiries, dict):
        return True
    if not isinstance(instrument, Option | Contract) or instrument.expiry is None:
        return False
    days = (instrument.expiry - desk.snapshot.as_of).total_seconds() / 86_400
    return days <= int(expiries.get("to_days", 10**6)) and days > int(expiries.get("after_days", -1))
