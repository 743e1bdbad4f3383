"""Writes tests/vectors/update: `book` objects with a predecessor, and leaves of books that follow on one another.

Everything is derived from fixed labels: `tests/test_update_vectors.py` compares the files with a fresh run, byte for
byte. Run: ``python tests/vectors/generate_update.py``.

``books.json``: `accepted`: `book` objects, each with its book digest; `rejected`: values of the field `predecessor` of
the first one (`absent` for none at all is not among them, that is a book like any other) and a part of the reason.
``leaves.json``: for each case the form, the leaves of the predecessor (`before`) and of the book (`after`) as
hexadecimal records of 80 bytes, and the number of leaves that differ, or None with a part of the reason why U4 fails.
Tags and commitments there are arbitrary bytes: U4 compares bytes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
DIRECTORY: Final = HERE / "update"
if str(HERE.parent.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent.parent))

from primitives.assets import Asset  # noqa: E402
from primitives.attestation import Predecessor, SealedBook, UpdateForm  # noqa: E402
from primitives.sum_tree import SumNode  # noqa: E402

Vector = dict[str, Any]

_REJECTED: Final[tuple[tuple[Any, str], ...]] = (
    (None, "expected an object"),
    ({}, "'book' is missing"),
    ({"book": "00" * 32}, "'form' is missing"),
    ({"form": "changed"}, "'book' is missing"),
    ({"book": "00" * 31, "form": "changed"}, "expected 32 bytes"),
    ({"book": "AB" * 32, "form": "changed"}, "expected 32 bytes"),
    ({"book": "00" * 32, "form": "fast"}, "is not one of"),
    ({"book": "00" * 32, "form": ""}, "is empty"),
    ({"book": "00" * 32, "form": 1}, "expected text"),
    ({"book": "00" * 32, "form": "anew", "leaves": 1}, "unknown field"),
)


def generate_books() -> Vector:
    """The vectors of ``books.json``."""
    accepted = []
    for predecessor in (
        Predecessor(_digest("book"), UpdateForm.CHANGED),
        Predecessor(_digest("book"), UpdateForm.ANEW),
        None,
    ):
        book = SealedBook(
            issuer="Example Exchange",
            public_key=_digest("key"),
            as_of=datetime(2026, 1, 31, 14, tzinfo=UTC),
            assets=(Asset("BTC", 8), Asset("USDT", 6)),
            leaf_count=8,
            leaves_sha256=_digest("leaves"),
            root=SumNode(_digest("root"), bytes([0x80]) + bytes(47)),
            predecessor=predecessor,
        )
        accepted.append({"book": book.to_json(), "digest": book.digest().hex()})
    rejected = [{"predecessor": value, "reason": reason} for value, reason in _REJECTED]
    return {"accepted": accepted, "rejected": rejected}


def generate_leaves() -> list[Vector]:
    """The vectors of ``leaves.json``."""
    old = [_leaf(f"old {u}") for u in range(4)]
    new = [_leaf(f"new {u}") for u in range(8)]
    half_tag = new[0][:32] + old[0][32:]
    half_commitment = old[0][:32] + new[0][32:]
    cases: list[tuple[str, str, list[bytes], int | None, str]] = [
        ("one leaf changed", "changed", [new[0], *old[1:]], 1, ""),
        ("every leaf changed", "changed", new[:4], 4, ""),
        ("no leaf changed", "changed", old, 0, ""),
        ("two leaves in each other's places", "changed", [old[1], old[0], *old[2:]], 2, ""),
        ("a new tag alone", "changed", [half_tag, *old[1:]], None, "has the commitment of its predecessor"),
        ("a new commitment alone", "changed", [half_commitment, *old[1:]], None, "has the tag of its predecessor"),
        ("more leaves", "changed", [*old, *new[4:]], None, "the book has 8 leaves, its predecessor 4"),
        ("sealed anew", "anew", new[:4], 4, ""),
        ("sealed anew with more leaves", "anew", new, 8, ""),
        ("an old leaf", "anew", [*new[:3], old[0]], None, "a tag of the predecessor"),
        ("an old leaf at another place", "anew", [old[3], *new[:3]], None, "a tag of the predecessor"),
        ("an old tag", "anew", [half_commitment, *new[1:4]], None, "a tag of the predecessor"),
        ("an old commitment", "anew", [half_tag, *new[1:4]], None, "a commitment of the predecessor"),
        ("the last bytes of an old tag", "anew", [new[0][:24] + old[0][24:32] + new[0][32:], *new[1:4]], 4, ""),
    ]  # fmt: skip
    return [
        {"name": name, "form": form, "before": [leaf.hex() for leaf in old], "after": [leaf.hex() for leaf in after],
         "differing": differing, "reason": reason}
        for name, form, after, differing, reason in cases
    ]  # fmt: skip


def write_vectors() -> None:
    """Write both files."""
    DIRECTORY.mkdir(exist_ok=True)
    for name, vectors in (("books.json", generate_books()), ("leaves.json", generate_leaves())):
        (DIRECTORY / name).write_bytes(serialise(vectors))


def serialise(vectors: Vector | list[Vector]) -> bytes:
    """The bytes of a file of vectors."""
    return json.dumps(vectors, indent=1).encode() + b"\n"


def _digest(text: str) -> bytes:
    return hashlib.sha256(b"sealedbook update vectors " + text.encode()).digest()


def _leaf(text: str) -> bytes:
    return _digest(f"{text} tag") + _digest(f"{text} commitment") + _digest(f"{text} more")[:16]


if __name__ == "__main__":
    write_vectors()
