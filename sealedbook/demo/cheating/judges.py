"""Who judges an attempt: each runs what has to refuse it, and prints the command that does the same."""

from __future__ import annotations

from pathlib import Path

from prover.prove_book import prove_book
from prover.solvency import prove_solvency
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.scene import Scene
from sealedbook.output import ExitCode
from verifier.bundle import verify_bundle
from verifier.certificate import ExpectedTerms, verify_certificate_in_bundle
from verifier.checks import VerificationError
from verifier.opening import verify_opening_in_bundle

OTHER_AUDIENCE = "Second Lender, credit 9"


def as_auditor(scene: Scene, folder: Path, *, expected: ExitCode = ExitCode.REJECTED) -> None:
    """An auditor who knows the exchange's key verifies the bundle at `folder`."""
    words = ("sealedbook", "verify", folder, "--issuer-key", scene.issuer_key_file)
    scene.stage.command(*words, exit_code=expected)
    with scene.stage.working("Verifying") as bars:
        verify_bundle(folder, scene.engine, issuer_key=scene.issuer_key, progress=bars)


def as_holder(scene: Scene, opening: Path, bundle: Path) -> None:
    """The first of the three holders checks `opening` against `bundle`."""
    account = scene.opened[0].account
    scene.stage.command(
        "sealedbook", "check", opening, "--account", account, "--bundle", bundle,
        "--issuer-key", scene.issuer_key_file, exit_code=ExitCode.REJECTED,
    )  # fmt: skip
    verify_opening_in_bundle(opening.read_bytes(), account, bundle, scene.engine, issuer_key=scene.issuer_key)


def as_holder_of_shown_opening(scene: Scene, folder: Path) -> None:
    """The first holder checks the opening in `folder` against the true bundle."""
    as_holder(scene, folder / "opening.json", scene.space.bundle)


def as_auditor_then_left_out_holder(scene: Scene, folder: Path) -> None:
    """The auditor sees nothing wrong, and has to; the holder who was left out does."""
    bundle = folder / "bundle"
    try:
        as_auditor(scene, bundle, expected=ExitCode.ACCEPTED)
    except VerificationError as error:
        raise DemoFailedError(f"a bundle without one account should be whole in itself: {error}") from error
    scene.stage.say("Accepted: nobody else can see that an account is missing. Its holder can:")
    as_holder(scene, scene.opening_file(scene.opened[0]), bundle)


def as_prover(scene: Scene, folder: Path) -> None:
    """The exchange proves its model about the bundle in `folder`."""
    space = scene.space
    _prove(scene, folder, space.model, space.market, "--model", space.model)


def as_prover_of_margin(scene: Scene, folder: Path) -> None:
    """The exchange proves its margin model about the bundle in `folder`."""
    model, market = scene.space.margin_model, scene.space.margin_market
    _prove(scene, folder, model, market, "--model", model, "--market", market)


def _prove(scene: Scene, folder: Path, model: Path, market: Path, *options: object) -> None:
    bundle = folder / "bundle"
    scene.stage.command(
        "sealedbook",
        "prove",
        bundle,
        "--vault",
        scene.space.vault,
        *options,
        exit_code=ExitCode.REFUSED_INPUT,
    )
    before = contents(bundle)
    digest = scene.book_digest(bundle)
    try:
        with scene.stage.working("Proving") as bars:
            prove_book(
                bundle,
                scene.vault.open_book(digest, None),
                scene.vault.issuer(None),
                scene.engine,
                model=model.read_bytes(),
                market=market.read_bytes(),
                progress=bars,
            )
    finally:
        _insist_unchanged(bundle, before)


def as_prover_of_reserves(scene: Scene, folder: Path) -> None:
    """The exchange proves the reserves in `folder` about the bundle there."""
    bundle, reserves = folder / "bundle", folder / "reserves.json"
    scene.stage.command(
        "sealedbook", "prove-solvency", bundle, "--vault", scene.space.vault, "--reserves", reserves,
        exit_code=ExitCode.REFUSED_INPUT,
    )  # fmt: skip
    before = contents(bundle)
    try:
        with scene.stage.working("Proving") as bars:
            prove_solvency(
                bundle,
                scene.vault.open_book(scene.book_digest(bundle), None),
                scene.vault.issuer(None),
                scene.engine,
                reserves=reserves.read_bytes(),
                progress=bars,
            )
    finally:
        _insist_unchanged(bundle, before)


def as_second_lender(scene: Scene, folder: Path) -> None:
    """Another lender than the one it was made for checks the certificate in `folder`, for itself."""
    path = folder / "certificate.json"
    scene.stage.command(
        "sealedbook", "verify-certificate", path, "--bundle", scene.space.bundle,
        "--issuer-key", scene.issuer_key_file, "--audience", OTHER_AUDIENCE, exit_code=ExitCode.REJECTED,
    )  # fmt: skip
    verify_certificate_in_bundle(
        path.read_bytes(),
        scene.space.bundle,
        scene.engine,
        issuer_key=scene.issuer_key,
        expected=ExpectedTerms(audience=OTHER_AUDIENCE),
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _insist_unchanged(bundle: Path, before: dict[str, bytes]) -> None:
    if contents(bundle) != before:
        raise DemoFailedError(f"{bundle} was changed although nothing could be proven")
