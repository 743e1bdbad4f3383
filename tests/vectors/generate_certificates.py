"""Writes tests/vectors/certificate: certificates to accept, and alterations of them to refuse.

Everything is derived from fixed seeds: `tests/test_certificate_vectors.py` compares the files with a fresh run,
byte for byte. Run: ``python tests/vectors/generate_certificates.py``.

``accepted.json``: for each certificate the opening that it was made from, the proof's seed, and the document.
``rejected.json``: the accepted one that was altered (``base``), the changes in order (``path`` is an RFC 6901
pointer; without ``value`` the field is removed) or, where the text itself is at fault, the ``text``; what the
verifier trusts and insists on where that is not the base's book digest; the ``check`` that fails and a part of
its ``detail``.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
DIRECTORY: Final = HERE / "certificate"
if str(HERE.parent) not in sys.path:
    sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from certificate_support import (  # noqa: E402
    AT_LEAST,
    AUDIENCE,
    MARKET,
    NET_VALUE,
    NET_VALUE_AT_MARKET,
    SEED,
    at_least,
    certificate_of,
    document_of,
    model,
    opening_of,
)
from sealing_support import IDENTITY, fastest_backend, negated  # noqa: E402

from circuits.claim_statement import compile_claim  # noqa: E402
from circuits.rows import Scope  # noqa: E402
from primitives.attestation import node_to_json  # noqa: E402
from primitives.certificate import Certificate  # noqa: E402
from primitives.parameters import GROUP_ORDER, POINT_BYTES, SCALAR_BYTES  # noqa: E402
from verifier.checks import Check  # noqa: E402

OFF_CURVE: Final = b"\x80" + bytes(46) + b"\x01"
UNCOMPRESSED: Final = bytes(POINT_BYTES)
EVERYTHING: Final = model(
    "all",
    models=[
        {"kind": "at-least", "asset": "BTC", "amount": "1"},
        {"kind": "at-least", "asset": "ETH", "amount": "-2.5"},
        {"kind": "non-negative", "assets": ["USD"]},
        {"kind": "net-value"},
    ],
)

Vector = dict[str, Any]


def certificates() -> dict[str, Certificate]:
    """What is accepted, by name."""
    return {
        "at least, for an audience": certificate_of("alice"),
        "at least, for nobody in particular": certificate_of("alice", audience=None),
        "owes at most": certificate_of("carol", at_least("-0.5")),
        "exactly enough": certificate_of("alice", at_least("2")),
        "net value at prices of the statement": certificate_of("alice", NET_VALUE),
        "net value at prices of a market": certificate_of("bob", NET_VALUE_AT_MARKET, MARKET),
        "several models": certificate_of("alice", EVERYTHING, MARKET, audience="Prüfer № 7"),
    }


def accepted() -> list[Vector]:
    """One vector per certificate."""
    vectors = []
    for name, certificate in certificates().items():
        terms = certificate.terms
        account = {0: "carol", 2: "alice", 3: "bob"}[terms.leaf.index]
        opening = opening_of(account, fastest_backend())
        vectors.append(
            {
                "name": name,
                "opening": json.loads(opening.to_bytes()),
                "seed": SEED.seed.hex(),
                "book_digest": terms.book.digest().hex(),
                "root_hash": terms.book.root.hash.hex(),
                "context_digest": terms.context_digest().hex(),
                "certificate": document_of(certificate),
            }
        )
    return vectors


def rejected() -> list[Vector]:
    """One vector per way to be refused."""
    return [*_form(), *_trust(), *_leaf_and_path(), *_documents(), *_proof()]


def _vector(
    name: str,
    check: Check,
    detail: str,
    changes: list[Vector],
    base: str = "at least, for an audience",
    **more: Any,
) -> Vector:
    return {
        "name": name, "base": base, "changes": changes, **more, "check": check.value, "detail": detail,
    }  # fmt: skip


def _set(path: str, value: Any) -> Vector:
    return {"path": path, "value": value}


def _remove(path: str) -> Vector:
    return {"path": path}


def _form() -> list[Vector]:
    """K1."""
    check = Check.CERTIFICATE_FORM
    proof = document_of(certificate_of("alice"))["proof"]
    text = certificate_of("alice").to_bytes().decode()
    twice = text.replace('"audience":', '"audience":"Somebody else","audience":')
    changes: list[tuple[str, str, list[Vector]]] = [
        ("another format", "$.format: expected", [_set("/format", "sealedbook/certificate/v2")]),
        ("unknown field", "unknown field 'account'", [_set("/account", "alice")]),
        ("no proof", "field 'proof' is missing", [_remove("/proof")]),
        ("no path", "field 'path' is missing", [_remove("/path")]),
        ("proof is no base64", "$.proof: is not base64", [_set("/proof", proof[:-1] + "!")]),
        ("empty proof", "$.proof: is empty", [_set("/proof", "")]),
        (
            "proof with a line break",
            "$.proof: is not base64",
            [_set("/proof", proof[:76] + "\n" + proof[76:])],
        ),
        ("stray bits in base64", "$.proof: is not canonical base64", [_set("/proof", proof[:-2] + "B=")]),
        ("audience with a blank at its end", "surrounding blanks", [_set("/audience", AUDIENCE + " ")]),
        ("audience in another Unicode form", "Normalization Form C", [_set("/audience", "Pru\u0308fer")]),
        ("audience too long", "longer than 200 characters", [_set("/audience", "x" * 201)]),
        ("audience null", "$.audience: expected text", [_set("/audience", None)]),
        ("market null", "$.market: expected text", [_set("/market", None)]),
        ("negative leaf index", "$.leaf.index: -1 is not between", [_set("/leaf/index", -1)]),
        ("short commitment", "$.leaf.commitment: expected 48 bytes", [_set("/leaf/commitment", "80" * 47)]),
        ("short tag", "$.leaf.tag: expected 32 bytes", [_set("/leaf/tag", "00" * 31)]),
        ("capital hexadecimal", "$.statement: expected 32 bytes", [_set("/statement", "AB" * 32)]),
        ("leaf with more in it", "$.leaf: unknown field", [_set("/leaf/amount", "1")]),
        ("number of leaves not a power of two", "$.book.leaves.count", [_set("/book/leaves/count", 3)]),
        ("an asset twice", "$.book.assets", [_set("/book/assets/1/id", "BTC")]),
    ]
    return [
        *(_vector(name, check, detail, change) for name, detail, change in changes),
        _vector("a field twice", check, "field 'audience' appears twice", [], text=twice),
        _vector("cut short", check, "not JSON", [], text=text[:-3]),
    ]


def _trust() -> list[Vector]:
    """K2 and K3."""
    other = opening_of("alice", fastest_backend(), "Another Exchange").book
    root, audience = Check.CERTIFICATE_ROOT, Check.CERTIFICATE_AUDIENCE
    nobody = "at least, for nobody in particular"
    return [
        _vector("another book is trusted", root, "the certificate has book digest", [],
                trusted={"book_digest": other.digest().hex()}),
        _vector("another root is trusted", root, "the certificate has root hash", [],
                trusted={"root_hash": other.root.hash.hex()}),
        _vector("issuer renamed", root, "the certificate has book digest", [_set("/book/issuer/name", "Bank")]),
        _vector("made later", root, "the certificate has book digest",
                [_set("/book/as_of", "2027-01-31T00:00:00Z")]),
        _vector("shown to another audience", audience, "you expect 'Somebody else'", [],
                expected={"audience": "Somebody else"}),
        _vector("made for nobody", audience, "made for nobody in particular", [], base=nobody,
                expected={"audience": AUDIENCE}),
    ]  # fmt: skip


def _leaf_and_path() -> list[Vector]:
    """K4 to K7."""
    backend = fastest_backend()
    alice, bob = opening_of("alice", backend), opening_of("bob", backend)
    leaf, path = Check.CERTIFICATE_LEAF, Check.CERTIFICATE_PATH
    root_hash, root_sum = Check.CERTIFICATE_ROOT_HASH, Check.CERTIFICATE_ROOT_SUM
    doubled = [node_to_json(node) for node in (*alice.path, alice.path[-1])]
    of_bob = [node_to_json(node) for node in bob.path]
    trusted = {"root_hash": alice.book.root.hash.hex()}
    opposite = negated(backend, alice.commitment).hex()
    return [
        _vector("commitment off the curve", leaf, "commitment of leaf 2",
                [_set("/leaf/commitment", OFF_CURVE.hex())]),
        _vector("commitment not compressed", leaf, "commitment of leaf 2",
                [_set("/leaf/commitment", UNCOMPRESSED.hex())]),
        _vector("commitment is the identity", leaf, "is the identity",
                [_set("/leaf/commitment", IDENTITY.hex())]),
        _vector("path too short", path, "the path has 1 levels, the tree has 2", [_remove("/path/1")]),
        _vector("path too long", path, "the path has 3 levels, the tree has 2", [_set("/path", doubled)]),
        _vector("index beyond the tree", path, "leaf index 6 does not fit", [_set("/leaf/index", 6)]),
        _vector("sibling off the curve", path, "sibling sum at level 1",
                [_set("/path/1/sum", OFF_CURVE.hex())]),
        _vector("sibling is the identity", path, "identity", [_set("/path/0/sum", IDENTITY.hex())]),
        _vector("a sum on the way is the identity", path, "identity", [_set("/path/0/sum", opposite)]),
        _vector("another index", root_hash, "leaf and path give", [_set("/leaf/index", 3)]),
        _vector("another tag", root_hash, "leaf and path give", [_set("/leaf/tag", bob.tag.hex())]),
        _vector("commitment of another leaf", root_hash, "leaf and path give",
                [_set("/leaf/commitment", bob.commitment.hex())]),
        _vector("path of another account", root_hash, "leaf and path give", [_set("/path", of_bob)]),
        _vector("another sibling hash", root_hash, "leaf and path give",
                [_set("/path/1/hash", alice.path[0].hash.hex())]),
        _vector("another sibling sum", root_hash, "leaf and path give",
                [_set("/path/1/sum", alice.path[0].sum.hex())]),
        _vector("another root sum", root_sum, "leaf and path add up to",
                [_set("/book/root/sum", alice.commitment.hex())], trusted=trusted),
    ]  # fmt: skip


def _documents() -> list[Vector]:
    """K8 and K9."""
    documents, statement = Check.CERTIFICATE_DOCUMENTS, Check.CERTIFICATE_STATEMENT
    market = "net value at prices of a market"
    dearer = MARKET.decode().replace("65000.12", "65000.13")
    return [
        _vector("statement is no JSON", documents, "model: $: not JSON", [_set("/model", "at least 2 BTC")]),
        _vector("statement of unknown kind", documents, "'richest' is not one of",
                [_set("/model", model("richest").decode())]),
        _vector("asset not in the book", documents, "asset 'XRP' is not in the book",
                [_set("/model", at_least("1", "XRP").decode())]),
        _vector("positions that rest on totals", documents, "'summed' is for a book",
                [_set("/model", model("net-value", positions="summed").decode())], base=market),
        _vector("market left out", documents, "no market was given", [_remove("/market")], base=market),
        _vector("market is no price document", documents, "market: $.format", [_set("/market", "{}")],
                base=market) | {"detail": "market: $: field 'format' is missing"},
        _vector("verifier insists on another statement", documents, "with another model than yours", [],
                expected={"model": at_least("1.6").decode()}),
        _vector("verifier insists on the same statement in other bytes", documents,
                "with another model than yours", [], expected={"model": AT_LEAST.decode() + "\n"}),
        _vector("verifier insists on other prices", documents, "with another market than yours", [],
                base=market, expected={"market": dearer}),
        _vector("verifier insists on prices where there are none", documents, "without a market", [],
                expected={"market": MARKET.decode()}),
        _vector("a stronger statement", statement, "compiled", [_set("/model", at_least("1.6").decode())]),
        _vector("a weaker statement", statement, "compiled", [_set("/model", at_least("1.4").decode())]),
        _vector("another price", statement, "compiled", [_set("/market", dearer)], base=market),
        _vector("assets renamed, root alone trusted", statement, "compiled",
                [_set("/book/assets/1/id", "LTC")],
                trusted={"root_hash": opening_of("alice", fastest_backend()).book.root.hash.hex()}),
        _vector("another digest", statement, "compiled", [_set("/statement", "00" * 32)]),
    ]  # fmt: skip


def _proof() -> list[Vector]:
    """K10: all else fits, the proof does not."""
    check, equation = Check.CERTIFICATE_PROOF, "opening-equation"
    market = "net value at prices of a market"
    backend = fastest_backend()
    bob = opening_of("bob", backend)
    of_bob = document_of(certificate_of("bob"))
    stronger = at_least("1.6")
    digest = compile_claim(stronger, None, bob.book.assets, scope=Scope.ACCOUNT).digest().hex()
    dearer = MARKET.replace(b"65000.12", b"65000.13")
    at_dearer = (
        compile_claim(NET_VALUE_AT_MARKET, dearer, bob.book.assets, scope=Scope.ACCOUNT).digest().hex()
    )
    litecoin = tuple(replace(asset, id=asset.id.replace("ETH", "LTC")) for asset in bob.book.assets)
    renamed = compile_claim(AT_LEAST, None, litecoin, scope=Scope.ACCOUNT).digest().hex()
    trusted = {"root_hash": bob.book.root.hash.hex()}
    leaf = [_set("/leaf", of_bob["leaf"]), _set("/path", of_bob["path"])]
    return [
        _vector("a stronger statement and its digest", check, equation,
                [_set("/model", stronger.decode()), _set("/statement", digest)]),
        _vector("the same statement in other bytes", check, equation,
                [_set("/model", AT_LEAST.decode() + " ")]),
        _vector("another price and its digest", check, equation,
                [_set("/market", dearer.decode()), _set("/statement", at_dearer)], base=market),
        _vector("prices of another day", check, equation,
                [_set("/market", MARKET.decode().replace("2026-01-31", "2026-02-01"))], base=market),
        _vector("a market that is not used", check, equation, [_set("/market", MARKET.decode())]),
        _vector("another audience", check, equation, [_set("/audience", "Somebody else")]),
        _vector("audience removed", check, equation, [_remove("/audience")]),
        _vector("audience added", check, equation, [_set("/audience", AUDIENCE)],
                base="at least, for nobody in particular"),
        _vector("another account with the same positions", check, equation, leaf),
        _vector("a leaf with less in it", check, equation, _leaf_of("carol")),
        _vector("another time, root alone trusted", check, equation,
                [_set("/book/as_of", "2027-01-31T00:00:00Z")], trusted=trusted),
        _vector("assets renamed and the digest with them", check, equation,
                [_set("/book/assets/1/id", "LTC"), _set("/statement", renamed)], trusted=trusted),
        _vector("proof of another certificate", check, equation, [_set("/proof", of_bob["proof"])]),
        _vector("proof of the same for nobody", check, equation,
                [_set("/proof", document_of(certificate_of("alice", audience=None))["proof"])]),
        *_altered_proofs(),
    ]  # fmt: skip


def _leaf_of(account: str) -> list[Vector]:
    document = document_of(certificate_of(account, at_least("-1")))
    return [_set("/leaf", document["leaf"]), _set("/path", document["path"])]


def _altered_proofs() -> list[Vector]:
    """The proof's own bytes: its first point is D_0, its last scalar the last of z."""
    check, proof = Check.CERTIFICATE_PROOF, certificate_of("alice").proof
    other = certificate_of("alice", NET_VALUE).proof
    last = int.from_bytes(proof[-SCALAR_BYTES:], "big")
    shifted = proof[:-SCALAR_BYTES] + (last + GROUP_ORDER).to_bytes(SCALAR_BYTES, "big")
    one_more = proof[:-SCALAR_BYTES] + ((last + 1) % GROUP_ORDER).to_bytes(SCALAR_BYTES, "big")
    altered = {
        "proof cut short": ("length", proof[:-1]),
        "proof without its last scalar": ("length", proof[:-SCALAR_BYTES]),
        "proof with a byte more": ("length", proof + b"\x00"),
        "proof twice": ("length", proof + proof),
        "proof of another statement": ("length", other),
        "last scalar plus the group order": ("encoding", shifted),
        "last scalar plus one": ("opening-equation", one_more),
        "first point off the curve": ("encoding", OFF_CURVE + proof[POINT_BYTES:]),
        "first point is the identity": ("identity", IDENTITY + proof[POINT_BYTES:]),
        "first point negated": ("opening-equation", bytes([proof[0] ^ 0x20]) + proof[1:]),
    }
    return [
        _vector(name, check, detail, [_set("/proof", base64.b64encode(data).decode())])
        for name, (detail, data) in altered.items()
    ]


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
