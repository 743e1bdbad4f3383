"""A top-up: the smallest amount that brings an account back to its target, computed and proven."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from primitives.amounts_text import format_amount, plain_amount
from prover.book import Book
from prover.certificate import make_certificate
from prover.certificate_refusal import CertificateRefusedError
from prover.rebalancing.rebalance import AccountTable, Rebalancing, rebalance, write_rebalancing
from prover.top_up import TopUpRequest, make_top_up
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.risk.figures.buffer import BufferLine, buffer_figure
from sealedbook.demo.risk.record import RiskSection, proven_line
from sealedbook.demo.risk.venue import (
    CASH,
    DROP,
    NOON,
    SCALE,
    TARGET,
    TRIGGER,
    WALLET,
    Venue,
    evaluate,
    margin_model,
    policy,
)
from sealedbook.demo.scene import Scene
from sealedbook.output import ExitCode
from verifier.certificate import ExpectedTerms
from verifier.claims import ExpectedDocuments
from verifier.top_up import VerifiedTopUp, verify_top_up_in_bundle
from verifier.top_up_report import top_up_report

_UNIT: Final = 10**SCALE


def top_up(scene: Scene) -> None:
    """One account is called after the drop, and pays from its wallet."""
    stage, space, venue = scene.stage, scene.space.risk.venue, scene.risk.venue
    first = len(stage.commands)
    text = (
        f"Enough margin is not enough for the desk: an account that uses more than {_percent(TRIGGER)} of its equity "
        f"as margin is called, and has to come back to {_percent(TARGET)}. After the drop that is one account. What is "
        f"the least that it has to move from its wallet to its margin account?",
        "The amount is computed exactly, in millionths of a USDT, and proven: the sealed account, with so much more of "
        "one column and so much less of the other, has its buffer, and with one millionth less it has not. No position "
        "is shown; but that less is not enough tells which tier and which side of zero each position is on, so the "
        "account's holder decides whether to show it (--smallest).",
    )
    for paragraph in text:
        stage.say(paragraph)
        stage.blank()
    space.policy.write_bytes(policy())
    stage.command(
        "sealedbook", "margin", "rebalance", space.book, "--model", space.margin, "--policy", space.policy,
        "--market", space.drop, "--out", space.transfers,
    )  # fmt: skip
    result = rebalance(
        AccountTable.of_book(Book.open(space.book)),
        scene.engine,
        policy=policy(),
        model=margin_model(),
        market=DROP.document(),
    )
    write_rebalancing(result, space.transfers)
    amount = _amount(result, venue)
    text_amount = format_amount(amount, SCALE)
    stage.result(f"COMPUTED {venue.called} is called, and needs {text_amount} {CASH}; nobody else is.")
    space.buffer.write_bytes(result.target)
    stage.blank()
    stage.say("Before the top-up, a certificate of the buffer cannot be made:")
    _refused_before(scene, result.target)
    stage.blank()
    stage.say("With the top-up it can:")
    verified = _certify(scene, result, amount)
    findings = tuple(top_up_report(verified).findings)
    size = len(verified.certificate.to_bytes())
    facts = (
        ("Account", venue.called),
        ("Smallest top-up", f"{text_amount} {CASH}, from its column {WALLET}"),
    )
    stage.result(f"PROVEN in {size:,} bytes: {text_amount} {CASH} is enough, and a millionth less is not.")
    stage.say("That it was booked is not proven: the next sealed book shows that.")
    scene.risk.sections.append(
        RiskSection(
            "A top-up",
            text,
            proven_line(
                "Top-up",
                f"an account of the venue, with {text_amount} {CASH} more in one column and less in another, would use "
                f"at most {_percent(TARGET)} of its equity as margin, and with a millionth less it would use more",
                findings,
            ),
            buffer_figure(_lines(venue, amount), float(TRIGGER), float(TARGET)),
            f"{venue.called} at three moments. After the drop its equity is below the mark at which accounts are "
            "called; with the top-up it stands exactly at the target. Each mark is the equity "
            "of which margin is the part given.",
            facts,
            findings,
            tuple(stage.commands[first:]),
            {
                "bytes": size,
                "amount": plain_amount(amount, SCALE),
                "smallest": verified.terms.minimal is not None,
            },
        )
    )


def _percent(part: Fraction) -> str:
    return f"{100 * float(part):g} %"


def _amount(result: Rebalancing, venue: Venue) -> int:
    """In base units; `DemoFailedError` unless the one account is restored by the smallest amount."""
    made = [each for each in result.plan.transfers if each.amounts.any()]
    place = result.table.places[venue.called]
    if [result.table.ids[called] for called in result.plan.called.nonzero()[0]] != [venue.called]:
        raise DemoFailedError("other accounts are called than the one that the desk expects")
    if len(made) != 1 or not (result.plan.restored[place] and result.plan.is_smallest[place]) or result.fails:
        raise DemoFailedError("the top-up does not restore the account, or is not the smallest")
    amount = int(made[0].amounts[place])
    _check_by_hand(venue, amount)
    return amount


def _check_by_hand(venue: Venue, amount: int) -> None:
    """Requirement over equity is at most the target with the amount, and more with one unit less."""
    cash = venue.book.assets.index(CASH)
    account = venue.book.accounts[venue.book.ids.index(venue.called)]
    tried = [{**account, cash: account.get(cash, 0) + each} for each in (amount, amount - 1)]
    after = evaluate(tried, DROP)
    restored, less = (
        int(required) <= TARGET * int(equity)
        for required, equity in zip(after.requirement.tolist(), after.equity.tolist(), strict=True)
    )
    if not restored or less:
        raise DemoFailedError("the top-up is not the smallest that restores the account")


def _refused_before(scene: Scene, target: bytes) -> None:
    stage, space = scene.stage, scene.space.risk.venue
    stage.command(
        "sealedbook", "certify", space.opening, "--statement", space.buffer, "--market", space.drop,
        "--out", space.folder / "before.json", exit_code=ExitCode.REFUSED_INPUT,
    )  # fmt: skip
    try:
        make_certificate(scene.risk.opening, scene.engine, model=target, market=DROP.document())
    except CertificateRefusedError as error:
        stage.block(str(error))
        return
    raise DemoFailedError("an account without its buffer was certified to have it")


def _certify(scene: Scene, result: Rebalancing, amount: int) -> VerifiedTopUp:
    stage, space = scene.stage, scene.space.risk.venue
    stage.command(
        "sealedbook", "certify-top-up", space.opening, "--statement", space.margin, "--market", space.drop,
        "--policy", space.policy, "--smallest", "--out", space.top_up,
    )  # fmt: skip
    with stage.working("Proving"):
        certificate = make_top_up(
            scene.risk.opening,
            scene.engine,
            TopUpRequest(CASH, amount, taken_from=WALLET, minimal_step=1),
            model=result.target,
            market=DROP.document(),
        )
    data = certificate.to_bytes()
    space.top_up.write_bytes(data)
    stage.command(
        "sealedbook", "verify-top-up", space.top_up, "--bundle", space.bundle, "--issuer-key", scene.issuer_key_file,
        "--statement", space.buffer, "--market", space.drop,
    )  # fmt: skip
    verified = verify_top_up_in_bundle(
        data,
        space.bundle,
        scene.engine,
        issuer_key=scene.issuer_key,
        expected=ExpectedTerms(None, ExpectedDocuments(result.target, DROP.document())),
    )
    if verified.terms.minimal is None:
        raise DemoFailedError("the certificate does not show that less is not enough")
    return verified


def _lines(venue: Venue, amount: int) -> list[BufferLine]:
    place = venue.book.ids.index(venue.called)

    def line(
        moment: str, detail: str, result_equity: int, required: int, added: int, verdict: str
    ) -> BufferLine:
        good = required <= TRIGGER * result_equity
        return BufferLine(
            moment, detail, result_equity / _UNIT, added / _UNIT, required / _UNIT, verdict, good
        )

    noon, drop = venue.noon, venue.drop
    before, required = int(drop.equity[place]), int(drop.requirement[place])
    bitcoin = [f"BTC at {moment.price('BTC'):,}" for moment in (NOON, DROP)]
    return [
        line(
            "Noon", bitcoin[0], int(noon.equity[place]), int(noon.requirement[place]), 0, "within its buffer"
        ),
        line("After the drop", bitcoin[1], before, required, 0, "enough margin, but called"),
        line("After the top-up", bitcoin[1], before + amount, required, amount, "back at the target"),
    ]
