"""A sealed book of four leaves made from fixed secrets, without a vault, for the tests of certificates."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sealing_support import fastest_backend

from primitives.account_tag import account_tag
from primitives.assets import Asset
from primitives.attestation import SealedBook
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.certificate import Certificate
from primitives.generators import Generators
from primitives.opening import Opening, Position
from primitives.parameters import AMOUNT_LIMIT, GROUP_ORDER
from primitives.sum_tree import SumNode, leaf_hash, node_hash
from prover.argument import ProofRandomness
from prover.certificate import make_certificate
from verifier.certificate import ExpectedTerms, VerifiedCertificate, verify_certificate_against_root
from verifier.opening import TrustedRoot

EXAMPLES: Final = Path(__file__).resolve().parent.parent / "examples" / "statements"
ASSETS: Final = (Asset("BTC", 8), Asset("ETH", 8), Asset("USD", 2))
LEAVES: Final[tuple[tuple[str, Mapping[str, int]], ...]] = (
    ("carol", {"BTC": -50_000_000, "ETH": 500_000_000}),
    ("", {}),
    ("alice", {"BTC": 200_000_000, "USD": 5_432_109}),
    ("bob", {"BTC": 200_000_000, "USD": 5_432_109}),
)
"""Id (empty: padding) and base units. Alice and Bob have the same positions."""
SEED: Final = ProofRandomness(bytes(range(0x60, 0x80)))
AUDIENCE: Final = "Lender AG, credit 2026-17"


def example(name: str) -> bytes:
    """A document of examples/statements."""
    return (EXAMPLES / f"{name}.json").read_bytes()


AT_LEAST: Final = example("at-least")
NET_VALUE: Final = example("net-value-at-least")
NET_VALUE_AT_MARKET: Final = example("net-value")
MARKET: Final = example("prices")


def model(kind: str, **fields: Any) -> bytes:
    """A model document."""
    return json.dumps({"format": "sealedbook/model/v1", "kind": kind, **fields}).encode()


def at_least(amount: str, asset: str = "BTC") -> bytes:
    return model("at-least", asset=asset, amount=amount)


def opening_of(account: str, backend: Backend, issuer: str = "Example Exchange") -> Opening:
    """The opening of an account of the book that `issuer` sealed (another issuer, another book)."""
    return _openings(backend.name, issuer)[account]


@functools.cache
def _openings(backend_name: str, issuer: str) -> dict[str, Opening]:
    return {opening.account: opening for opening in seal_fixed_book(get_backend(backend_name), issuer)}


def seal_fixed_book(backend: Backend, issuer: str = "Example Exchange") -> list[Opening]:
    """The openings of all leaves of `LEAVES`, padding included (which nobody is ever given)."""
    secret = functools.partial(_secret, issuer)
    salts = [secret("salt", leaf)[:32] for leaf in range(len(LEAVES))]
    blindings = [int.from_bytes(secret("blinding", leaf), "big") % GROUP_ORDER for leaf in range(len(LEAVES))]
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
        public_key=secret("key", 0)[:32],
        as_of=datetime(2026, 1, 31, tzinfo=UTC),
        assets=ASSETS,
        leaf_count=len(LEAVES),
        leaves_sha256=hashlib.sha256(b"".join(map(bytes.__add__, tags, commitments))).digest(),
        root=levels[-1][0],
    )
    return [
        Opening(
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
    ]


def one_leaf_book(backend: Backend, amounts: list[int], blinding: int) -> Opening:
    """A book that is one leaf with these amounts (any scalars) of `ASSETS`: its root is the leaf.

    The opening lists what can be a position; a scalar that cannot is in the commitment alone.
    """
    salt = bytes(32)
    tag, commitment = account_tag(salt, "alice"), commit(backend, amounts, blinding)
    root = SumNode(leaf_hash(tag, commitment), commitment)
    digest = hashlib.sha256(tag + commitment).digest()
    issuer, as_of = "One Leaf", datetime(2026, 1, 31, tzinfo=UTC)
    book = SealedBook(issuer, bytes(32), as_of, ASSETS, 1, digest, root)
    held = tuple(Position(a, q) for a, q in zip(ASSETS, amounts, strict=True) if q and abs(q) < AMOUNT_LIMIT)
    return Opening(book, "alice", held, blinding, salt, 0, tag, commitment, ())


def commit(backend: Backend, amounts: list[int], blinding: int) -> bytes:
    """``sum_a q_a G_a + rho H``, compressed; amounts are any scalars."""
    generators = Generators(backend)
    bases = generators.assets(ASSETS).concat(generators.blinding())
    scalars = [amount % GROUP_ORDER for amount in [*amounts, blinding]]
    return backend.multi_scalar_multiply(bases, backend.scalars_from_ints(scalars)).to_compressed()


def _secret(issuer: str, purpose: str, leaf: int) -> bytes:
    return hashlib.sha512(f"{issuer}/{purpose}/{leaf}".encode()).digest()


def _parent(backend: Backend, left: SumNode, right: SumNode) -> SumNode:
    points = backend.points_from_compressed(left.sum + right.sum)
    return SumNode(node_hash(left, right), points.sum().to_compressed())


@functools.cache
def certificate_of(
    account: str,
    statement: bytes = AT_LEAST,
    market: bytes | None = None,
    audience: str | None = AUDIENCE,
) -> Certificate:
    """A certificate from a fixed seed, by the fastest backend: every backend makes the same."""
    backend = fastest_backend()
    opening = opening_of(account, backend)
    return make_certificate(
        opening, backend, model=statement, market=market, audience=audience, randomness=SEED
    )


def verify(
    certificate: Certificate | bytes | Mapping[str, Any],
    backend: Backend,
    *,
    expected: ExpectedTerms | None = None,
    trusted: TrustedRoot | None = None,
) -> VerifiedCertificate:
    """Against the digest of the fixed book, unless another root is trusted."""
    if isinstance(certificate, Certificate):
        data = certificate.to_bytes()
    else:
        data = certificate if isinstance(certificate, bytes) else json.dumps(certificate).encode()
    root = trusted or TrustedRoot(book_digest=opening_of("alice", backend).book.digest())
    return verify_certificate_against_root(data, root, backend, expected=expected)


def document_of(certificate: Certificate) -> dict[str, Any]:
    """The JSON document, to be altered."""
    document: dict[str, Any] = json.loads(certificate.to_bytes())
    return document
