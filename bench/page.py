"""Times of the check page in Chromium: an opening and certificates, from pressing Check to the verdict.

    python -m bench.page [--runs N] [--height N]

Prints JSON. The first run of each includes starting the worker and its generators; it is given apart, as it is what a
holder waits for. Targets: an opening below 0.5 s, a certificate below 2 s, of a margin model too. The margin model is
Deribit's, of the example: 172 rows, 17,377 bits.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from playwright.sync_api import Browser, sync_playwright

from circuits.claim_statement import compile_claim
from circuits.prices import scaled_decimal
from circuits.rows import Scope
from primitives.assets import AssetList, parse_assets_json
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.opening import Opening
from prover.book.store import Book, BookWriter
from prover.certificate import make_certificate
from prover.commit import seal_book
from prover.openings import make_opening
from prover.vault import Vault

WEB: Final = Path(__file__).resolve().parent.parent / "web"
CHROMIUM: Final = "/usr/bin/chromium"
ROOT: Final = WEB.parent
TARGET_SECONDS: Final = {"opening": 0.5, "certificate": 2.0, "margin certificate": 2.0}
MARGIN: Final = ROOT / "examples" / "models" / "deribit-cross-portfolio-margin"
MARGIN_ACCOUNT: Final = "hedged"
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
    """Seconds for an opening and for certificates of net value and of margin, with bundles of ``2^height`` leaves.

    Per kind: `first` (fresh page), `median` and `worst` of `runs` more on the same page, `verifier` (median that the
    verifier itself took), `target`.
    """
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        page = _build(folder / "page")
        cases = _cases(folder, get_backend(), 1 << height)
        arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        results: dict[str, Any] = {
            kind: _measure(browser, page, cases[kind], runs) | {"target": target}
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


@dataclass(frozen=True)
class Case:
    """What is added to the page: a bundle and files; `account` is typed where there is an opening."""

    bundle: Path
    files: tuple[Path, ...]
    account: str | None = None


def _cases(folder: Path, backend: Backend, leaves: int) -> dict[str, Case]:
    book = _write_book(folder / "book", ASSETS, dict(enumerate(AMOUNTS)))
    opening, bundle = _seal(book, folder / "simple", backend, leaves)
    files = {
        "opening.json": opening.to_bytes(),
        "certificate.json": make_certificate(opening, backend, model=MODEL, market=MARKET).to_bytes(),
    }
    listed = parse_assets_json((MARGIN / "assets.json").read_bytes())
    book = _write_book(folder / "margin-book", listed, _margin_positions(listed))
    margin_opening, margin_bundle = _seal(book, folder / "margin", backend, leaves)
    model, market = ((MARGIN / name).read_bytes() for name in ("model.json", "market.json"))
    assets = margin_opening.book.assets
    statement = compile_claim(model, market, assets, scope=Scope.ACCOUNT)
    margin = make_certificate(margin_opening, backend, model=model, market=market)
    files |= {"margin.json": margin.to_bytes(), "statement.bin": statement.canonical_bytes()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {
        "opening": Case(bundle, (folder / "opening.json",), ACCOUNT),
        "certificate": Case(bundle, (folder / "certificate.json",)),
        "margin certificate": Case(margin_bundle, (folder / "margin.json", folder / "statement.bin")),
    }


def _seal(book: Book, folder: Path, backend: Backend, leaves: int) -> tuple[Opening, Path]:
    """The opening of the account, and the bundle."""
    folder.mkdir()
    vault = Vault.create(folder / "vault", "Bench Exchange", None)
    result = seal_book(
        book,
        bundle=folder / "bundle",
        vault=vault,
        backend=backend,
        as_of=datetime(2026, 1, 31, tzinfo=UTC),
        minimum_leaves=leaves,
    )
    return make_opening(vault.open_book(result.digest, None), ACCOUNT, backend), folder / "bundle"


def _margin_positions(assets: AssetList) -> dict[int, int]:
    """What `MARGIN_ACCOUNT` holds, in base units by place of the asset."""
    places = {asset.id: place for place, asset in enumerate(assets)}
    with (MARGIN / "book.csv").open(newline="", encoding="utf-8") as file:
        held = [row for row in csv.DictReader(file) if row["account"] == MARGIN_ACCOUNT]
    return {
        places[row["asset"]]: scaled_decimal(row["amount"], assets[places[row["asset"]]].decimals)
        for row in held
    }


def _write_book(folder: Path, assets: AssetList, positions: dict[int, int]) -> Book:
    folder.mkdir(mode=0o700)
    writer = BookWriter(folder, assets)
    columns, amounts = zip(*sorted(positions.items()), strict=True)
    writer.add_part(
        pa.table({"account": [ACCOUNT], "positions": pa.array([len(amounts)], pa.int32())}),
        pa.table(
            {
                "account": pa.array([ACCOUNT] * len(amounts), pa.string()),
                "asset": pa.array(columns, pa.int32()),
                "amount": pa.array(amounts, pa.int64()),
            }
        ),
    )
    writer.finish({"kind": "bench"})
    return Book.open(folder)


def _measure(browser: Browser, page_file: Path, case: Case, runs: int) -> dict[str, float]:
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(_PATIENCE)
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.get_by_label("Choose a folder", exact=True).set_input_files(case.bundle)
    page.get_by_label("Choose files", exact=True).set_input_files(case.files)
    if case.account is not None:
        page.get_by_label("Your account id").fill(case.account)
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
