"""Writes tests/vectors/solvency: solvency claims to accept, and alterations of them to refuse.

Everything is derived from fixed seeds: `tests/test_solvency_vectors.py` compares the files with a fresh run,
byte for byte. Run: ``python tests/vectors/generate_solvency.py``.

``accepted.json``: for each claim the `book` object, the claim as an attestation holds it, the documents' texts, what
the root's sum opens to (`witness`: totals in base units, blinding), the randomness (`seed` of a range argument or
`nonces` of a sigma proof), the context digest and the proof. The books stand for themselves: only what a claim
depends on (assets, number of leaves, root's sum) belongs together, there are no leaves.
``rejected.json``: the accepted one that was altered (`base`), what takes another value (`book` and `claim` are
merged, the others replaced), the `check` that fails and a part of its `detail`.

``summa.json`` is the published sample of another project and is not generated.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
DIRECTORY: Final = HERE / "solvency"
if str(HERE.parent) not in sys.path:
    sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from sealing_support import AS_OF, ASSETS, ISSUER, ORDER_THREE, fastest_backend, negated, plus  # noqa: E402
from solvency_support import amount_text, reserves_document, signed_address, summa_address  # noqa: E402

from circuits.solvency_statement import compile_solvency  # noqa: E402
from primitives.attestation import SealedBook  # noqa: E402
from primitives.claims import SolvencyClaim  # noqa: E402
from primitives.generators import Generators  # noqa: E402
from primitives.parameters import AMOUNT_LIMIT, GROUP_ORDER, POINT_BYTES  # noqa: E402
from primitives.ratio import ONE, Ratio  # noqa: E402
from primitives.reserves import Reserves  # noqa: E402
from primitives.solvency import solvency_context  # noqa: E402
from primitives.sum_tree import SumNode  # noqa: E402
from primitives.totals import totals_document  # noqa: E402
from prover.argument import ProofRandomness  # noqa: E402
from prover.book_totals import BookTotals  # noqa: E402
from prover.solvency import SolvencyRandomness, make_proof  # noqa: E402
from verifier.checks import Check  # noqa: E402

LARGEST: Final = 4 * (AMOUNT_LIMIT - 1)
TOTALS: Final = (200_000_000, 3, 2_500_075)

Vector = dict[str, Any]


def _digest(text: str) -> bytes:
    return hashlib.sha256(b"sealedbook solvency vectors " + text.encode()).digest()


def _scalar(text: str) -> int:
    return int.from_bytes(_digest(text) + _digest(text + "'"), "big") % GROUP_ORDER


def book_of(summed: BookTotals, leaf_count: int) -> SealedBook:
    """A book whose root's sum opens to `summed`."""
    backend = fastest_backend()
    generators = Generators(backend)
    bases = generators.assets(ASSETS.assets).concat(generators.blinding())
    scalars = backend.scalars_from_ints([*summed.totals, summed.blinding])
    root_sum = backend.multi_scalar_multiply(bases, scalars).to_compressed()
    return SealedBook(
        ISSUER,
        _digest("key"),
        AS_OF,
        ASSETS.assets,
        leaf_count,
        _digest("leaves"),
        SumNode(_digest("root"), root_sum),
    )


def _accepted(
    name: str,
    totals: tuple[int, ...],
    reserves: bytes,
    *,
    public: bool = False,
    ratio: Ratio = ONE,
    leaf_count: int = 4,
) -> Vector:
    summed = BookTotals(totals, _scalar("blinding"))
    book = book_of(summed, leaf_count)
    parsed = Reserves.parse(reserves, book.assets)
    statement = compile_solvency(parsed, ratio, book.assets, leaf_count)
    published = totals_document(book, totals) if public else None
    claim = SolvencyClaim(
        "solvency", "reserves.json", "totals.json" if public else None, ratio, statement.digest()
    )
    context = solvency_context(claim.name, book, reserves, published, statement.digest())
    seed, nonce = _digest(name), _scalar(name)
    randomness = SolvencyRandomness(ProofRandomness(seed), lambda count, _: [nonce] * count)
    proof = make_proof(
        book, statement, summed, context, fastest_backend(), public=public, randomness=randomness
    )
    return {
        "name": name,
        "book": book.to_json(),
        "claim": claim.to_json(),
        "reserves": reserves.decode(),
        "totals": None if published is None else published.decode(),
        "witness": {"totals": [str(total) for total in totals], "blinding": f"{summed.blinding:064x}"},
        **({"nonces": [f"{nonce:064x}"]} if public else {"seed": seed.hex()}),
        "context_digest": context.hex(),
        "proof": proof.hex(),
    }


