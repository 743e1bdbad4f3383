"""Writes tests/vectors/top_up: top-up certificates to accept, and alterations of them to refuse.

Everything is derived from fixed seeds: `tests/test_top_up_vectors.py` compares the files with a fresh run, byte for
byte. Run: ``python tests/vectors/generate_top_ups.py``. The form is that of the certificate vectors
(`generate_certificates.py`); ``request`` says what the prover was asked for, beside the opening and, in ``source``,
that of the account that pays. The model and the market are in ``documents.json``, by name, wherever a vector has
``{"document": name}`` in their place.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
DIRECTORY: Final = HERE / "top_up"
if str(HERE.parent) not in sys.path:
    sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from sealing_support import IDENTITY, fastest_backend  # noqa: E402
from top_up_support import (  # noqa: E402
    AUDIENCE,
    MARKET,
    MODEL,
    SEED,
    TOP_UP,
    document_of,
    market,
    opening_of,
    target_model,
    top_up,
)

from circuits.claim_statement import compile_claim  # noqa: E402
from circuits.rows import Scope  # noqa: E402
from primitives.parameters import POINT_BYTES  # noqa: E402
from primitives.top_up import HiddenAmount  # noqa: E402
from verifier.checks import Check  # noqa: E402

OFF_CURVE: Final = (b"\x80" + bytes(46) + b"\x01").hex()
ORDER_THREE: Final = (b"\x80" + bytes(POINT_BYTES - 1)).hex()
DOCUMENTS: Final = {"model": MODEL.decode(), "market": MARKET.decode(), "dearer": market("73501").decode()}

Vector = dict[str, Any]

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "public": {},
    "for nobody in particular": {"audience": None},
    "hidden": {"hidden": HiddenAmount(40)},
    "hidden, with a limit": {"hidden": HiddenAmount(40, 50_000_000_000)},
    "hidden, at its limit": {"hidden": HiddenAmount(36, TOP_UP)},
    "from a column": {"taken_from": "wallet USDT"},
    "from a column, hidden": {"taken_from": "wallet USDT", "hidden": HiddenAmount(40)},
    "from another account": {"source": "fund"},
    "from another account, hidden": {"source": "fund", "hidden": HiddenAmount(40)},
    "smallest": {"minimal_step": 1},
    "smallest, hidden, from another account": {
        "minimal_step": 1,
        "hidden": HiddenAmount(40),
        "source": "fund",
    },
    "smallest by steps of a dollar": {"amount": TOP_UP + 444_444, "minimal_step": 1_000_000},
}


def accepted() -> list[Vector]:
    """One vector per certificate."""
    backend = fastest_backend()
    vectors = []
    for name, request in REQUESTS.items():
        certificate = top_up(**request)
        hidden = request.get("hidden")
        source = request.get("source")
        vectors.append(
            {
                "name": name,
                "opening": json.loads(opening_of("pair", backend).to_bytes()),
                "source": None if source is None else json.loads(opening_of(source, backend).to_bytes()),
                "seed": SEED.seed.hex(),
                "request": {
                    "asset": "USDT",
                    "amount": str(request.get("amount", TOP_UP)),
                    "hidden": None if hidden is None else hidden.to_json(),
                    "taken_from": request.get("taken_from"),
                    "minimal_step": request.get("minimal_step"),
                },
                "book_digest": certificate.terms.book.digest().hex(),
                "root_hash": certificate.terms.book.root.hash.hex(),
                "context_digest": certificate.terms.context_digest().hex(),
                "certificate": _short(document_of(certificate)),
            }
        )
    return vectors


def _short(document: dict[str, Any]) -> dict[str, Any]:
    """With names in the place of documents."""
    names = {text: name for name, text in DOCUMENTS.items()}
    return {
        **document,
        **{role: {"document": names[document[role]]} for role in ("model", "market")},
    }


def rejected() -> list[Vector]:
    """One vector per way to be refused."""
    return [
        *_form(),
        *_trust(),
        *_leaf(),
        *_asset_and_documents(),
        *_after_and_amount(),
        *_payer(),
        *_minimal(),
    ]


def _vector(
    name: str, check: Check, detail: str, changes: list[Vector], base: str = "public", **more: Any
) -> Vector:
    return {"name": name, "base": base, "changes": changes, **more, "check": check.value, "detail": detail}


def _set(path: str, value: Any) -> Vector:
    return {"path": path, "value": value}


def _remove(path: str) -> Vector:
    return {"path": path}


def _form() -> list[Vector]:
    """T1."""
    check = Check.TOP_UP_FORM
    source = document_of(top_up(source="fund"))["source"]
    column = {"asset": "wallet USDT", "decimals": 6}
    changes: list[tuple[str, str, list[Vector], str]] = [
        ("another format", "$.format: expected", [_set("/format", "sealedbook/top-up/v2")], "public"),
        ("unknown field", "unknown field 'account'", [_set("/account", "pair")], "public"),
        ("no difference", "field 'difference' is missing", [_remove("/difference")], "public"),
        ("amount zero", "$.top_up.amount", [_set("/top_up/amount", "0")], "public"),
        ("amount negative", "$.top_up.amount", [_set("/top_up/amount", "-5")], "public"),
        ("amount of 2^63", "$.top_up.amount", [_set("/top_up/amount", str(1 << 63))], "public"),
        ("amount shown and hidden", "$.top_up: unknown field", [_set("/top_up/bits", 40)], "public"),
        ("63 bits", "$.top_up.bits", [_set("/top_up/bits", 63)], "hidden"),
        ("no bits", "$.top_up.bits", [_set("/top_up/bits", 0)], "hidden"),
        ("limit beyond the bits", "$.top_up.limit", [_set("/top_up/limit", str(1 << 40))], "hidden"),
        ("short commitment", "$.after: expected 48 bytes", [_set("/after", "80" * 47)], "public"),
        ("two payers", "one of them pays", [_set("/source", source), _set("/taken_from", column)], "public"),
        ("source without a proof", "$.source: field 'proof' is missing", [_remove("/source/proof")],
         "from another account"),
        ("step zero", "$.minimal.step", [_set("/minimal/step", "0")], "smallest"),
        ("no rows", "$.minimal.rows: is empty", [_set("/minimal/rows", [])], "smallest"),
        ("multiplier zero", "multiplier", [_set("/minimal/rows/0/multiplier", "0")], "smallest"),
        ("rows out of order", "not in increasing order", [_set("/minimal/rows/1/row", 0)], "smallest"),
        ("audience null", "$.audience: expected text", [_set("/audience", None)], "public"),
    ]  # fmt: skip
    return [_vector(name, check, detail, change, base) for name, detail, change, base in changes]


def _trust() -> list[Vector]:
    """T2 and T3."""
    other = opening_of("pair", fastest_backend(), "Another Exchange").book
    return [
        _vector("another book is trusted", Check.TOP_UP_ROOT, "the certificate has book digest", [],
                trusted={"book_digest": other.digest().hex()}),
        _vector("another root is trusted", Check.TOP_UP_ROOT, "the certificate has root hash", [],
                trusted={"root_hash": other.root.hash.hex()}),
        _vector("shown to another audience", Check.TOP_UP_AUDIENCE, "you expect 'Somebody else'", [],
                expected={"audience": "Somebody else"}),
        _vector("for nobody, shown to somebody", Check.TOP_UP_AUDIENCE, "nobody in particular", [],
                base="for nobody in particular", expected={"audience": AUDIENCE}),
    ]  # fmt: skip


def _leaf() -> list[Vector]:
    """T4 to T7."""
    fund = opening_of("fund", fastest_backend())
    root = {"root_hash": fund.book.root.hash.hex()}
    return [
        _vector("leaf off the curve", Check.TOP_UP_LEAF, "commitment of leaf 2",
                [_set("/leaf/commitment", OFF_CURVE)]),
        _vector("leaf is the identity", Check.TOP_UP_LEAF, "is the identity",
                [_set("/leaf/commitment", IDENTITY.hex())]),
        _vector("path too short", Check.TOP_UP_PATH, "the path has 1 levels", [_remove("/path/1")]),
        _vector("another index", Check.TOP_UP_ROOT_HASH, "leaf and path give", [_set("/leaf/index", 3)]),
        _vector("commitment of another leaf", Check.TOP_UP_ROOT_HASH, "leaf and path give",
                [_set("/leaf/commitment", fund.commitment.hex())]),
        _vector("another root sum", Check.TOP_UP_ROOT_SUM, "leaf and path add up to",
                [_set("/book/root/sum", fund.commitment.hex())], trusted=root),
    ]  # fmt: skip


def _asset_and_documents() -> list[Vector]:
    """T8 to T10."""
    asset, documents, statement = Check.TOP_UP_ASSET, Check.TOP_UP_DOCUMENTS, Check.TOP_UP_STATEMENT
    weaker = (
        target_model()
        .decode()
        .replace('"numerator": 10, "denominator": 9', '"numerator": 1, "denominator": 1')
    )
    return [
        _vector("asset not in the book", asset, "'XRP' with 6 decimals", [_set("/top_up/asset", "XRP")]),
        _vector("asset with other decimals", asset, "'USDT' with 8 decimals", [_set("/top_up/decimals", 8)]),
        _vector("from the asset itself", asset, "is not another column", [_set("/taken_from/asset", "USDT")],
                base="from a column"),
        _vector("from a column with other decimals", asset, "is not another column",
                [_set("/taken_from", {"asset": "BTCUSDT", "decimals": 5})], base="from a column"),
        _vector("model is no JSON", documents, "model: $: not JSON", [_set("/model", "margin")]),
        _vector("market left out", documents, "needs a MarketDocument", [_remove("/market")]),
        _vector("verifier insists on another model", documents, "with another model than yours", [],
                expected={"model": weaker}),
        _vector("verifier insists on other prices", documents, "with another market than yours", [],
                expected={"market": DOCUMENTS["dearer"]}),
        _vector("a weaker model", statement, "compiled", [_set("/model", weaker)]),
        _vector("another price", statement, "compiled", [_set("/market", DOCUMENTS["dearer"])]),
    ]  # fmt: skip


def _after_and_amount() -> list[Vector]:
    """T11, T13 and T14."""
    after, amount, proof = Check.TOP_UP_AFTER, Check.TOP_UP_AMOUNT, Check.TOP_UP_PROOF
    public, hidden = document_of(top_up()), document_of(top_up(hidden=HiddenAmount(40)))
    richer = document_of(top_up(amount=TOP_UP + 1))
    nobody = document_of(top_up(audience=None))
    digest = (
        compile_claim(
            MODEL,
            DOCUMENTS["dearer"].encode(),
            opening_of("pair", fastest_backend()).book.assets,
            scope=Scope.ACCOUNT,
        )
        .digest()
        .hex()
    )
    wider = [_set("/top_up", hidden["top_up"] | {"bits": 41})]
    return [
        _vector("after off the curve", after, "the commitment after the top-up", [_set("/after", OFF_CURVE)]),
        _vector("after is the identity", after, "is the identity", [_set("/after", IDENTITY.hex())]),
        _vector("after is before", after, "are the same", [_set("/after", public["leaf"]["commitment"])]),
        _vector("after is outside G1", amount, "is not in G1", [_set("/after", ORDER_THREE)]),
        _vector("less is stated", amount, "verification-equation", [_set("/top_up/amount", str(TOP_UP - 1))]),
        _vector("more is stated", amount, "verification-equation", [_set("/top_up/amount", str(TOP_UP + 1))]),
        _vector("another asset is stated", amount, "verification-equation",
                [_set("/top_up", public["top_up"] | {"asset": "entry cost"})]),
        _vector("a column is said to pay", amount, "verification-equation",
                [_set("/taken_from", {"asset": "wallet USDT", "decimals": 6})]),
        _vector("the column that pays left out", amount, "verification-equation", [_remove("/taken_from")],
                base="from a column"),
        _vector("the hidden column that pays left out", amount, "length", [_remove("/taken_from")],
                base="from a column, hidden"),
        _vector("another commitment after", amount, "verification-equation", [_set("/after", richer["after"])]),
        _vector("another hidden commitment after", amount, "equation", [_set("/after", richer["after"])],
                base="hidden"),
        _vector("another audience", amount, "verification-equation", [_set("/audience", "Somebody else")]),
        _vector("audience removed", amount, "verification-equation", [_remove("/audience")]),
        _vector("difference of another certificate", amount, "verification-equation",
                [_set("/difference", nobody["difference"])]),
        _vector("difference too long", amount, "sigma proof", [_set("/difference", "AAAA" + public["difference"])]),
        _vector("hidden in a wider range", amount, "equation", wider, base="hidden"),
        _vector("another limit", amount, "equation", [_set("/top_up/limit", "45000000000")],
                base="hidden, with a limit"),
        _vector("an amount is shown that was hidden", amount, "sigma proof",
                [_set("/top_up", public["top_up"])], base="hidden"),
        _vector("prices and digest of another market", amount, "verification-equation",
                [_set("/market", DOCUMENTS["dearer"]), _set("/statement", digest)]),
        _vector("a payer is said to be another", amount, "verification-equation",
                [_set("/source", document_of(top_up(source="fund"))["source"])]),
        _vector("proof of another certificate", proof, "opening-equation", [_set("/proof", nobody["proof"])]),
        _vector("proof cut short", proof, "length", [_set("/proof", public["proof"][:-4])]),
        _vector("the hidden amount's proof in its place", proof, "length", [_set("/proof", hidden["difference"])]),
    ]  # fmt: skip


def _payer() -> list[Vector]:
    """T12, T15 and T16; what the other proofs absorb changes with `source`."""
    source, conserved, proof = Check.TOP_UP_SOURCE, Check.TOP_UP_CONSERVED, Check.TOP_UP_SOURCE_PROOF
    base = "from another account"
    paying = document_of(top_up(source="fund"))["source"]
    more = document_of(top_up(source="fund", amount=TOP_UP + 1))["source"]
    nobody = document_of(top_up(source="fund", audience=None))["source"]
    own = document_of(top_up())
    itself = paying | {"leaf": own["leaf"], "path": own["path"]}
    return [
        _vector("the account pays itself", source, "leaf 2 would pay itself", [_set("/source", itself)], base=base),
        _vector("payer off the curve", source, "commitment of leaf 0",
                [_set("/source/leaf/commitment", OFF_CURVE)], base=base),
        _vector("payer after off the curve", source, "the commitment of the account that pays",
                [_set("/source/after", OFF_CURVE)], base=base),
        _vector("payer after is the identity", source, "is the identity",
                [_set("/source/after", IDENTITY.hex())], base=base),
        _vector("payer left out", Check.TOP_UP_AMOUNT, "verification-equation", [_remove("/source")], base=base),
        _vector("path of the payer too short", source, "the path has 1 levels", [_remove("/source/path/1")],
                base=base),
        _vector("path of the payer of another leaf", source, "leaf and path give",
                [_set("/source/path", own["path"])], base=base),
        _vector("payer after is of another certificate", Check.TOP_UP_AMOUNT, "verification-equation",
                [_set("/source/after", more["after"])], base=base),
        _vector("conservation of another certificate", conserved, "verification-equation",
                [_set("/source/conservation", nobody["conservation"])], base=base),
        _vector("proof of the payer of another certificate", proof, "opening-equation",
                [_set("/source/proof", nobody["proof"])], base=base),
        _vector("proof of the other account", proof, "opening-equation",
                [_set("/source/proof", document_of(top_up(source="fund"))["proof"])], base=base),
    ]  # fmt: skip


def _minimal() -> list[Vector]:
    """T17; what the other proofs absorb changes with step and rows, and is told first."""
    check = Check.TOP_UP_MINIMAL
    nobody = document_of(top_up(minimal_step=1, audience=None))["minimal"]
    return [
        _vector("proof that less is not enough of another certificate", check, "opening-equation",
                [_set("/minimal/proof", nobody["proof"])], base="smallest"),
        _vector("a larger step", Check.TOP_UP_AMOUNT, "verification-equation", [_set("/minimal/step", "2")],
                base="smallest"),
        _vector("another row", Check.TOP_UP_AMOUNT, "verification-equation",
                [_set("/minimal/rows/0/multiplier", "1")], base="smallest"),
        _vector("said to be the smallest afterwards", Check.TOP_UP_AMOUNT, "verification-equation",
                [_set("/minimal", nobody)]),
    ]  # fmt: skip


def files() -> dict[str, str]:
    """The files' texts by name."""
    contents = {"accepted": accepted(), "rejected": rejected(), "documents": DOCUMENTS}
    return {
        f"{name}.json": json.dumps(content, indent=1, ensure_ascii=True) + "\n"
        for name, content in contents.items()
    }


def main() -> None:
    """Write the files."""
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in files().items():
        (DIRECTORY / name).write_text(text, encoding="ascii")
        print(DIRECTORY / name)


if __name__ == "__main__":
    main()
