"""Running the demonstration from beginning to end."""

from __future__ import annotations

from typing import Final

from primitives.backend import Backend
from primitives.strict_json import Json
from sealedbook.demo.scene import DemoOptions, Scene
from sealedbook.demo.stage import Stage
from sealedbook.demo.steps import STEPS
from sealedbook.demo.workspace import Workspace

DEFAULT_ACCOUNTS: Final = 10_000
REFERENCE_ACCOUNTS: Final = 50
"""What the reference backend seals, proves and verifies in some minutes."""

SUMMARY_FORMAT: Final = "sealedbook/demo/v1"


def default_accounts(engine: Backend) -> int:
    """How many accounts to make where nobody said."""
    return DEFAULT_ACCOUNTS if engine.name == "native" else REFERENCE_ACCOUNTS


def run_demo(options: DemoOptions, engine: Backend, stage: Stage) -> Scene:
    """All steps, in order.

    Raises `DemoFolderError` where the folder is not ours to fill, and `DemoFailedError` where a step does
    not show what it says, above all where an attempt to cheat is not refused.
    """
    scene = Scene(options, Workspace.prepare(options.out), stage, engine)
    _open(scene)
    for number, step in enumerate(STEPS, start=1):
        scene.perform(number, len(STEPS), step)
    _farewell(scene)
    return scene


def summary(scene: Scene) -> dict[str, Json]:
    """What happened, for programs."""
    book = scene.verified.attestation.book
    return {
        "format": SUMMARY_FORMAT,
        "result": "passed",
        "backend": scene.engine.name,
        "folder": str(scene.space.folder),
        "seed": scene.options.seed,
        "accounts": scene.options.accounts,
        "leaf_count": book.leaf_count,
        "book_digest": book.digest().hex(),
        "seconds": {title: f"{seconds:.3f}" for title, seconds in scene.seconds.items()},
        "accounts_proof": {
            "rows": len(scene.proven.statement.rows),
            "bits_per_account": scene.proven.statement.bit_count,
            "bytes": scene.proven.proof_bytes,
        },
        "margin_proof": {
            "rows": len(scene.margin.statement.rows),
            "bits_per_account": scene.margin.statement.bit_count,
            "bytes": scene.margin.proof_bytes,
        },
        "solvency_proof": {
            "assets": len(scene.covered.reserves.assets),
            "bytes": scene.covered.proof_bytes,
        },
        "certificate": {
            "bytes": len(scene.certificate.to_bytes()),
            "proof_bytes": len(scene.certificate.proof),
        },
        "checked_accounts": [opening.account for opening in scene.opened],
        "risk": {
            "page": str(scene.space.risk.report) if scene.space.risk.report.is_file() else None,
            "figures": [f"{section.figure.name}.svg" for section in scene.risk.sections],
            **{section.figure.name.replace("-", "_"): section.figures for section in scene.risk.sections},
        },
        "refusals": [
            {"attempt": refusal.attempt, "check": refusal.check, "detail": refusal.detail}
            for refusal in scene.refusals
        ],
        "findings": [
            {"subject": finding.subject, "text": finding.text, "level": finding.level.value}
            for finding in scene.findings
        ],
    }


def _open(scene: Scene) -> None:
    options, stage = scene.options, scene.stage
    stage.heading("sealedbook demo")
    stage.say(
        "An exchange seals its book and publishes it without showing it, proves that every account is solvent and has "
        "enough margin, and that reserves cover what is owed, and lets everybody check; a risk desk then goes through "
        "its day. All it makes goes into one folder; the commands shown do the same by hand."
    )
    stage.blank()
    pace = "" if scene.engine.name == "native" else (
        f"; slow and readable, so {REFERENCE_ACCOUNTS:,} accounts unless you ask for more"
    )  # fmt: skip
    stage.facts(
        [
            ("Accounts", f"{options.accounts:,}, made up from seed {options.seed}"),
            ("Backend", scene.engine.name + pace),
            ("Folder", str(scene.space.folder)),
        ]
    )


def _farewell(scene: Scene) -> None:
    stage, total = scene.stage, sum(scene.seconds.values())
    stage.blank()
    stage.result(
        f"PASSED {len(scene.checked)} accounts checked, {len(scene.refusals)} attempts to cheat refused, "
        f"{total:.1f} s in all."
    )
    if scene.space.risk.report.is_file():
        stage.say(f"The risk desk's page, with five figures: {scene.space.risk.report}", style="bold")
    stage.say(
        f"Everything is in {scene.space.folder}; run the demonstration again to make it anew. "
        "To seal a book of your own, read README.md."
    )
