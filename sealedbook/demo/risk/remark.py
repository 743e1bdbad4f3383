"""New prices: the same commitments, the claim proven again at another market."""

from __future__ import annotations

import time
from typing import Final

from prover.prove_book import StatementFailsError, prove_book
from prover.remark import remark_claims
from prover.secret_file import write_private
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.risk.capital import account_count
from sealedbook.demo.risk.figures.utilisation import utilisation_figure
from sealedbook.demo.risk.record import RiskSection, of_claim, proven_line
from sealedbook.demo.risk.sealing import import_and_seal, open_account, secrets_of
from sealedbook.demo.risk.venue import CRASH, DROP, NOON, TRIGGER, Venue, make_venue, margin_model, moves
from sealedbook.demo.scene import Scene
from sealedbook.output import ExitCode
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.claims import ExpectedDocuments
from verifier.opening import verify_opening_in_bundle
from verifier.report import bundle_report

CLAIM: Final = "margin"
_TEXT: Final = (
    "The second book is a venue's for perpetual futures: its customers, and a market maker on the other side. At noon "
    "it is sealed, and proven is that every account has its maintenance margin.",
    "At three o'clock prices have fallen. Nothing is sealed again: the same commitments, the same openings, the same "
    "model, and a new proof at the new prices. It reveals nothing that the first one did not.",
)


def prove_and_remark(scene: Scene) -> None:
    """Sealed and proven at noon, marked to the market of three o'clock."""
    stage, space = scene.stage, scene.space.risk.venue
    first = len(stage.commands)
    scene.risk.venue = venue = make_venue(account_count(scene), scene.options.seed)
    for moment, path in ((NOON, space.noon), (DROP, space.drop), (CRASH, space.crash)):
        path.write_bytes(moment.document())
    space.margin.write_bytes(margin_model())
    _check(venue)
    stage.say(_TEXT[0])
    stage.blank()
    start = time.perf_counter()
    import_and_seal(scene, space, venue.book)
    _prove(scene)
    sealed = time.perf_counter() - start
    digest = scene.book_digest(space.bundle)
    _open(scene)
    stage.blank()
    stage.say(_TEXT[1])
    stage.blank()
    stage.command("sealedbook", "remark", space.bundle, "--vault", scene.space.vault, "--market", space.drop)
    start = time.perf_counter()
    with stage.working("Marking to the new market") as bars:
        (marked,) = remark_claims(
            space.bundle,
            secrets_of(scene, space.bundle),
            scene.vault.issuer(None),
            scene.engine,
            market=DROP.document(),
            progress=bars,
        )
    taken = time.perf_counter() - start
    verified = _verify(scene)
    if verified.attestation.book.digest() != digest:
        raise DemoFailedError("marking to a new market changed the sealed book")
    stage.say(f"The opening that {venue.called} got before is still good:")
    _check_opening(scene)
    stage.blank()
    facts = tuple((coin, f"{old} to {new} ({change})") for coin, old, new, change in moves(NOON, DROP))
    before, after = venue.utilisation(venue.noon), venue.utilisation(venue.drop)
    stage.say("For the desk alone:", style="bold")
    stage.facts(
        [
            *facts,
            (
                "Most used margin",
                f"{100 * max(before):.0f} % of equity, now {100 * max(after):.0f} %",
            ),
            ("Time", f"{taken:.2f} s; importing, sealing and proving took {sealed:.2f} s"),
        ]
    )
    leaves = verified.attestation.book.leaf_count
    findings = of_claim(bundle_report(verified).findings, CLAIM)
    stage.blank()
    stage.result(f"PROVEN again for all {leaves:,} leaves: enough margin at the prices of three o'clock.")
    scene.risk.sections.append(
        RiskSection(
            "New prices",
            _TEXT,
            proven_line(
                "New prices",
                "each account of a venue has its maintenance margin at the prices of three o'clock, under the same "
                "commitments as at noon",
                findings,
            ),
            utilisation_figure(before, after, moves(NOON, DROP), float(TRIGGER)),
            "Accounts with positions, by how much of their equity they use as maintenance margin. The proof says of "
            "the blue bars only that none of them is beyond the right edge.",
            (("Accounts with positions", f"{len(after):,}"),
             ("Most used", f"{100 * max(after):.1f} % of equity, by {venue.called}")),
            findings,
            tuple(stage.commands[first:]),
            {
                "accounts": len(venue.book.ids),
                "rows": len(marked.statement.rows),
                "bits_per_account": marked.statement.bit_count,
                "proof_bytes": marked.proof_bytes,
                "same_book": True,
            },
        )
    )  # fmt: skip