def _held(*units: int) -> dict[str, int]:
    return {asset.id: amount for asset, amount in zip(ASSETS, units, strict=True)}


def accepted() -> list[Vector]:
    """What is accepted."""
    listed = {"BTC": [summa_address("1"), signed_address("no book is named here", balance="1")]}
    exact = reserves_document(_held(*TOTALS))
    return [
        _accepted("hidden totals, exactly covered", TOTALS, exact),
        _accepted("public totals, exactly covered", TOTALS, exact, public=True),
        _accepted("hidden totals, covered 1.05 times", TOTALS, reserves_document({"BTC": 210_000_000}),
                  ratio=Ratio(21, 20)),
        _accepted("public totals, covered 1.05 times", TOTALS, reserves_document({"BTC": 210_000_000}),
                  public=True, ratio=Ratio(21, 20)),
        _accepted("hidden totals beyond 64 bits and below zero", (LARGEST, -LARGEST, 0),
                  reserves_document(_held(LARGEST, 0, 0))),
        _accepted("public totals beyond 64 bits and below zero", (LARGEST, -LARGEST, 0),
                  reserves_document(_held(LARGEST, 0, 0)), public=True),
        _accepted("2^32 leaves and the largest ratio", TOTALS, reserves_document({"BTC": (1 << 96) - 1}),
                  ratio=Ratio(1_000_000, 999_999), leaf_count=1 << 32),
        _accepted("addresses with signatures", TOTALS, reserves_document({"BTC": 200_000_000}, listed)),
    ]  # fmt: skip


def rejected() -> list[Vector]:
    """What is refused, and by which check."""
    bases = {vector["name"]: vector for vector in accepted()}
    hidden, public = (bases[f"{mode} totals, exactly covered"] for mode in ("hidden", "public"))
    return [*_documents(hidden, public), *_proofs(hidden, public)]


def _vector(name: str, base: Vector, check: Check, detail: str, **changes: Any) -> Vector:
    return {"name": name, "base": base["name"], "changes": changes, "check": check.value, "detail": detail}


def _with_statement(base: Vector, reserves: bytes, ratio: Ratio = ONE) -> Vector:
    book = SealedBook.parse(base["book"])
    parsed = Reserves.parse(reserves, book.assets)
    digest = compile_solvency(parsed, ratio, book.assets, book.leaf_count).digest().hex()
    return {"reserves": reserves.decode(), "claim": {"ratio": ratio.to_json(), "statement": digest}}


def _documents(hidden: Vector, public: Vector) -> list[Vector]:
    """S1, S2, S3."""
    reserves, statement, totals = (
        Check.SOLVENCY_RESERVES, Check.SOLVENCY_STATEMENT, Check.SOLVENCY_TOTALS,
    )  # fmt: skip
    text, published = hidden["reserves"], public["totals"]
    one_more = reserves_document(_held(TOTALS[0] + 1, *TOTALS[1:])).decode()
    beyond = amount_text("ETH", LARGEST + 1)
    return [
        _vector("reserves of an asset not in the book", hidden, reserves, "'XRP' is not an asset of the book",
                reserves=text.replace("BTC", "XRP")),
        _vector("reserves with too many decimals", hidden, reserves, "has 9 decimals, the asset has 8",
                reserves=text.replace('"2"', '"2.000000001"')),
        _vector("negative reserves", hidden, reserves, "is negative", reserves=text.replace('"2"', '"-2"')),
        _vector("other reserves", hidden, statement, "compiled", reserves=one_more),
        _vector("another ratio", hidden, statement, "compiled",
                claim={"ratio": Ratio(21, 20).to_json()}),
        _vector("another number of leaves", hidden, statement, "compiled", book={"leaves": {
            **hidden["book"]["leaves"], "count": 8}}),
        _vector("totals of another book", public, totals, "is the digest of another book",
                totals=published.replace(json.loads(published)["book"], "00" * 32)),
        _vector("totals with superfluous zeros", public, totals, "has superfluous zeros",
                totals=published.replace('"2"', '"2.00"')),
        _vector("totals beyond the leaves", public, totals, "is beyond what so many leaves can hold",
                totals=published.replace('"0.000000000000000003"', f'"{beyond}"')),
        _vector("totals of fewer assets", public, totals, "has 2 entries, the book has 3 assets",
                totals=_without_last(published)),
    ]  # fmt: skip


