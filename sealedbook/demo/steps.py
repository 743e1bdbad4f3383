"""The steps of the demonstration, in order."""

from __future__ import annotations

from typing import Final

from sealedbook.demo.auditor_steps import audit
from sealedbook.demo.cheating import ATTEMPT_GROUPS, PrivateRefusal, run_attempt
from sealedbook.demo.closing import closing_findings
from sealedbook.demo.exchange_steps import make_and_import, prove_accounts, prove_margin, prove_reserves, seal
from sealedbook.demo.holder_steps import certify, check_inclusion
from sealedbook.demo.risk.balance import prove_balance
from sealedbook.demo.risk.capital import prove_capital
from sealedbook.demo.risk.insurance import insure
from sealedbook.demo.risk.page import write_page
from sealedbook.demo.risk.remark import prove_and_remark
from sealedbook.demo.risk.top_up import top_up
from sealedbook.demo.scene import Scene, Step
from sealedbook.demo.service_steps import serve_and_check


def cheat(scene: Scene) -> None:
    """What cheating looks like. Works on copies."""
    stage = scene.stage
    stage.say(
        "A check that never says no is worth nothing. Each attempt works on a copy, and the demonstration "
        "fails loudly if one of them is not refused by the very check that is named."
    )
    number = 0
    for title, attempts in ATTEMPT_GROUPS:
        stage.blank()
        stage.say(title, style="bold")
        for attempt in attempts:
            number += 1
            stage.blank()
            stage.say(f"{number}. {attempt.story}")
            refusal = run_attempt(scene, attempt)
            scene.refusals.append(refusal)
            if isinstance(attempt.expected, PrivateRefusal):
                stage.say(f"The exchange alone is told why, in {attempt.units or attempt.expected.units}:")
                stage.block(refusal.detail)
            stage.result(f"REFUSED by {refusal.check} ({attempt.expected.title})", style="bold red")


def close(scene: Scene) -> None:
    """What has been shown, at its true level, and what not."""
    stage = scene.stage
    stage.say(
        "Every figure has a level, and none is rounded up. This is what you may repeat to others after this "
        "demonstration, and what not."
    )
    stage.blank()
    scene.findings = closing_findings(scene)
    stage.findings(scene.findings)


STEPS: Final = (
    Step("Make a book and import it", make_and_import),
    Step("Seal the book", seal),
    Step("Prove every account", prove_accounts),
    Step("Prove margin", prove_margin),
    Step("Prove that reserves cover what is owed", prove_reserves),
    Step("Verify it as an auditor", audit),
    Step("Check three accounts as their holders", check_inclusion),
    Step("Prove something about one account to a lender", certify),
    Step("Publish it to a service, and check through it", serve_and_check),
    Step("What cheating looks like", cheat),
    Step("A risk desk: capital for the worst days", prove_capital),
    Step("A risk desk: a balanced book", prove_balance),
    Step("A risk desk: new prices", prove_and_remark),
    Step("A risk desk: a top-up", top_up),
    Step("A risk desk: an insurance fund after a crash", insure),
    Step("A risk desk: all of it on one page", write_page),
    Step("What was shown, and what was not", close),
)