def refuse_crash(scene: Scene) -> int:
    """At crash prices the claim cannot be made; returns how many accounts stand in its way."""
    stage, space = scene.stage, scene.space.risk.venue
    stage.command(
        "sealedbook", "remark", space.bundle, "--vault", scene.space.vault, "--market", space.crash,
        exit_code=ExitCode.REFUSED_INPUT,
    )  # fmt: skip
    try:
        remark_claims(
            space.bundle,
            secrets_of(scene, space.bundle),
            scene.vault.issuer(None),
            scene.engine,
            market=CRASH.document(),
        )
    except StatementFailsError as error:
        return error.count
    raise DemoFailedError("accounts without margin were proven to have it")


def _check(venue: Venue) -> None:
    """The story: everybody has margin at noon and after the drop, and one account is beyond its buffer then."""
    for name, result in (("noon", venue.noon), ("the drop", venue.drop)):
        if not result.sufficient.all():
            raise DemoFailedError(f"an account of the venue is short of margin at {name}")
    calls = [sum(use > TRIGGER for use in venue.utilisation(each)) for each in (venue.noon, venue.drop)]
    if calls != [0, 1]:
        raise DemoFailedError(
            f"{calls[0]} accounts are to be topped up at noon and {calls[1]} after the drop"
        )


def _prove(scene: Scene) -> None:
    stage, space = scene.stage, scene.space.risk.venue
    stage.command(
        "sealedbook", "prove", space.bundle, "--vault", scene.space.vault,
        "--model", space.margin, "--market", space.noon, "--name", CLAIM,
    )  # fmt: skip
    with stage.working("Proving") as bars:
        prove_book(
            space.bundle,
            secrets_of(scene, space.bundle),
            scene.vault.issuer(None),
            scene.engine,
            model=margin_model(),
            market=NOON.document(),
            name=CLAIM,
            progress=bars,
        )


def _open(scene: Scene) -> None:
    stage, space, account = scene.stage, scene.space.risk.venue, scene.risk.venue.called
    stage.command(
        "sealedbook",
        "open",
        space.bundle,
        "--vault",
        scene.space.vault,
        "--account",
        account,
        "--out",
        space.opening,
    )
    scene.risk.opening = open_account(scene, space.bundle, account)
    write_private(space.opening, scene.risk.opening.to_bytes())


def _check_opening(scene: Scene) -> None:
    stage, space, account = scene.stage, scene.space.risk.venue, scene.risk.venue.called
    stage.command(
        "sealedbook", "check", space.opening, "--account", account, "--bundle", space.bundle,
        "--issuer-key", scene.issuer_key_file,
    )  # fmt: skip
    verify_opening_in_bundle(
        space.opening.read_bytes(), account, space.bundle, scene.engine, issuer_key=scene.issuer_key
    )


def _verify(scene: Scene) -> VerifiedBundle:
    stage, space = scene.stage, scene.space.risk.venue
    stage.command(
        "sealedbook", "verify", space.bundle, "--issuer-key", scene.issuer_key_file,
        "--model", space.margin, "--market", space.drop,
    )  # fmt: skip
    with stage.working("Verifying"):
        return verify_bundle(
            space.bundle,
            scene.engine,
            issuer_key=scene.issuer_key,
            expected=ExpectedDocuments(margin_model(), DROP.document()),
        )
