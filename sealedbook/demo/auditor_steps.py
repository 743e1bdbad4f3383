"""What an auditor does: anybody can, with the bundle and the exchange's public key."""

from __future__ import annotations

from sealedbook.demo.scene import Scene
from verifier.bundle import verify_bundle
from verifier.claims import ExpectedDocuments
from verifier.report import bundle_report


def audit(scene: Scene) -> None:
    """What anybody can do with the bundle."""
    stage, space = scene.stage, scene.space
    stage.say(
        "An auditor has the bundle, and the exchange's public key from a place they trust. They compute the "
        "whole tree again from its leaves, make the statement again from model and prices, and check every "
        "proof. No account and no secret is needed. They read and agreed to model and prices before, and "
        "--model and --market insist on those."
    )
    stage.blank()
    stage.command(
        "sealedbook", "verify", space.bundle, "--issuer-key", scene.issuer_key_file,
        "--model", space.model, "--market", space.market,
        "--model", space.margin_model, "--market", space.margin_market,
    )  # fmt: skip
    margin = ExpectedDocuments(space.margin_model.read_bytes(), space.margin_market.read_bytes())
    with stage.working("Verifying") as bars:
        scene.verified = verify_bundle(
            space.bundle,
            scene.engine,
            issuer_key=scene.issuer_key,
            expected=ExpectedDocuments(space.model.read_bytes(), space.market.read_bytes(), (margin,)),
            progress=bars,
        )
    report = bundle_report(scene.verified)
    stage.blank()
    stage.result(f"ACCEPTED {report.verdict}")
    stage.blank()
    stage.findings(report.findings, shortened=True)
    stage.blank()
    stage.say("What ends in … is longer: the command shows it whole.", style="dim")
