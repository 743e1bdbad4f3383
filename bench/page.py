"""Times of the check page in Chromium: an opening and a certificate, from pressing Check to the verdict.

    python -m bench.page [--runs N] [--height N]

Prints JSON. The first run of each includes starting the worker and its generators; it is given apart, as it is what a
holder waits for. Targets: an opening below 0.5 s, a certificate below 2 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from playwright.sync_api import Browser, sync_playwright

from primitives.assets import AssetList
from primitives.backend import Backend
from primitives.backends import get_backend
from prover.book.store import Book, BookWriter
from prover.certificate import make_certificate
from prover.commit import seal_book
from prover.openings import make_opening
from prover.vault import Vault

WEB: Final = Path(__file__).resolve().parent.parent / "web"
CHROMIUM: Final = "/usr/bin/chromium"
TARGET_SECONDS: Final = {"opening": 0.5, "certificate": 2.0}
ACCOUNT: Final = "alice"
ASSETS: Final = AssetList.of([("BTC", 8), ("ETH", 9), ("USDT", 6)])
AMOUNTS: Final = (150_000_000, 7_000_000_003, 2_500_750_000)
MODEL: Final = b'{"format": "sealedbook/model/v1", "kind": "net-value-at-least", "value": "100000"}'
MARKET: Final = json.dumps(
    {
        "format": "sealedbook/prices/v1",
        "as_of": "2026-01-31T00:00:00Z",
        "quote": "USDT",
        "scale": 9,
        "prices": [
            {"asset": asset, "price": price}
            for asset, price in (("BTC", "65000.1"), ("ETH", "3000"), ("USDT", "1"))
        ],
    }
).encode()
_PATIENCE: Final = 120_000


def measure_page(*, runs: int = 5, height: int = 12) -> dict[str, Any]:
    """Seconds for an opening and for a certificate of net value, with a bundle of ``2^height`` leaves.

    Per kind: `first` (fresh page), `median` and `worst` of `runs` more on the same page, `verifier` (median that the
    verifier itself took), `target`.
    """
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        page = _build(folder / "page")
        files = _seal(folder, get_backend(), 1 << height)
        arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        results: dict[str, Any] = {
            kind: _measure(browser, page, files["bundle"], files[kind], runs) | {"target": target}
            for kind, target in TARGET_SECONDS.items()
        }
        results["page"] = {"bytes": page.stat().st_size, "chromium": browser.version, "leaves": 1 << height}
        browser.close()
    return results


def _build(folder: Path) -> Path:
    if not (WEB / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=WEB, check=True, capture_output=True)
    command = ["npm", "run", "build", "--", "--outDir", str(folder), "--emptyOutDir"]
    subprocess.run(command, cwd=WEB, check=True, capture_output=True)
    return folder / "index.html"


def _seal(folder: Path, backend: Backend, leaves: int) -> dict[str, Path]:
    vault = Vault.create(folder / "vault", "Bench Exchange", None)
    bundle = folder / "bundle"
    result = seal_book(
        _write_book(folder / "book"),
        bundle=bundle,
        vault=vault,
        backend=backend,
        as_of=datetime(2026, 1, 31, tzinfo=UTC),
        minimum_leaves=leaves,
    )
    opening = make_opening(vault.open_book(result.digest, None), ACCOUNT, backend)
    certificate = make_certificate(opening, backend, model=MODEL, market=MARKET)
    files = {"opening": folder / "opening.json", "certificate": folder / "certificate.json", "bundle": bundle}
    files["opening"].write_bytes(opening.to_bytes())
    files["certificate"].write_bytes(certificate.to_bytes())
    return files


def _write_book(folder: Path) -> Book:
    folder.mkdir(mode=0o700)
    writer = BookWriter(folder, ASSETS)
    columns = pa.array(range(len(AMOUNTS)), pa.int32())
    writer.add_part(
        pa.table({"account": [ACCOUNT], "positions": pa.array([len(AMOUNTS)], pa.int32())}),
        pa.table(
            {
                "account": pa.array([ACCOUNT] * len(AMOUNTS), pa.string()),
                "asset": columns,
                "amount": pa.array(AMOUNTS, pa.int64()),
            }
        ),
    )
    writer.finish({"kind": "bench"})
    return Book.open(folder)


def _measure(browser: Browser, page_file: Path, bundle: Path, file: Path, runs: int) -> dict[str, float]:
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(_PATIENCE)
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.get_by_label("Choose a folder", exact=True).set_input_files(bundle)
    page.get_by_label("Choose files", exact=True).set_input_files(file)
    if file.stem == "opening":
        page.get_by_label("Your account id").fill(ACCOUNT)
    times, inside = [], []
    for _ in range(runs + 1):
        page.evaluate("performance.clearMeasures('check')")
        page.get_by_role("button", name="Check", exact=True).click()
        page.locator(".verdict-accepted").wait_for()
        times.append(page.evaluate("performance.getEntriesByName('check')[0].duration") / 1000)
        inside.append(float(page.locator(".verdict").get_attribute("data-milliseconds") or "nan") / 1000)
    context.close()
    return {
        "first": round(times[0], 3),
        "median": round(statistics.median(times[1:]), 3),
        "worst": round(max(times), 3),
        "verifier": round(statistics.median(inside[1:]), 3),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description="Time the check page in Chromium.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--height", type=int, default=12)
    chosen = parser.parse_args()
    print(json.dumps(measure_page(runs=chosen.runs, height=chosen.height), indent=2))


if __name__ == "__main__":
    main()
