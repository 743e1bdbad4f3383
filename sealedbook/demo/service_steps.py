"""What the exchange publishes through a service, and what people who trust it with nothing get from there."""

from __future__ import annotations

import time
from typing import Final

from prover.secret_file import write_private
from sealedbook.attestation_client import AttestationClient, fetch_bundle
from sealedbook.commands.monitor_command import Watch
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.scene import Scene
from sealedbook.demo.service import DemoService
from sealedbook.publishing_client import PublishingClient
from sealedbook.service_check import check_opening, check_service
from sealedbook.service_client import ServiceClient
from verifier.bundle import verify_bundle
from verifier.claims import ExpectedDocuments

MAX_OPENING: Final = 1 << 20
_MAX_BUNDLE: Final = 16 << 30
_OPENING_PATH: Final = "/v1/me/opening"


def serve_and_check(scene: Scene) -> None:
    """Publish to a service, and use it as a holder and as an auditor would."""
    stage, space = scene.stage, scene.space
    service = DemoService(space.service)
    stage.say(
        "People look where it is convenient, so the exchange runs a service: the bundle, inclusion paths, a page "
        "for holders, and an append-only log of all that was ever published. Nobody has to trust it. The "
        "service starts now, on this machine, and is stopped at the end of this step."
    )
    service.prepare(scene.issuer_key, space.vault)
    with service.running(scene.engine.name) as url:
        started = time.perf_counter()
        _publish(scene, service, url)
        _as_outsider(scene, service, url)
        _as_auditor(scene, url)
        _as_holder(scene, service, url)
        _as_monitor(scene, service, url)
        stage.blank()
        stage.say(f"The service answered for {time.perf_counter() - started:.1f} s and is stopped.")
    stage.say("To keep one up, with the page for holders and an opening at hand: make serve", style="bold")


def _publish(scene: Scene, service: DemoService, url: str) -> None:
    stage, space = scene.stage, scene.space
    stage.blank()
    stage.say(
        "The exchange publishes. The service verifies the whole bundle before anybody sees it, and puts its "
        "digest into the log in the same transaction:"
    )
    stage.command(
        "sealedbook", "publish", space.bundle, "--service", url, "--credential-file", service.credential
    )
    credential = service.credential.read_text(encoding="ascii").strip()
    with stage.working("Publishing") as bars, PublishingClient(url, credential) as client:
        status = client.publish(space.bundle, bars)
    if status.log_index is None:
        raise DemoFailedError("the service published the bundle without a place in the log")
    stage.result(f"PUBLISHED attestation {status.id}, entry {status.log_index} of the log")


def _as_outsider(scene: Scene, service: DemoService, url: str) -> None:
    stage = scene.stage
    stage.blank()
    stage.say("Anybody, with the two public keys alone: is the latest attestation signed, and in the log?")
    stage.command(
        "sealedbook", "check", url, "--log-key", service.log_public_key, "--issuer-key", scene.issuer_key_file
    )
    with AttestationClient(url) as client:
        checked = check_service(client, service.policy, issuer_key=scene.issuer_key)
    stage.result(f"ACCEPTED signed, and entry {checked.log_index} of the {checked.log_size} in the log")


def _as_auditor(scene: Scene, url: str) -> None:
    stage, space = scene.stage, scene.space
    stage.blank()
    stage.say("An auditor fetches the bundle and verifies it at home:")
    stage.command("sealedbook", "fetch", url, "--out", space.fetched, "--issuer-key", scene.issuer_key_file)
    stage.command(
        "sealedbook", "verify", space.fetched, "--issuer-key", scene.issuer_key_file,
        "--model", space.model, "--market", space.market,
        "--model", space.margin_model, "--market", space.margin_market,
    )  # fmt: skip
    margin = ExpectedDocuments(space.margin_model.read_bytes(), space.margin_market.read_bytes())
    with stage.working("Fetching and verifying") as bars, AttestationClient(url) as client:
        fetch_bundle(
            client, "latest", space.fetched, issuer_key=scene.issuer_key, max_bytes=_MAX_BUNDLE, report=bars
        )
        verified = verify_bundle(
            space.fetched,
            scene.engine,
            issuer_key=scene.issuer_key,
            expected=ExpectedDocuments(space.model.read_bytes(), space.market.read_bytes(), (margin,)),
            progress=bars,
        )
    if verified.signed.digest != scene.verified.signed.digest:
        raise DemoFailedError("the service serves another attestation than was published")
    stage.result(f"ACCEPTED the same attestation: {verified.signed.digest.hex()}")


def _as_holder(scene: Scene, service: DemoService, url: str) -> None:
    stage, space = scene.stage, scene.space
    account = scene.opened[0].account
    stage.blank()
    stage.say(
        f"{account}, signed in at the exchange, fetches the opening with a token that its login made for this "
        "account alone, and checks it without telling the service which leaf it is:"
    )
    stage.command(
        "sealedbook", "check", space.fetched_opening, "--account", account, "--service", url,
        "--log-key", service.log_public_key, "--issuer-key", scene.issuer_key_file,
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {service.token(account)}"}
    with ServiceClient(url, headers=headers) as holder:
        data = holder.get(_OPENING_PATH, {"attestation": "latest"}, maximum=MAX_OPENING)
    write_private(space.fetched_opening, data)
    with AttestationClient(url) as client:
        verified, place = check_opening(
            client, service.policy, data, account, scene.engine, issuer_key=scene.issuer_key
        )
    if verified.opening != scene.opened[0]:
        raise DemoFailedError("the service gave another opening than the exchange made")
    stage.result(
        f"ACCEPTED leaf {verified.opening.leaf_index:,}, in the book that is entry {place.log_index} of the log"
    )


def _as_monitor(scene: Scene, service: DemoService, url: str) -> None:
    stage, space = scene.stage, scene.space
    stage.blank()
    stage.say("A monitor remembers what it saw; were the log ever to take something back, it would show:")
    stage.command(
        "sealedbook",
        "monitor",
        url,
        "--log-key",
        service.log_public_key,
        "--state",
        space.monitor_state,
        "--once",
    )
    with AttestationClient(url) as source:
        watch = Watch(source, service.policy, space.monitor_state, None, None)
        watch.look()
        seen = watch.look()
    if seen.conflicts or seen.previous_size != seen.state.checkpoint.size:
        raise DemoFailedError("the log of the demonstration contradicts itself")
    stage.result(f"CONSISTENT {seen.state.checkpoint.size} entry, seen twice, nothing taken back")
