"""A sealed book of four leaves with perpetuals, made from fixed secrets, for the tests of top-ups.

The account "pair" is the worked example of docs/rebalancing.md: 400,000 USDT, short 100 BTC from 69,500, long 1,500 ETH
from 3,450, marked at 73,500 and 3,500: equity 75,000, maintenance margin 103,100.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from sealing_support import fastest_backend

from primitives.account_tag import account_tag
from primitives.assets import Asset
from primitives.attestation import SealedBook
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.generators import Generators
from primitives.opening import Opening, Position
from primitives.parameters import GROUP_ORDER
from primitives.sum_tree import SumNode, leaf_hash, node_hash
from primitives.top_up import TopUpCertificate
from prover.top_up import TopUpRandomness, TopUpRequest, make_top_up
from verifier.certificate import ExpectedTerms
from verifier.opening import TrustedRoot
from verifier.top_up import VerifiedTopUp, verify_top_up_against_root

EXAMPLE: Final = Path(__file__).resolve().parent.parent / "examples" / "models" / "linear-perpetuals-cross"
USDT: Final = Asset("USDT", 6)
WALLET: Final = Asset("wallet USDT", 6)
ASSETS: Final = (USDT, Asset("entry cost", 6), Asset("BTCUSDT", 5), Asset("ETHUSDT", 4), WALLET)
LEAVES: Final[tuple[tuple[str, Mapping[str, int]], ...]] = (
    ("fund", {"USDT": 1_000_000_000_000}),
    ("", {}),
    (
        "pair",
        {
            "USDT": 400_000_000_000,
            "entry cost": 1_775_000_000_000,
            "BTCUSDT": -10_000_000,
            "ETHUSDT": 15_000_000,
            "wallet USDT": 60_000_000_000,
        },
    ),
    ("poor", {"USDT": 1_000_000}),
)
TOP_UP: Final = 39_555_555_556
"""The smallest amount after which ``9 E >= 10 MM``."""
AUDIENCE: Final = "Clearing AG, call 2026-11"
SEED: Final = TopUpRandomness(bytes(range(0x20, 0x40)))


def inner_model() -> dict[str, Any]:
    """The example's model, with a wallet that counts nothing."""
    document: dict[str, Any] = json.loads((EXAMPLE / "model.json").read_bytes())
    document["uncounted"] = [WALLET.id]
    return document


def target_model(ratio: Fraction = Fraction(10, 9)) -> bytes:
    """Equity is so many times the maintenance margin; 10/9 where the margin ratio is at most 90 %."""
    inner = {name: value for name, value in inner_model().items() if name != "format"}
    return json.dumps(
        {
            "format": "sealedbook/model/v1",
            "kind": "capital-adequacy",
            "version": 1,
            "margin": inner,
            "numerator": ratio.numerator,
            "denominator": ratio.denominator,
        }
    ).encode()


def market(bitcoin: str = "73500", ether: str = "3500") -> bytes:
    """The example's market at other prices."""
    document: dict[str, Any] = json.loads((EXAMPLE / "market.json").read_bytes())
    for underlying, price in (("BTC", bitcoin), ("ETH", ether)):
        for entry in document["underlyings"]:
            if entry["id"] == underlying:
                entry["index"] = price
        for entry in document["instruments"]:
            if entry.get("underlying") == underlying:
                entry["mark"] = price
    return json.dumps(document).encode()


MODEL: Final = target_model()
MARKET: Final = market()


def opening_of(account: str, backend: Backend, issuer: str = "Example Exchange") -> Opening:
    """The opening of an account of the book that `issuer` sealed (another issuer, another book)."""
    return _openings(backend.name, issuer)[account]


