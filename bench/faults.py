"""Faults: publishers and services killed at random moments, again and again, and what is left each time.

Every round publishes another bundle. While that goes on, the service or the publisher is killed (SIGKILL) after a
random time; then the service is started again and the same command finishes the publication. After every round

    the log has grown by exactly the bundles that were published, and contains all that it contained    (L1 to L11)
    the bundle that comes back over HTTP is, byte for byte, the one that went in                        (B1 to B6)
    nothing is left behind in the staging area

or the round counts as failed. Rounds are seeded; the moments of kills depend on the machine.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench.figures import Figure, print_figures
from bench.synthetic import write_synthetic_book
from primitives.backends import get_backend
from primitives.errors import SealedbookError
from prover.book.store import Book
from prover.commit import seal_book
from prover.vault import Vault
from sealedbook.attestation_client import AttestationClient, fetch_bundle
from sealedbook.demo.service import DemoService
from verifier.log_monitor import MonitorState, observe

_SEED: Final = 11
_ACCOUNTS: Final = 20_000
_LONGEST_LIFE: Final = 6.0
"""Seconds: the whole of a publication takes less."""
_PATIENCE: Final = 120.0
_MAX_BYTES: Final = 1 << 30


@dataclass
class Tally:
    """What happened."""

    kills: int = 0
    failures: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)


def run(*, as_json: bool, quick: bool) -> None:
    """All figures of faults."""
    rounds = 1 if quick else 25
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="sealedbook-faults-") as name:
        folder = Path(name)
        bundles, issuer_key = _seal_bundles(folder, rounds, 200 if quick else _ACCOUNTS)
        service = DemoService(folder / "service")
        service.prepare(issuer_key, folder / "vault")
        _all_rounds(service, bundles, issuer_key, folder, tally, 1.5 if quick else _LONGEST_LIFE)
    recoveries = sorted(tally.recoveries)
    print_figures(
        "faults",
        [
            Figure("publications", rounds, "", note="each killed while under way, then done again"),
            Figure("kills of service or publisher", tally.kills, ""),
            Figure("rounds that left something wrong", len(tally.failures), "", 0, note="; ".join(tally.failures)),
            Figure("from the last kill to published, median", recoveries[len(recoveries) // 2], "s"),
            Figure("from the last kill to published, longest", recoveries[-1], "s"),
        ],
        as_json=as_json,
    )  # fmt: skip
    if tally.failures:
        raise SystemExit(1)


def _seal_bundles(folder: Path, count: int, accounts: int) -> tuple[list[Path], bytes]:
    """Bundles of one book, an hour apart, by one issuer."""
    write_synthetic_book(folder / "book", accounts)
    vault, book = Vault.create(folder / "vault", "bench", None), Book.open(folder / "book")
    first = datetime(2026, 1, 31, tzinfo=UTC)
    bundles = [folder / f"bundle-{number}" for number in range(count)]
    for number, bundle in enumerate(bundles):
        moment = first + timedelta(hours=number)
        result = seal_book(book, bundle=bundle, vault=vault, backend=get_backend("native"), as_of=moment)
    return bundles, result.book.public_key


def _all_rounds(
    service: DemoService, bundles: list[Path], issuer_key: bytes, folder: Path, tally: Tally, life: float
) -> None:
    choice = random.Random(_SEED)
    state: MonitorState | None = None
    for number, bundle in enumerate(bundles):
        for _ in range(choice.randrange(1, 4)):
            _kill_one(service, bundle, choice, choice.uniform(0.05, life))
            tally.kills += 1
        start = time.perf_counter()
        try:
            with service.running("native") as url:
                _publish(service, bundle, url).wait(_PATIENCE)
                tally.recoveries.append(time.perf_counter() - start)
                state = _check_round(service, url, bundle, issuer_key, folder / f"fetched-{number}", state)
                if state.contents.size != number + 1:
                    raise SealedbookError(f"{state.contents.size} entries after {number + 1} publications")
            _check_nothing_left(service)
        except (SealedbookError, subprocess.TimeoutExpired, OSError) as error:
            tally.failures.append(f"round {number}: {error}")


def _kill_one(service: DemoService, bundle: Path, choice: random.Random, seconds: float) -> None:
    """Start both, and kill one of them, chosen by `choice`, after so many seconds; the other ends as it likes."""
    with service.running("native", killed=choice.random() < 0.5) as url:
        publisher = _publish(service, bundle, url)
        with_publisher = choice.random() < 0.5
        try:
            publisher.wait(seconds)
        except subprocess.TimeoutExpired:
            if with_publisher:
                os.kill(publisher.pid, signal.SIGKILL)
    if publisher.poll() is None:
        publisher.kill()
    publisher.wait()


def _publish(service: DemoService, bundle: Path, url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sealedbook", "publish", str(bundle), "--service", url]
    return subprocess.Popen(
        [*command, "--credential-file", str(service.credential)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _check_round(
    service: DemoService, url: str, bundle: Path, issuer_key: bytes, out: Path, state: MonitorState | None
) -> MonitorState:
    """What is published is what was sealed, and the log only grew; the monitor's new state."""
    with AttestationClient(url) as client:
        seen = observe(client, service.policy, state, now=int(time.time()))
        if seen.conflicts:
            raise SealedbookError(seen.conflicts[0].detail)
        fetch_bundle(client, "latest", out, issuer_key=issuer_key, max_bytes=_MAX_BYTES, report=_silent)
    for path in bundle.rglob("*"):
        if path.is_file() and path.read_bytes() != (out / path.relative_to(bundle)).read_bytes():
            raise SealedbookError(f"{path.name} came back otherwise")
    return seen.state


def _check_nothing_left(service: DemoService) -> None:
    staging = service.folder / "data" / "staging"
    left = [path.name for path in staging.iterdir() if path.is_dir()] if staging.is_dir() else []
    if left:
        raise SealedbookError(f"staging still holds {', '.join(left)}")


def _silent(stage: str, done: int, total: int) -> None:
    del stage, done, total
