"""Books under models that the check page does not compile, with the compiled statements that it takes instead."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from certificate_support import AUDIENCE
from Crypto.PublicKey import ECC
from scenario_model_support import EXAMPLES, load_example
from sealing_support import ACCOUNTS, AS_OF, ASSETS, Sealed, fastest_backend, seal, write_book

from circuits.book_statement import compile_book
from circuits.claim_statement import compile_claim
from circuits.rows import Scope
from circuits.statement import Statement, parse_canonical
from primitives.assets import AssetList
from primitives.market_signatures import MarketSignatures, sign_market
from prover.book_claim import prove_book_claim
from prover.certificate import make_certificate
from prover.prove_book import prove_book
from prover.update import update_book


@dataclass(frozen=True)
class MarginCase:
    """A book with a claim of the kind about every account, a certificate of one account, and both statements."""

    kind: str
    sealed: Sealed
    certificate: bytes
    account_statement: bytes
    book_statement: bytes


@dataclass(frozen=True)
class BalancedCase:
    """A book with claims about every account and about the whole of it, its market signed, and their statements."""

    sealed: Sealed
    statements: tuple[bytes, ...]


def margin_case(folder: Path, example: str, account: str) -> MarginCase:
    """The example of a margin model."""
    sealed = _seal_example(folder, example)
    model, market = _document(example, "model"), _document(example, "market")
    _prove(sealed, model, market, None)
    made = make_certificate(
        sealed.opening(account), sealed.backend, model=model, market=market, audience=AUDIENCE
    )
    assets = sealed.result.book.assets
    of_account, of_book = (
        compile_claim(model, market, assets, scope=scope).canonical_bytes()
        for scope in (Scope.ACCOUNT, Scope.BOOK)
    )
    return MarginCase(json.loads(model)["kind"], sealed, made.to_bytes(), of_account, of_book)


def balanced_case(folder: Path) -> BalancedCase:
    """The example of limits on Greeks, and of a balanced book."""
    sealed = _seal_example(folder, "greeks-limits")
    limits, model = _document("greeks-limits", "model"), _document("balanced-book", "model")
    market = _document("balanced-book", "market")
    signed = sign_market(market, ECC.generate(curve="Ed25519"), "Example Index")
    signatures = MarketSignatures((signed,)).to_bytes()
    _prove(sealed, limits, market, signatures)
    prove_book_claim(
        sealed.bundle,
        sealed.vault.open_book(sealed.result.digest, None),
        sealed.issuer,
        sealed.backend,
        model=model,
        market=market,
        signatures=signatures,
    )
    book = sealed.result.book
    statements = (
        compile_claim(limits, market, book.assets),
        compile_book(model, market, book.assets, book.leaf_count).statement,
    )
    return BalancedCase(sealed, tuple(statement.canonical_bytes() for statement in statements))


def following_bundle(sealed: Sealed) -> Path:
    """A bundle of the book that follows `sealed`, a day later."""
    one = dict(list(ACCOUNTS.items())[:1])
    update_book(
        sealed.bundle,
        sealed.vault,
        write_book(sealed.folder / "changes", one, ASSETS, {}),
        out=sealed.folder / "next",
        backend=sealed.backend,
        as_of=AS_OF + timedelta(days=1),
    )
    return sealed.folder / "next"


def with_another_row(canonical: bytes) -> bytes:
    """The canonical form of a statement whose first row is off by one."""
    parsed = parse_canonical(canonical, scope=Scope.ACCOUNT)
    first, *others = parsed.rows
    rows = (replace(first, constant=first.constant + 1), *others)
    return Statement(parsed.assets, rows, parsed.auxiliaries, scope=Scope.ACCOUNT).canonical_bytes()


def _document(kind: str, name: str) -> bytes:
    return (EXAMPLES / kind / f"{name}.json").read_bytes()


def _seal_example(folder: Path, kind: str) -> Sealed:
    case, book = load_example(kind)
    ids = [asset.id for asset in case.assets]
    accounts = {
        name: {asset: amount for asset, amount in zip(ids, held, strict=True) if amount}
        for name, held in book.items()
    }
    return seal(folder, fastest_backend(), accounts, AssetList(case.assets), {})


def _prove(sealed: Sealed, model: bytes, market: bytes, signatures: bytes | None) -> None:
    book = sealed.vault.open_book(sealed.result.digest, None)
    prove_book(
        sealed.bundle,
        book,
        sealed.issuer,
        sealed.backend,
        model=model,
        market=market,
        signatures=signatures,
        workers=1,
    )