@functools.cache
def _openings(backend_name: str, issuer: str) -> dict[str, Opening]:
    backend = get_backend(backend_name)
    salts = [_secret(issuer, "salt", leaf)[:32] for leaf in range(len(LEAVES))]
    blindings = [
        int.from_bytes(_secret(issuer, "blinding", leaf), "big") % GROUP_ORDER for leaf in range(len(LEAVES))
    ]
    tags = [account_tag(salt, account) for salt, (account, _) in zip(salts, LEAVES, strict=True)]
    commitments = [
        commit(backend, [amounts.get(asset.id, 0) for asset in ASSETS], blinding)
        for (_, amounts), blinding in zip(LEAVES, blindings, strict=True)
    ]
    levels = [[SumNode(leaf_hash(t, c), c) for t, c in zip(tags, commitments, strict=True)]]
    while len(levels[-1]) > 1:
        pairs = zip(levels[-1][::2], levels[-1][1::2], strict=True)
        levels.append([_parent(backend, left, right) for left, right in pairs])
    book = SealedBook(
        issuer=issuer,
        public_key=_secret(issuer, "key", 0)[:32],
        as_of=datetime(2026, 11, 20, tzinfo=UTC),
        assets=ASSETS,
        leaf_count=len(LEAVES),
        leaves_sha256=hashlib.sha256(b"".join(map(bytes.__add__, tags, commitments))).digest(),
        root=levels[-1][0],
    )
    return {
        account: Opening(
            book=book,
            account=account,
            positions=tuple(Position(a, amounts[a.id]) for a in ASSETS if a.id in amounts),
            blinding=blindings[leaf],
            salt=salts[leaf],
            leaf_index=leaf,
            tag=tags[leaf],
            commitment=commitments[leaf],
            path=tuple(nodes[(leaf >> level) ^ 1] for level, nodes in enumerate(levels[:-1])),
        )
        for leaf, (account, amounts) in enumerate(LEAVES)
    }


def commit(backend: Backend, amounts: list[int], blinding: int) -> bytes:
    """``sum_a q_a G_a + rho H``, compressed; amounts are any scalars."""
    generators = Generators(backend)
    bases = generators.assets(ASSETS).concat(generators.blinding())
    scalars = [amount % GROUP_ORDER for amount in [*amounts, blinding]]
    return backend.multi_scalar_multiply(bases, backend.scalars_from_ints(scalars)).to_compressed()


def top_up(
    account: str = "pair",
    amount: int = TOP_UP,
    *,
    backend: Backend | None = None,
    audience: str | None = AUDIENCE,
    model: bytes = MODEL,
    at: bytes = MARKET,
    randomness: TopUpRandomness = SEED,
    source: str | None = None,
    **more: Any,
) -> TopUpCertificate:
    """A certificate from a fixed seed, by the fastest backend unless another one is given."""
    engine = backend or fastest_backend()
    request = TopUpRequest(
        asset=more.pop("asset", "USDT"),
        amount=amount,
        source=None if source is None else opening_of(source, engine),
        **more,
    )
    return make_top_up(
        opening_of(account, engine),
        engine,
        request,
        model=model,
        market=at,
        audience=audience,
        randomness=randomness,
    )


def verify(
    certificate: TopUpCertificate | bytes | Mapping[str, Any],
    backend: Backend,
    *,
    expected: ExpectedTerms | None = None,
    trusted: TrustedRoot | None = None,
) -> VerifiedTopUp:
    """Against the digest of the fixed book, unless another root is trusted."""
    if isinstance(certificate, TopUpCertificate):
        data = certificate.to_bytes()
    else:
        data = certificate if isinstance(certificate, bytes) else json.dumps(certificate).encode()
    root = trusted or TrustedRoot(book_digest=opening_of("pair", backend).book.digest())
    return verify_top_up_against_root(data, root, backend, expected=expected)


def document_of(certificate: TopUpCertificate) -> dict[str, Any]:
    """The JSON document, to be altered."""
    document: dict[str, Any] = json.loads(certificate.to_bytes())
    return document


def _secret(issuer: str, purpose: str, leaf: int) -> bytes:
    return hashlib.sha512(f"top-up/{issuer}/{purpose}/{leaf}".encode()).digest()


def _parent(backend: Backend, left: SumNode, right: SumNode) -> SumNode:
    points = backend.points_from_compressed(left.sum + right.sum)
    return SumNode(node_hash(left, right), points.sum().to_compressed())
