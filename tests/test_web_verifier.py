"""The verifier of the check page (web/), which shares no code with the one in Python: its tests, its types, its style,
and its agreement with statements and bundles that are made here."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from circuits.claim_statement import compile_claim
from circuits.rows import Scope
from primitives.assets import Asset
from primitives.errors import SealedbookError
from sealedbook.__main__ import app

ROOT: Final = Path(__file__).parent.parent
WEB: Final = ROOT / "web"
MARGIN: Final = ROOT / "examples" / "models" / "derive-standard-margin"
LIMITS: Final = ROOT / "examples" / "models" / "greeks-limits"
BALANCED: Final = ROOT / "examples" / "models" / "balanced-book"
MODELS: Final = 600

Document = dict[str, Any]

MODEL_ASSETS: Final = (Asset("BTC", 8), Asset("ETH", 8), Asset("USD", 2), Asset("X", 0))
PRICES: Final[Document] = {
    "format": "sealedbook/prices/v1",
    "as_of": "2026-01-31T00:00:00Z",
    "quote": "USD",
    "scale": 10,
    "prices": [
        {"asset": "BTC", "price": "65000.12"},
        {"asset": "ETH", "price": "3000.5"},
        {"asset": "USD", "price": "1"},
        {"asset": "X", "price": "0"},
        {"asset": "elsewhere", "price": "2"},
    ],
}
AMOUNTS: Final = (
    "0", "1", "-1", "-0.5", "1.5", "92233720368.54775807", "-92233720368.54775807", "92233720368.54775808",
    "0.00000001", "2.0", "-0", "1e3", "+1",
)  # fmt: skip
VALUES: Final = ("0", "100000", "-5", "0.0000000001", "0.00000000001", "-1000000", "9" * 40)


@pytest.fixture(scope="module")
def npm() -> str:
    """npm, with the packages of web/ installed as locked."""
    path = shutil.which("npm")
    if path is None:
        pytest.skip("NODE IS MISSING: the verifier of the check page (web/) was NOT tested")
    # Test processes side by side must not install at once.
    with (WEB / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (WEB / "node_modules" / ".bin" / "vitest").exists():
            subprocess.run([path, "ci"], cwd=WEB, check=True, capture_output=True, timeout=600)
    return path


def run(npm: str, *arguments: str, **environment: str) -> str:
    """What an npm script prints; it has to succeed."""
    result = subprocess.run(
        [npm, *arguments],
        cwd=WEB,
        env={**os.environ, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-4000:]
    return result.stdout


@pytest.mark.parametrize("script", ["typecheck", "lint", "test"])
def test_of_its_own(npm: str, script: str) -> None:
    run(npm, "run", script)


def test_agrees_on_what_is_made_here(npm: str, tmp_path: Path) -> None:
    write_models(tmp_path / "models.json")
    write_bundle(tmp_path)
    write_margin_bundle(tmp_path)
    write_balanced_bundle(tmp_path)
    write_following_bundle(tmp_path)
    report = tmp_path / "report.json"
    arguments = [
        "exec",
        "--",
        "vitest",
        "run",
        "tests/interop.test.ts",
        "--reporter=json",
        f"--outputFile={report}",
    ]
    run(npm, *arguments, SEALEDBOOK_INTEROP=str(tmp_path))
    counts = json.loads(report.read_text())
    assert counts["numPassedTests"] == counts["numTotalTests"] >= 11


def write_models(path: Path) -> None:
    """Random model documents, each with the canonical form of its statement, or none if it is refused."""
    rng = random.Random(20260131)
    cases = [_case(rng) for _ in range(MODELS)]
    assets = [{"id": asset.id, "decimals": asset.decimals} for asset in MODEL_ASSETS]
    path.write_text(json.dumps({"assets": assets, "cases": cases}))


def _case(rng: random.Random) -> Document:
    if rng.random() < 0.5:
        members: Document = {"kind": "all", "models": [_simple(rng) for _ in range(rng.randint(1, 4))]}
    else:
        members = _simple(rng)
    model = json.dumps({"format": "sealedbook/model/v1", **members})
    market = json.dumps(PRICES) if rng.random() < 0.7 else None
    scope = rng.choice([Scope.BOOK, Scope.ACCOUNT])
    return {
        "model": model,
        "market": market,
        "scope": scope.value,
        "canonical": _canonical(model, market, scope),
    }


def _canonical(model: str, market: str | None, scope: Scope) -> str | None:
    prices = market.encode() if market is not None else None
    try:
        return compile_claim(model.encode(), prices, MODEL_ASSETS, scope=scope).canonical_bytes().hex()
    except SealedbookError:
        return None


def _simple(rng: random.Random) -> Document:
    kind = rng.choice(["non-negative", "bounded", "net-value", "net-value-at-least", "at-least"])
    model: Document = {"kind": kind}
    if kind == "at-least":
        model |= {"asset": rng.choice(MODEL_ASSETS).id, "amount": rng.choice(AMOUNTS)}
    elif rng.random() < 0.5:
        model["assets"] = _ids(rng)
    if kind.startswith("net-value"):
        if rng.random() < 0.4:
            model["prices"] = _prices(rng)
        if rng.random() < 0.4:
            model["width"] = rng.choice([0, 1, 53, 80, 120, 121])
        if rng.random() < 0.3:
            model["positions"] = rng.choice(["bounded", "summed", "other"])
    if kind == "net-value-at-least":
        model["value"] = rng.choice(VALUES)
    if rng.random() < 0.02:
        model["unknown"] = 1
    return model


def _ids(rng: random.Random) -> list[str]:
    ids = [asset.id for asset in MODEL_ASSETS] + (["elsewhere"] if rng.random() < 0.1 else [])
    chosen = rng.sample(ids, rng.randint(0 if rng.random() < 0.1 else 1, len(ids)))
    return chosen + (chosen[:1] if rng.random() < 0.05 else [])


def _prices(rng: random.Random) -> Document:
    prices = ["1", "2", "0", "65000.12"] + (
        ["-1", "1.50", "1e3", "1" + "0" * 21] if rng.random() < 0.3 else []
    )
    return {
        "quote": rng.choice(["USD", "", "a b"]) if rng.random() < 0.2 else "USD",
        "scale": rng.choice([0, 8, 12, 36, 37]) if rng.random() < 0.4 else 10,
        "prices": [{"asset": asset, "price": rng.choice(prices)} for asset in _ids(rng)],
    }


def sealedbook(*arguments: object) -> None:
    """A command, which has to succeed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def write_bundle(folder: Path) -> None:
    """A bundle with claims of every kind, an opening, and the issuer's key."""
    vault, bundle = folder / "vault", folder / "bundle"
    book, assets = folder / "book.csv", folder / "assets.json"
    book.write_text("account,asset,amount\nalice,BTC,2\nalice,USDT,-500\nbob,BTC,1\nbob,USDT,1500\n")
    _write(
        assets,
        format="sealedbook/assets/v1",
        assets=[{"id": id_, "decimals": 8} for id_ in ("BTC", "ETH", "USDT")],
    )
    models = [{"kind": "net-value"}, {"kind": "non-negative", "assets": ["ETH"]}]
    _write(folder / "model.json", format="sealedbook/model/v1", kind="all", models=models)
    prices = [
        {"asset": id_, "price": price} for id_, price in (("BTC", "65000.5"), ("ETH", "3000"), ("USDT", "1"))
    ]
    _write(folder / "market.json", **{**PRICES, "quote": "USDT", "prices": prices})
    _write(
        folder / "reserves.json",
        format="sealedbook/reserves/v1",
        as_of="2026-01-31T00:00:00Z",
        assets=[
            {"asset": id_, "total": total} for id_, total in (("BTC", "3"), ("ETH", "0"), ("USDT", "1000.5"))
        ],
    )
    _seal(book, assets, bundle, vault)
    documents = ["--model", folder / "model.json", "--market", folder / "market.json"]
    sealedbook("prove", bundle, "--vault", vault, *documents)
    reserves = ["--vault", vault, "--reserves", folder / "reserves.json"]
    sealedbook("prove-solvency", bundle, *reserves, "--name", "hidden")
    sealedbook("prove-solvency", bundle, *reserves, "--name", "public", "--totals", "public")
    sealedbook("open", bundle, "--vault", vault, "--account", "alice", "--out", folder / "opening.json")
    shutil.copy(vault / "issuer.pub", folder / "issuer.pub")


