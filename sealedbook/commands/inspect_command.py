"""``sealedbook inspect``: what a file or folder says, without checking it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circuits.claim_statement import ClaimDocumentError, model_words
from primitives.amounts_text import format_amount
from primitives.attestation import ATTESTATION_NAME, Attestation, SealedBook, format_time
from primitives.certificate import Certificate
from primitives.claims import AccountsClaim, BookClaim
from primitives.opening import Opening
from primitives.strict_json import MAX_JSON_BYTES, Json, JsonError
from sealedbook.options import MAX_OPENING_BYTES, JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, reported_errors, shown


def inspect(
    path: Annotated[
        Path, typer.Argument(help="A bundle, an attestation, an opening, a certificate, a book or a vault.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Show what something says, without checking any of it (`verify` and `check` do)."""
    with reported_errors(as_json=as_json):
        kind, details = describe(path)
        if as_json:
            print_json({"kind": kind, "checked": False, **details})
            return
        console.print(f"[bold]{shown(str(path))}[/] is {kind}. [yellow]Nothing was checked.[/]\n")
        width = max((len(name) for name in details), default=0)
        for name, value in details.items():
            lines = [str(item) for item in value] if isinstance(value, list) else [str(value)]
            for number, line in enumerate(lines or ["none"]):
                label = name.replace("_", " ") if number == 0 else ""
                console.print(f"{label:{width}}  {shown(line)}")


def describe(path: Path) -> tuple[str, dict[str, Json]]:
    """The kind of thing at `path` and what it says."""
    if (path / ATTESTATION_NAME).is_file():
        return _describe_bundle(path)
    if (path / "book.json").is_file():
        return _describe_book(path)
    if (path / "vault.json").is_file():
        return _describe_vault(path)
    if path.is_dir():
        raise OptionError(f"{path} is a folder, but not a bundle, a book or a vault")
    if path.name == ATTESTATION_NAME:
        return _describe_attestation(path, "an attestation")
    return _describe_document(path)


def _describe_document(path: Path) -> tuple[str, dict[str, Json]]:
    data = read_small_file(path, "PATH", MAX_OPENING_BYTES)
    try:
        return _describe_certificate(Certificate.parse(data))
    except JsonError:
        return _describe_opening(path, data)


def _describe_certificate(certificate: Certificate) -> tuple[str, dict[str, Json]]:
    terms = certificate.terms
    details: dict[str, Json] = {
        "leaf_index": terms.leaf.index,
        "says": list[Json](_model_lines(terms.model)),
        "statement": list[Json](terms.model.decode("utf-8").splitlines()),
    }
    if terms.audience is not None:
        details["audience"] = terms.audience
    if terms.market is not None:
        details["market"] = list[Json](terms.market.decode("utf-8").splitlines())
    return "a certificate", {
        **details,
        "proof_bytes": len(certificate.proof),
        **_book_details(terms.book),
    }


def _describe_bundle(folder: Path) -> tuple[str, dict[str, Json]]:
    """The attestation, and what its claims say, by the models beside it."""
    path = folder / ATTESTATION_NAME
    kind, details = _describe_attestation(path, "a bundle")
    claims: list[Json] = []
    for claim in _parse_attestation(path).claims:
        claims.append(claim.name)
        if isinstance(claim, AccountsClaim | BookClaim):
            model = folder / claim.model
            data = read_small_file(model, "PATH", MAX_JSON_BYTES) if model.is_file() else b""
            claims += [f"  {line}" for line in _model_lines(data)]
    return kind, {"claims": claims, **details}


def _model_lines(model: bytes) -> list[str]:
    """What a margin model demands, in plain words; nothing of other models."""
    try:
        words = model_words(model)
    except ClaimDocumentError:
        return ["its model is none that this version can read"]
    return [] if words is None else [words.title, *words.conditions]


def _parse_attestation(path: Path) -> Attestation:
    try:
        return Attestation.parse(read_small_file(path, "PATH", MAX_JSON_BYTES))
    except JsonError as error:
        raise OptionError(f"{path}: {error}") from error


def _describe_attestation(path: Path, kind: str) -> tuple[str, dict[str, Json]]:
    attestation = _parse_attestation(path)
    files: list[Json] = [f"{entry.name}, {entry.size:,} bytes" for entry in attestation.files]
    return kind, {**_book_details(attestation.book), "files": files}


def _book_details(book: SealedBook) -> dict[str, Json]:
    return {
        "issuer": book.issuer,
        "issuer_key": book.public_key.hex(),
        "as_of": format_time(book.as_of),
        "book_digest": book.digest().hex(),
        "root_hash": book.root.hash.hex(),
        "root_sum": book.root.sum.hex(),
        "leaf_count": book.leaf_count,
        "assets": [f"{asset.id} ({asset.decimals} decimals)" for asset in book.assets],
    }


def _describe_opening(path: Path, data: bytes) -> tuple[str, dict[str, Json]]:
    try:
        opening = Opening.parse(data)
    except JsonError as error:
        raise OptionError(
            f"{path} is not a certificate, and is not an opening, an attestation, or a folder of ours: {error}"
        ) from error
    positions: list[Json] = [
        f"{position.asset.id} {format_amount(position.amount, position.asset.decimals)}"
        for position in opening.positions
    ]
    return "an opening (private to its holder)", {
        "account": opening.account,
        "positions": positions,
        "leaf_index": opening.leaf_index,
        **_book_details(opening.book),
    }


def _describe_book(path: Path) -> tuple[str, dict[str, Json]]:
    from prover.book.store import Book

    book = Book.open(path)
    return "a book (private)", {
        "accounts": book.account_count,
        "positions": book.position_count,
        "assets": [f"{asset.id} ({asset.decimals} decimals)" for asset in book.assets],
        "documents": list[Json](sorted(book.documents)),
    }


def _describe_vault(path: Path) -> tuple[str, dict[str, Json]]:
    from prover.vault import BOOKS_NAME, Vault

    vault = Vault.open(path)
    books = sorted(
        entry.name for entry in (vault.folder / BOOKS_NAME).iterdir() if not entry.name.startswith(".")
    )
    public = (
        read_small_file(path / "issuer.pub", "PATH").decode("ascii", errors="replace").strip()
        if (path / "issuer.pub").is_file()
        else "missing"
    )
    return "a vault (private)", {"issuer_key": public, "books": list[Json](books)}
