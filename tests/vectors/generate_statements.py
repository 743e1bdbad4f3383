"""Writes tests/vectors/statements: canonical forms, digests, layouts, weights, and byte strings to refuse.

Deterministic: `tests/test_statement_vectors.py` compares the files with a fresh run, byte for byte.
Run: ``python tests/vectors/generate_statements.py``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from circuits.model_document import compile_model
from circuits.prices import parse_price_document
from circuits.rows import MAX_WIDTH, Scope, Terms
from circuits.statement import Auxiliary, Row, Statement
from circuits.statement_encoding import STATEMENT_LABEL
from primitives.assets import Asset, parse_assets_json
from primitives.parameters import GROUP_ORDER
from primitives.strict_json import Json

DIRECTORY: Final = Path(__file__).parent / "statements"
EXAMPLES: Final = Path(__file__).parent.parent.parent / "examples" / "statements"
MODELS: Final = {
    "non-negative": Scope.BOOK,
    "bounded": Scope.BOOK,
    "net-value": Scope.BOOK,
    "all": Scope.BOOK,
    "at-least": Scope.ACCOUNT,
    "net-value-at-least": Scope.ACCOUNT,
}
ALPHA: Final = int.from_bytes(hashlib.sha512(b"alpha").digest(), "big") % GROUP_ORDER


def hand_written() -> dict[str, Statement]:
    """Statements that reach the corners of the encoding."""
    assets = (Asset("BTC", 8), Asset("USD", 2))
    book, account = Scope.BOOK, Scope.ACCOUNT
    rows = (
        Row("signed", ((0, -255), (1, 256)), ((0, 1), (2, -(2**64))), -1, 7),
        Row("equation", ((1, 1),), (), 0, 0),
        Row("wide", ((0, 2**180),), ((1, 2**100),), 2**200, MAX_WIDTH),
    )
    variables = (Auxiliary("boolean", 1), Auxiliary("widest", MAX_WIDTH), Auxiliary("byte", 8))
    largest = GROUP_ORDER - 1 - 1 - 2**63
    return {
        "one-row": Statement(assets, (Row("r", ((0, 1),), (), 0, 63),)),
        "no-bits": Statement(assets, (Row("r", ((0, 1), (1, -1)), (), 0, 0),)),
        "auxiliary-only": Statement(assets[:1], (), (Auxiliary("x", 1),), None, book),
        "mixed": Statement(assets, rows, variables, None, account),
        "largest-constant": Statement(assets, (Row("r", ((0, 1),), (), -largest, 0),), (), None, account),
        "unicode-id": Statement((Asset("Müller-Anleihe 5½ %", 0),), (Row("r", ((0, 1),), (), 0, 1),)),
    }


def from_examples() -> dict[str, Statement]:
    """The example models, compiled."""
    assets = parse_assets_json((EXAMPLES / "assets.json").read_bytes()).assets
    prices = parse_price_document((EXAMPLES / "prices.json").read_bytes())
    return {
        f"model-{name}": compile_model((EXAMPLES / f"{name}.json").read_bytes(), assets, prices, scope=scope)
        for name, scope in MODELS.items()
    }


def accepted() -> list[dict[str, Json]]:
    """One vector per statement."""
    return [_vector(name, statement) for name, statement in {**hand_written(), **from_examples()}.items()]


def rejected() -> list[dict[str, Json]]:
    """One vector per way to be another byte string: the accepted one it was made from, and the reason."""
    statements = hand_written()
    label = len(STATEMENT_LABEL)

    def put(position: int, replacement: bytes, *, instead_of: int) -> Callable[[bytes], bytes]:
        return lambda data: data[:position] + replacement + data[position + instead_of :]

    # one-row: label, 2 assets (4 + 6 + 6), 0 variables (4), 1 row (4): width, constant, 1 term, 0 terms.
    row = label + 4 + 6 + 6 + 4 + 4
    coefficient = row + 1 + 2 + 4 + 4
    changes: list[tuple[str, str, Callable[[bytes], bytes]]] = [
        ("label", "not a statement of this version", put(label - 2, b"2", instead_of=1)),
        ("asset-id-not-utf8", "not UTF-8", put(label + 4 + 2, b"\xff", instead_of=1)),
        ("asset-id-empty", "id is empty", put(label + 4, b"\0\0", instead_of=5)),
        ("asset-decimals", "decimals", put(label + 4 + 5, b"\xff", instead_of=1)),
        ("asset-twice", "already asset 0", put(label + 4 + 6 + 2, b"BTC", instead_of=3)),
        ("no-assets", "0 assets", put(label, bytes(4), instead_of=16)),
        ("width", "width 121", put(row, b"\x79", instead_of=1)),
        ("zero-with-sign", "sign of an integer", put(row + 1, b"\1\0", instead_of=2)),
        ("zero-of-one-byte", "leading zero", put(row + 1, b"\0\1\0", instead_of=2)),
        ("sign-of-two", "sign of an integer", put(coefficient, b"\2", instead_of=1)),
        ("leading-zero", "leading zero", put(coefficient, b"\0\2\0\1", instead_of=3)),
        ("integer-too-long", "33 bytes", put(coefficient, b"\0\x21\1" + bytes(32), instead_of=3)),
        ("zero-coefficient", "zero-coefficient", put(coefficient, b"\0\0", instead_of=3)),
        ("asset-index", "index-range", put(coefficient - 1, b"\2", instead_of=1)),
        ("too-many-rows", "more bytes expected", put(row - 4, b"\xff\xff\xff\xff", instead_of=4)),
        ("wrap", "wrap", put(row + 1, b"\0\x20" + b"\xff" * 32, instead_of=2)),
        ("zero-account", "zero-account", put(row + 1, b"\1\1\1", instead_of=2)),
        ("trailing-byte", "1 bytes after the end", lambda data: data + b"\0"),
        ("last-byte-missing", "more bytes expected", lambda data: data[:-1]),
        ("nothing", "more bytes expected", lambda _: b""),
    ]
    base = statements["one-row"].canonical_bytes()
    return [
        {"name": name, "base": "one-row", "reason": reason, "canonical": change(base).hex()}
        for name, reason, change in changes
    ]


def render(vectors: list[dict[str, Json]]) -> str:
    """The text of a file."""
    return json.dumps(vectors, indent=1, ensure_ascii=True) + "\n"


def files() -> dict[str, str]:
    """Every file of the directory, by name."""
    return {"accepted.json": render(accepted()), "rejected.json": render(rejected())}


def _vector(name: str, statement: Statement) -> dict[str, Json]:
    weights = statement.linear_weights(ALPHA)
    flat = b"".join(w.to_bytes(32, "big") for w in (*weights.bits, *weights.positions, weights.constant))
    return {
        "name": name,
        "scope": statement.scope.value,
        "assets": [[asset.id, asset.decimals] for asset in statement.assets],
        "auxiliary_widths": [auxiliary.width for auxiliary in statement.auxiliaries],
        "rows": [
            {
                "width": row.width,
                "constant": str(row.constant),
                "positions": _terms(row.positions),
                "auxiliaries": _terms(row.auxiliaries),
            }
            for row in statement.rows
        ],
        "canonical": statement.canonical_bytes().hex(),
        "digest": statement.digest().hex(),
        "bit_offsets": list(statement.bit_offsets),
        "padded_bits": statement.padded_bits,
        "alpha": f"{ALPHA:064x}",
        "weights_sha256": hashlib.sha256(flat).hexdigest(),
    }


def _terms(terms: Terms) -> list[Json]:
    return [[index, str(coefficient)] for index, coefficient in terms]


def main() -> None:
    """Write the files."""
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in files().items():
        (DIRECTORY / name).write_text(text)


if __name__ == "__main__":
    main()