def write_margin_bundle(folder: Path) -> None:
    """A bundle under a margin model, and the canonical form of its statement."""
    bundle, vault = folder / "margin", folder / "margin-vault"
    _seal(MARGIN / "book.csv", MARGIN / "assets.json", bundle, vault)
    documents = ["--model", MARGIN / "model.json", "--market", MARGIN / "market.json"]
    sealedbook("prove", bundle, "--vault", vault, *documents)
    book = json.loads((bundle / "attestation.json").read_text())["book"]
    assets = tuple(Asset(asset["id"], asset["decimals"]) for asset in book["assets"])
    model, market = ((bundle / name).read_bytes() for name in ("model.json", "market.json"))
    statement = compile_claim(model, market, assets, scope=Scope.BOOK)
    (folder / "margin.statement").write_bytes(statement.canonical_bytes())


def write_balanced_bundle(folder: Path) -> None:
    """A bundle with a claim about every account and one about the whole book, and their compiled statements."""
    bundle, vault = folder / "balanced", folder / "balanced-vault"
    _seal(LIMITS / "book.csv", LIMITS / "assets.json", bundle, vault)
    market = ["--market", BALANCED / "market.json"]
    sealedbook("prove", bundle, "--vault", vault, "--model", LIMITS / "model.json", *market)
    sealedbook("prove-book", bundle, "--vault", vault, "--model", BALANCED / "model.json", *market)
    for model, name in ((LIMITS, "balanced-accounts"), (BALANCED, "balanced")):
        out = ["--bundle", bundle, "--out", folder / f"{name}.statement"]
        sealedbook("model", "compile", model / "model.json", *market, *out)


def write_following_bundle(folder: Path) -> None:
    """A bundle that follows on the first one."""
    changes = folder / "changes.csv"
    changes.write_text("account,asset,amount\nbob,BTC,1\nbob,USDT,1400\n")
    imported = folder / "changes.book"
    sealedbook("import", changes, "--out", imported, "--assets", folder / "assets.json")
    updated = ["--changes", imported, "--out", folder / "follows", "--as-of", "2026-02-01T00:00:00Z"]
    sealedbook("update", folder / "bundle", "--vault", folder / "vault", *updated)


def _seal(book: Path, assets: Path, bundle: Path, vault: Path) -> None:
    imported = vault.with_suffix(".book")
    sealedbook("import", book, "--out", imported, "--assets", assets)
    as_of = "2026-01-31T00:00:00Z"
    sealedbook("commit", imported, "--out", bundle, "--vault", vault, "--issuer", "Example", "--as-of", as_of)


def _write(path: Path, **members: Any) -> None:
    path.write_text(json.dumps(members))