def _without_last(published: str) -> str:
    document = json.loads(published)
    document["totals"].pop()
    return json.dumps(document)


def _proofs(hidden: Vector, public: Vector) -> list[Vector]:
    """S4, S5."""
    check = Check.SOLVENCY_PROOF
    backend = fastest_backend()
    root = bytes.fromhex(hidden["book"]["root"]["sum"])
    one_less = reserves_document(_held(TOTALS[0] - 1, *TOTALS[1:]))
    flipped = {name: _flipped(vector["proof"]) for name, vector in (("hidden", hidden), ("public", public))}
    response = int(public["proof"][2 * POINT_BYTES :], 16)
    return [
        _vector("reserves one unit short, hidden totals", hidden, check, "opening-equation",
                **_with_statement(hidden, one_less)),
        _vector("reserves one unit short, public totals", public, check, "verification-equation",
                **_with_statement(public, one_less)),
        _vector("a larger ratio", hidden, check, "opening-equation",
                **_with_statement(hidden, hidden["reserves"].encode(), Ratio(21, 20))),
        _vector("reserves in other bytes", hidden, check, "opening-equation", reserves=hidden["reserves"] + " "),
        _vector("another name", hidden, check, "opening-equation", claim={"name": "other"}),
        _vector("another issuer", hidden, check, "opening-equation", book={"issuer": {
            **hidden["book"]["issuer"], "name": "Another Exchange"}}),
        _vector("another root hash", hidden, check, "opening-equation",
                book={"root": {**hidden["book"]["root"], "hash": "00" * 32}}),
        _vector("root's sum negated", hidden, check, "opening-equation",
                book={"root": {**hidden["book"]["root"], "sum": negated(backend, root).hex()}}),
        _vector("root's sum doubled", hidden, check, "opening-equation",
                book={"root": {**hidden["book"]["root"], "sum": plus(backend, root, root).hex()}}),
        _vector("root's sum is no point", hidden, check, "instance",
                book={"root": {**hidden["book"]["root"], "sum": ORDER_THREE[:1].hex() + "ff" * 47}}),
        _vector("other totals", public, check, "verification-equation",
                totals=public["totals"].replace('"25000.75"', '"25000.74"')),
        _vector("totals in other bytes", public, check, "verification-equation", totals=public["totals"] + " "),
        _vector("hidden proof with a bit flipped", hidden, check, "claim 'solvency'", proof=flipped["hidden"]),
        _vector("public proof with a bit flipped", public, check, "verification-equation", proof=flipped["public"]),
        _vector("hidden proof with a byte more", hidden, check, "a proof of this statement has",
                proof=hidden["proof"] + "00"),
        _vector("public proof cut short", public, check, "a proof of this statement has",
                proof=public["proof"][:-2]),
        _vector("response plus the group order", public, check, "group order",
                proof=public["proof"][: 2 * POINT_BYTES] + f"{response + GROUP_ORDER:064x}"),
        _uncovered(),
    ]  # fmt: skip


def _flipped(proof: str) -> str:
    data = bytearray.fromhex(proof)
    data[-1] ^= 1
    return data.hex()


def _uncovered() -> Vector:
    """S5: all is proven as it should be, and the public totals are above the reserves."""
    short = _accepted("short", TOTALS, reserves_document({"BTC": TOTALS[0] - 1}), public=True)
    base = {"name": "public totals, exactly covered"}
    changes = {name: short[name] for name in ("claim", "reserves", "totals", "proof")}
    detail = "BTC: 2 required, 1.99999999 in reserve, short by 0.00000001"
    return _vector("public totals above the reserves", base, Check.SOLVENCY_COVER, detail, **changes)


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
