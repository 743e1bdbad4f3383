"""The service: inclusion paths under load, memory, publishing; and the check page in a browser.

A real service (`sealedbook serve`, one process) with a book of 10^6 leaves that was published over HTTP; the load comes
from a second process on loopback.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from bench.figures import Figure, print_figures, run_child
from bench.synthetic import write_synthetic_book
from primitives.backends import get_backend
from sealedbook.demo.service import HOST, DemoService
from sealedbook.publishing_client import PublishingClient

_ACCOUNTS: Final = 1_000_000
_QUICK_ACCOUNTS: Final = 1_000
_REQUESTS_PER_SECOND: Final = 1000.0
_RATE: Final = 300.0
_P99_MILLISECONDS: Final = 20.0
_GROWTH: Final = 1.05


def run(*, as_json: bool, quick: bool) -> None:
    """All figures of the service."""
    figures = _service_figures(_QUICK_ACCOUNTS if quick else _ACCOUNTS, 2.0 if quick else 15.0)
    figures += _page_figures(quick=quick)
    print_figures("api", figures, as_json=as_json)


def _service_figures(accounts: int, seconds: float) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="sealedbook-bench-") as name:
        folder = Path(name)
        leaves, digest_key = _seal(folder, accounts)
        service = DemoService(folder / "service")
        service.prepare(digest_key, folder / "vault")
        with service.running("native") as url:
            start = time.perf_counter()
            with PublishingClient(url, service.credential.read_text(encoding="ascii").strip()) as client:
                digest = client.publish(folder / "bundle", _silent).id
            published = time.perf_counter() - start
            prefix = f"/v1/attestations/{digest}/paths/"
            port = url.rpartition(":")[2]
            process = _process_listening(service)
            _load(port, prefix, leaves, seconds / 5, rate=0.0)
            before = _resident_megabytes(process)
            fastest = _load(port, prefix, leaves, seconds, rate=0.0)
            steady = _load(port, prefix, leaves, seconds, rate=_RATE)
            after = _resident_megabytes(process)
    note = f"{leaves:,} leaves, one worker, client in a second process"
    return [
        Figure(f"book of {leaves:,} leaves published", published, "s", note="uploaded, verified, logged"),
        Figure("inclusion paths", fastest["requests_per_second"], "/s", _REQUESTS_PER_SECOND, "higher", note=note),
        Figure(f"inclusion path at {_RATE:g}/s, median", steady["median_ms"], "ms"),
        Figure(f"inclusion path at {_RATE:g}/s, 99 %", steady["p99_ms"], "ms", _P99_MILLISECONDS),
        Figure(f"inclusion path at {_RATE:g}/s, slowest", steady["largest_ms"], "ms"),
        Figure("memory of the worker under load, of what it was before", after / before, "x", _GROWTH,
               note=f"{after:.0f} MB, the mapped tree included"),
    ]  # fmt: skip


def _seal(folder: Path, accounts: int) -> tuple[int, bytes]:
    """A sealed book below `folder`: number of leaves, issuer's key."""
    from prover.book.store import Book
    from prover.commit import seal_book
    from prover.vault import Vault

    write_synthetic_book(folder / "book", accounts)
    vault = Vault.create(folder / "vault", "bench", None)
    result = seal_book(
        Book.open(folder / "book"), bundle=folder / "bundle", vault=vault, backend=get_backend("native")
    )
    return result.book.leaf_count, result.book.public_key


def _silent(stage: str, done: int, total: int) -> None:
    del stage, done, total


def _load(port: str, prefix: str, count: int, seconds: float, *, rate: float) -> dict[str, float]:
    arguments = [
        "bench.http_load",
        HOST,
        port,
        prefix,
        str(count),
        "--seconds",
        str(seconds),
        "--rate",
        str(rate),
    ]
    return {name: float(str(value)) for name, value in run_child(arguments).items()}


def _process_listening(service: DemoService) -> int:
    """The service's process: the one whose command line names its settings."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(service.settings).encode() in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:
            continue
    raise RuntimeError("the service's process is not found below /proc")


def _resident_megabytes(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1e3
    raise RuntimeError("no resident size in /proc")


def _page_figures(*, quick: bool) -> list[Figure]:
    from bench.page import TARGET_SECONDS, measure_page

    measured = measure_page(runs=1 if quick else 5, height=4 if quick else 12)
    note = (
        f"Chromium, {measured['page']['leaves']:,} leaves, from Check to the verdict, the first on a new page"
    )
    return [
        Figure(f"{kind} checked in the page", measured[kind]["first"], "s", target, note=note)
        for kind, target in TARGET_SECONDS.items()
    ]
