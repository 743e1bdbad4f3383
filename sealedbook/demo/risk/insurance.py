"""After a crash: shortfalls become a column of the book, and the insurance fund covers their sum."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Final

from primitives.amounts_text import format_amount, plain_amount
from primitives.reserves import RESERVES_FORMAT
from primitives.strict_json import Json
from prover.book import Book
from prover.prove_book import prove_book
from prover.shortfalls import write_shortfalls
from prover.solvency import InsufficientReservesError, prove_solvency
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.market import QUOTE
from sealedbook.demo.risk.figures.shortfalls import shortfalls_figure
from sealedbook.demo.risk.record import RiskSection, of_claim, proven_line
from sealedbook.demo.risk.remark import refuse_crash
from sealedbook.demo.risk.sealing import seal, secrets_of
from sealedbook.demo.risk.venue import CRASH, DROP, SCALE, SHORT, SHORTFALL, Venue, insured_model, moves
from sealedbook.demo.scene import MOMENT, Scene
from sealedbook.output import ExitCode
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.claims import ExpectedDocuments
from verifier.report import bundle_report

CLAIM: Final = "insured"
FUND: Final = "fund"
_UNIT: Final = 10**SCALE
_TEXT: Final = (
    "At nine o'clock prices have crashed in one jump, and nothing was liquidated or topped up on the way: the book is "
    "still that of noon. Some accounts owe more than their collateral is worth. That every account has its margin "
    "cannot be proven any more, because it is not so.",
    "The honest statement is another one: what accounts owe beyond their collateral, together, is covered by the "
    "insurance fund. The venue writes each shortfall into a column of the book, as if it were an asset, and seals "
    "that. Proven of every account is that it is covered up to the shortfall stated for it; and of the column's sum, "
    "that the fund is no less.",
)


def insure(scene: Scene) -> None:
    """A book with shortfalls, and a fund that covers them."""
    stage, space, venue = scene.stage, scene.space.risk.venue, scene.risk.venue
    first = len(stage.commands)
    stage.say(_TEXT[0])
    stage.blank()
    failing = refuse_crash(scene)
    stage.result(f"REFUSED {failing:,} accounts are short of margin.", style="bold red")
    stage.blank()
    stage.say(_TEXT[1])
    stage.blank()
    shortfalls = _write_shortfalls(scene, venue)
    leaves = seal(scene, space.filled, space.filled_bundle)
    _prove(scene)
    total = sum(shortfalls)
    stage.blank()
    stage.say("A fund that is one millionth of a USDT too small covers nothing:")
    fund, most = round_up(total * 6 // 5, 2), -(-len(shortfalls) // 10) * 10
    space.small_fund.write_bytes(_fund(total - 1, most))
    space.fund.write_bytes(_fund(fund, most))
    _refuse_small_fund(scene)
    stage.blank()
    stage.say("The fund that the venue has:")
    _prove_fund(scene)
    verified = _verify(scene)
    findings = of_claim(bundle_report(verified).findings, CLAIM, FUND)
    crash = moves(DROP, CRASH)
    facts = (
        (
            "Prices since three",
            ", ".join(f"{coin} {old} to {new} ({change})" for coin, old, new, change in crash),
        ),
        ("Accounts short", f"{len(shortfalls)}; stated are no more than {most}"),
        ("Together", f"{format_amount(total, SCALE)} {QUOTE}"),
        ("Insurance fund", f"{format_amount(fund, SCALE)} {QUOTE}, as stated"),
    )
    stage.blank()
    stage.say("For the desk alone:", style="bold")
    stage.facts(facts)
    stage.blank()
    stage.result(f"PROVEN for all {leaves:,} leaves: what is owed beyond collateral is within the fund.")
    stage.say("That the fund exists is the venue's word: no chain was read.")
    scene.risk.sections.append(
        RiskSection(
            "An insurance fund after a crash",
            _TEXT,
            proven_line(
                "Insurance fund",
                "after the crash no account owes more beyond its collateral than the sealed column says, and the "
                "stated fund covers the column's sum",
                findings,
            ),
            shortfalls_figure([each / _UNIT for each in shortfalls], fund / _UNIT),
            "Each block is what one account owes beyond its collateral, and hidden; so is their sum. Everybody may "
            "know that it ends below the green line.",
            facts,
            findings,
            tuple(stage.commands[first:]),
            {"accounts_short_at_most": most, "fund": plain_amount(fund, SCALE), "margin_refused": True},
        )
    )


def round_up(amount: int, digits: int) -> int:
    """To so many significant digits."""
    unit = int(10 ** max(0, len(str(amount)) - digits))
    return -(-amount // unit) * unit


def _write_shortfalls(scene: Scene, venue: Venue) -> list[int]:
    """What accounts miss, from the accounts themselves; the column has to come to the same."""
    stage, space = scene.stage, scene.space.risk.venue
    space.insured.write_bytes(insured_model())
    stage.command(
        "sealedbook", "margin", "shortfalls", space.book, "--model", space.insured, "--market", space.crash,
        "--out", space.filled,
    )  # fmt: skip
    summary = write_shortfalls(
        Book.open(space.book), space.filled, model=insured_model(), market=CRASH.document()
    )
    shortfalls = [-equity for equity in venue.margins(CRASH).equity.tolist() if equity < 0]
    stated = (summary.short, Decimal(summary.total))
    if not shortfalls or stated != (len(shortfalls), Decimal(sum(shortfalls)).scaleb(-SCALE)):
        raise DemoFailedError(
            f"shortfalls of {stated[0]} accounts are stated, and {len(shortfalls)} are short"
        )
    return shortfalls


def _prove(scene: Scene) -> None:
    stage, space = scene.stage, scene.space.risk.venue
    stage.command(
        "sealedbook", "prove", space.filled_bundle, "--vault", scene.space.vault,
        "--model", space.insured, "--market", space.crash, "--name", CLAIM,
    )  # fmt: skip
    with stage.working("Proving") as bars:
        prove_book(
            space.filled_bundle,
            secrets_of(scene, space.filled_bundle),
            scene.vault.issuer(None),
            scene.engine,
            model=insured_model(),
            market=CRASH.document(),
            name=CLAIM,
            progress=bars,
        )


def _fund(total: int, most: int) -> bytes:
    """A reserves document of the two columns, which are no coins."""
    assets: list[Json] = [
        {"asset": SHORTFALL, "total": plain_amount(total, SCALE)},
        {"asset": SHORT, "total": str(most)},
    ]
    return (
        json.dumps({"format": RESERVES_FORMAT, "as_of": MOMENT, "assets": assets}, indent=1).encode() + b"\n"
    )


def _refuse_small_fund(scene: Scene) -> None:
    stage, space = scene.stage, scene.space.risk.venue
    stage.command(
        "sealedbook", "prove-solvency", space.filled_bundle, "--vault", scene.space.vault,
        "--reserves", space.small_fund, "--name", FUND, exit_code=ExitCode.REFUSED_INPUT,
    )  # fmt: skip
    try:
        _cover(scene, space.small_fund.read_bytes())
    except InsufficientReservesError as error:
        stage.block(str(error))
        return
    raise DemoFailedError("a fund that is too small was proven to cover all shortfalls")


def _prove_fund(scene: Scene) -> None:
    stage, space = scene.stage, scene.space.risk.venue
    stage.command(
        "sealedbook", "prove-solvency", space.filled_bundle, "--vault", scene.space.vault,
        "--reserves", space.fund, "--name", FUND,
    )  # fmt: skip
    _cover(scene, space.fund.read_bytes())


def _cover(scene: Scene, reserves: bytes) -> None:
    bundle = scene.space.risk.venue.filled_bundle
    prove_solvency(
        bundle,
        secrets_of(scene, bundle),
        scene.vault.issuer(None),
        scene.engine,
        reserves=reserves,
        name=FUND,
    )


def _verify(scene: Scene) -> VerifiedBundle:
    stage, space = scene.stage, scene.space.risk.venue
    stage.command(
        "sealedbook", "verify", space.filled_bundle, "--issuer-key", scene.issuer_key_file,
        "--model", space.insured, "--market", space.crash,
    )  # fmt: skip
    with stage.working("Verifying"):
        return verify_bundle(
            space.filled_bundle,
            scene.engine,
            issuer_key=scene.issuer_key,
            expected=ExpectedDocuments(insured_model(), CRASH.document()),
        )
