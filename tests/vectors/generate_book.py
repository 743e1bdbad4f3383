"""Writes tests/vectors/book: claims about the whole book to accept, and alterations of them to refuse.

Everything is derived from fixed seeds: `tests/test_book_vectors.py` compares the files with a fresh run, byte for byte.
Run: ``python tests/vectors/generate_book.py``.

``accepted.json``: for each claim the `book` object, the claim as an attestation holds it, the documents' texts, what
the root's sum opens to (`witness`: totals in base units, blinding), the `seed` of the range argument, the compiled
`statement` (canonical form), the context digest and the proof. The books stand for themselves: only what a claim
depends on (assets, number of leaves, root's sum) belongs together, there are no leaves.
``rejected.json``: the accepted one that was altered (`base`), what takes another value (`book` and `claim` are merged,
the others replaced), the `check` that fails and a part of its `detail`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
DIRECTORY: Final = HERE / "book"
if str(HERE.parent) not in sys.path:
    sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from sealing_support import AS_OF, ISSUER, ORDER_THREE, fastest_backend, negated, plus  # noqa: E402
from vectors.generate_risk_examples import ASSETS, book_limits, limit, limits, options_market  # noqa: E402

from circuits.book_statement import compile_book  # noqa: E402
from primitives.attestation import SealedBook  # noqa: E402
from primitives.book_claim import book_context  # noqa: E402
from primitives.claims import BookClaim  # noqa: E402
from primitives.generators import Generators  # noqa: E402
from primitives.parameters import AMOUNT_LIMIT, GROUP_ORDER  # noqa: E402
from primitives.sum_tree import SumNode  # noqa: E402
from prover.argument import ProofRandomness  # noqa: E402
from prover.book_claim import make_book_proof  # noqa: E402
from prover.book_totals import BookTotals  # noqa: E402
from verifier.checks import Check  # noqa: E402

Vector = dict[str, Any]

TOTALS: Final = (-700, 4000, -2300, -143_300, 4_000_000_000_000)
"""Of the example's book."""
LARGEST: Final = 4 * (AMOUNT_LIMIT - 1)
MARKET: Final = options_market().to_bytes()


def document(model: dict[str, Any]) -> bytes:
    return json.dumps(model).encode()


EXAMPLE: Final = document(book_limits())


def _digest(text: str) -> bytes:
    return hashlib.sha256(b"sealedbook book vectors " + text.encode()).digest()


def book_of(summed: BookTotals, leaf_count: int) -> SealedBook:
    """A book whose root's sum opens to `summed`."""
    backend = fastest_backend()
    generators = Generators(backend)
    bases = generators.assets(ASSETS).concat(generators.blinding())
    scalars = backend.scalars_from_ints([*summed.totals, summed.blinding])
    root_sum = backend.multi_scalar_multiply(bases, scalars).to_compressed()
    leaves, root = _digest("leaves"), SumNode(_digest("root"), root_sum)
    return SealedBook(ISSUER, _digest("key"), AS_OF, ASSETS, leaf_count, leaves, root)


def accept(name: str, totals: Sequence[int], model: bytes, *, leaf_count: int = 8) -> Vector:
    """A vector with everything in it."""
    blinding = int.from_bytes(_digest("blinding") + _digest("blinding'"), "big") % GROUP_ORDER
    summed = BookTotals(tuple(totals), blinding)
    book = book_of(summed, leaf_count)
    compiled = compile_book(model, MARKET, ASSETS, leaf_count)
    claim = BookClaim("book", "book-model.json", "market.json", compiled.statement.digest())
    context = book_context(claim.name, book, model, MARKET, compiled.statement.digest())
    seed = _digest(name)
    randomness = ProofRandomness(seed)
    proof = make_book_proof(book, compiled, summed, context, fastest_backend(), randomness=randomness)
    return {
        "name": name,
        "book": book.to_json(),
        "claim": claim.to_json(),
        "model": model.decode(),
        "market": MARKET.decode(),
        "witness": {"totals": [str(total) for total in totals], "blinding": f"{blinding:064x}"},
        "seed": seed.hex(),
        "statement": compiled.statement.canonical_bytes().hex(),
        "context_digest": context.hex(),
        "proof": proof.hex(),
    }


def _net(**more: Any) -> bytes:
    return document(limits("balanced-book", [limit("delta", "delta", **more)]))


def accepted() -> list[Vector]:
    """What is accepted."""
    perpetual = (0, 0, 0, 50_000, 0)
    gross = document(
        limits(
            "balanced-book",
            [
                limit("gross delta", "delta", measure="gross", expiries="perpetual", greatest="5"),
                limit("against equity", "delta", measure="equity", share="0.5"),
            ],
        )
    )
    return [
        accept("the example", TOTALS, EXAMPLE),
        accept("a net delta at its upper end", perpetual, _net(least="-4", greatest="5")),
        accept("a net delta at its lower end", (0, 0, 0, -40_000, 0), _net(least="-4", greatest="5")),
        accept("a net delta of zero, as an equation", (0, 0, 0, 0, 7), _net(least="0", greatest="0")),
        accept("totals beyond 64 bits", (LARGEST, -LARGEST, LARGEST, -LARGEST, LARGEST),
               document(limits("balanced-book", [limit("vega", "vega", least="0")])), leaf_count=4),
        accept("gross, and against equity, at the boundary", (0, 0, 0, -50_000, 1_050_000_000_000), gross),
        accept("2^32 leaves", TOTALS, EXAMPLE, leaf_count=1 << 32),
    ]  # fmt: skip


def rejected() -> list[Vector]:
    """What is refused, and by which check."""
    bases = {vector["name"]: vector for vector in accepted()}
    base = bases["the example"]
    return [*_documents(base), *_proofs(base, bases["a net delta at its upper end"])]


def _vector(name: str, base: Vector, check: Check, detail: str, **changes: Any) -> Vector:
    return {"name": name, "base": base["name"], "changes": changes, "check": check.value, "detail": detail}


def _with_model(base: Vector, model: bytes) -> Vector:
    """Another model, whose statement is claimed."""
    count = base["book"]["leaves"]["count"]
    digest = compile_book(model, MARKET, ASSETS, count).statement.digest().hex()
    return {"model": model.decode(), "claim": {"statement": digest}}


def _documents(base: Vector) -> list[Vector]:
    """W1, M1, W2."""
    documents, statement = Check.BOOK_DOCUMENTS, Check.BOOK_STATEMENT
    model, market = base["model"], base["market"]
    array = json.loads(market)["risk_array"]["greeks"][0]["entries"][0]
    return [
        _vector("a model about every account", base, documents, "$.kind: is not 'balanced-book'",
                model=model.replace("balanced-book", "greeks-limits")),
        _vector("an unknown field in the model", base, documents, "unknown field 'x'",
                model=model[:-1] + ', "x": 1}'),
        _vector("an underlying that the market has not", base, documents, "limits[0]: no asset of the book is written",
                model=model.replace('"underlying": "BTC"', '"underlying": "ETH"', 1)),
        _vector("a risk array that is not the market's", base, documents, "delta of 'BTC-30D-65000-P'",
                market=market.replace(f'"{array}"', f'"{int(array) + 2}"', 1)),
        _vector("a market without an instrument", base, documents, "market",
                market=market.replace("BTC-PERP", "BTC-FUT")),
        _vector("another limit", base, statement, "compiled", model=model.replace('"5"', '"6"', 1)),
        _vector("another number of leaves", base, statement, "compiled",
                book={"leaves": {**base["book"]["leaves"], "count": 16}}),
        _vector("the statement of another claim", base, statement, "compiled", claim={"statement": "00" * 32}),
    ]  # fmt: skip


def _proofs(base: Vector, upper: Vector) -> list[Vector]:
    """W3."""
    check = Check.BOOK_PROOF
    backend = fastest_backend()
    root = bytes.fromhex(base["book"]["root"]["sum"])
    flipped = bytearray.fromhex(base["proof"])
    flipped[-1] ^= 1
    return [
        _vector("a net delta one unit above its end", upper, check, "opening-equation",
                **_with_model(upper, _net(least="-4", greatest="4.9999999999"))),
        _vector("a model in other bytes", base, check, "opening-equation", model=base["model"] + " "),
        _vector("a market in other bytes", base, check, "opening-equation", market=base["market"] + " "),
        _vector("another name", base, check, "opening-equation", claim={"name": "other"}),
        _vector("another issuer", base, check, "opening-equation", book={"issuer": {
            **base["book"]["issuer"], "name": "Another Exchange"}}),
        _vector("another root hash", base, check, "opening-equation",
                book={"root": {**base["book"]["root"], "hash": "00" * 32}}),
        _vector("root's sum negated", base, check, "opening-equation",
                book={"root": {**base["book"]["root"], "sum": negated(backend, root).hex()}}),
        _vector("root's sum doubled", base, check, "opening-equation",
                book={"root": {**base["book"]["root"], "sum": plus(backend, root, root).hex()}}),
        _vector("root's sum is no point", base, check, "instance",
                book={"root": {**base["book"]["root"], "sum": ORDER_THREE[:1].hex() + "ff" * 47}}),
        _vector("a proof with a bit flipped", base, check, "claim 'book'", proof=flipped.hex()),
        _vector("a proof with a byte more", base, check, "a proof of this statement has", proof=base["proof"] + "00"),
        _vector("a proof cut short", base, check, "a proof of this statement has", proof=base["proof"][:-2]),
    ]  # fmt: skip


def files() -> dict[str, str]:
    """The files' texts by name."""
    return {
        "accepted.json": json.dumps(accepted(), indent=1) + "\n",
        "rejected.json": json.dumps(rejected(), indent=1) + "\n",
    }


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for file_name, text in files().items():
        (DIRECTORY / file_name).write_text(text, "ascii")
