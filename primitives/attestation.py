"""The attestation: what an issuer signs about a sealed book.

    book digest = SHA-256("sealedbook/v1/book-digest" 00 || RFC 8785 form of the `book` object)

The book digest names one sealed book: issuer, time, assets with their decimals, leaves, root. Openings and
proofs are bound to it. The attestation around it lists every file of the bundle with length and SHA-256;
proofs that are added later change the attestation and its signature, never the book digest.

A book that was made by updating another one names that book's digest as its predecessor.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Final

from primitives.assets import Asset, AssetListError, validate_assets
from primitives.claims import MAX_CLAIMS, PROOF_FOLDER, Claim, parse_claim
from primitives.parameters import BOOK_DIGEST_LABEL, HASH_BYTES, MAX_TREE_HEIGHT, POINT_BYTES
from primitives.signing import PUBLIC_KEY_BYTES
from primitives.strict_json import Json, JsonError, JsonObject, canonical_json, parse_canonical_json
from primitives.sum_tree import SumNode, tree_height

ATTESTATION_FORMAT: Final = "sealedbook/attestation/v1"
BOOK_FORMAT: Final = "sealedbook/sealed-book/v1"
ATTESTATION_NAME: Final = "attestation.json"
SIGNATURE_NAME: Final = "attestation.sig"
LEAVES_NAME: Final = "leaves.bin"

MAX_ASSETS: Final = 65_536
MAX_FILES: Final = 65_536
MAX_FILE_BYTES: Final = 1 << 42
MAX_ISSUER_LENGTH: Final = 200

_TIME: Final = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")
_FILE_NAME: Final = re.compile(r"\A[a-z0-9][a-z0-9._-]{0,99}(?:/[a-z0-9][a-z0-9._-]{0,99})?\Z")


class UpdateForm(StrEnum):
    """How a book was made from its predecessor."""

    CHANGED = "changed"
    """Some leaves were sealed anew; every other leaf is the predecessor's, byte for byte, at its place."""
    ANEW = "anew"
    """Every leaf was sealed anew, in a new order: nothing links the leaves of the two books."""


@dataclass(frozen=True)
class Predecessor:
    """The book that a book was made from: its digest, and how."""

    digest: bytes
    form: UpdateForm

    def to_json(self) -> Json:
        """The object as it stands in the `book` object."""
        return {"book": self.digest.hex(), "form": self.form.value}

    @staticmethod
    def read(fields: JsonObject) -> Predecessor:
        """The strict inverse of `to_json`."""
        digest = fields.hex("book", HASH_BYTES)
        form = fields.text("form", max_length=40)
        if form not in tuple(UpdateForm):
            raise fields.fail("form", f"{form!r} is not one of {', '.join(UpdateForm)}")
        fields.finish()
        return Predecessor(digest, UpdateForm(form))


@dataclass(frozen=True)
class SealedBook:
    """The `book` object: one sealed book, without anything said about it.

    `predecessor` is None for a book that was not made by updating another one.
    """

    issuer: str
    public_key: bytes
    as_of: datetime
    assets: tuple[Asset, ...]
    leaf_count: int
    leaves_sha256: bytes
    root: SumNode
    predecessor: Predecessor | None = None

    def to_json(self) -> Json:
        """The object as it stands in the attestation and in openings."""
        document: dict[str, Json] = {
            "format": BOOK_FORMAT,
            "issuer": {"name": self.issuer, "public_key": self.public_key.hex()},
            "as_of": format_time(self.as_of),
            "assets": [{"id": asset.id, "decimals": asset.decimals} for asset in self.assets],
            "leaves": {"count": self.leaf_count, "sha256": self.leaves_sha256.hex()},
            "root": {"hash": self.root.hash.hex(), "sum": self.root.sum.hex()},
        }
        if self.predecessor is not None:
            document["predecessor"] = self.predecessor.to_json()
        return document

    def digest(self) -> bytes:
        """The 32-byte book digest."""
        return self._digest

    @cached_property
    def _digest(self) -> bytes:
        # Every proof and certificate asks for it, and the list of assets may be long.
        return hashlib.sha256(BOOK_DIGEST_LABEL + canonical_json(self.to_json())).digest()

    @staticmethod
    def parse(value: Json, path: str = "$") -> SealedBook:
        """The strict inverse of `to_json`; `JsonError` names the field."""
        fields = JsonObject(value, path)
        fields.constant("format", BOOK_FORMAT)
        issuer = fields.object("issuer")
        name = issuer.text("name", max_length=MAX_ISSUER_LENGTH)
        if not name.isprintable() or name != name.strip():
            raise issuer.fail("name", "has control characters or surrounding blanks")
        public_key = issuer.hex("public_key", PUBLIC_KEY_BYTES)
        issuer.finish()
        as_of = parse_time(fields.text("as_of"), fields.path("as_of"))
        assets = fields.array("assets", _parse_asset, max_items=MAX_ASSETS)
        try:
            validate_assets(assets)
        except AssetListError as error:
            raise fields.fail("assets", str(error)) from error
        leaves = fields.object("leaves")
        leaf_count = leaves.integer("count", minimum=1, maximum=1 << MAX_TREE_HEIGHT)
        try:
            tree_height(leaf_count)
        except ValueError as error:
            raise leaves.fail("count", str(error)) from error
        leaves_sha256 = leaves.hex("sha256", HASH_BYTES)
        leaves.finish()
        root = parse_node(fields.raw("root"), fields.path("root"))
        predecessor = Predecessor.read(fields.object("predecessor")) if fields.has("predecessor") else None
        fields.finish()
        return SealedBook(
            name, public_key, as_of, tuple(assets), leaf_count, leaves_sha256, root, predecessor
        )


@dataclass(frozen=True)
class BundleFile:
    """One file of the bundle: its name inside the bundle, length in bytes and SHA-256."""

    name: str
    size: int
    sha256: bytes

    def to_json(self) -> Json:
        """The entry as it stands in the attestation."""
        return {"name": self.name, "bytes": self.size, "sha256": self.sha256.hex()}

    @staticmethod
    def parse(value: Json, path: str) -> BundleFile:
        """The strict inverse of `to_json`."""
        fields = JsonObject(value, path)
        name = fields.text("name")
        if not _FILE_NAME.match(name) or name in (ATTESTATION_NAME, SIGNATURE_NAME):
            raise fields.fail("name", f"{name[:64]!r} is not a name a bundle file may have")
        size = fields.integer("bytes", minimum=0, maximum=MAX_FILE_BYTES)
        sha256 = fields.hex("sha256", HASH_BYTES)
        fields.finish()
        return BundleFile(name, size, sha256)


@dataclass(frozen=True)
class Attestation:
    """What ``attestation.json`` says; its bytes are the RFC 8785 form of `to_json`."""

    book: SealedBook
    files: tuple[BundleFile, ...]
    claims: tuple[Claim, ...] = ()

    def to_json(self) -> Json:
        """The document."""
        return {
            "format": ATTESTATION_FORMAT,
            "book": self.book.to_json(),
            "claims": [claim.to_json() for claim in self.claims],
            "files": [entry.to_json() for entry in self.files],
        }

    def to_bytes(self) -> bytes:
        """The bytes that are signed and published."""
        return canonical_json(self.to_json())

    def file(self, name: str) -> BundleFile:
        """The entry of `name`; `KeyError` if there is none."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, BundleFile]:
        # A bundle lists up to 65,536 files and each is looked up: by search that would take minutes.
        return {entry.name: entry for entry in self.files}

    @staticmethod
    def parse(data: bytes) -> Attestation:
        """The strict inverse of `to_bytes`; `JsonError` names the field."""
        fields = JsonObject(parse_canonical_json(data))
        fields.constant("format", ATTESTATION_FORMAT)
        book = SealedBook.parse(fields.raw("book"), fields.path("book"))
        files = fields.array("files", BundleFile.parse, max_items=MAX_FILES)
        names = [entry.name for entry in files]
        if names != sorted(set(names)):
            raise fields.fail("files", "entries are not in order of their names, or one appears twice")
        leaves = [entry for entry in files if entry.name == LEAVES_NAME]
        if not leaves or leaves[0].sha256 != book.leaves_sha256:
            raise fields.fail("files", f"{LEAVES_NAME} is not listed with the digest that the book states")
        claims = fields.array("claims", parse_claim, max_items=MAX_CLAIMS)
        fields.finish()
        _check_claims(fields, claims, set(names))
        return Attestation(book, tuple(files), tuple(claims))


def sorted_claims(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Claims in the order that the attestation wants."""
    return tuple(sorted(claims, key=lambda claim: claim.name))


def _check_claims(fields: JsonObject, claims: Sequence[Claim], listed: set[str]) -> None:
    """Claims have distinct names in order, and the files they need; no proof file is left without a claim."""
    names = [claim.name for claim in claims]
    if names != sorted(set(names)):
        raise fields.fail("claims", "claims are not in order of their names, or a name appears twice")
    needed = {name for claim in claims for name in claim.file_names}
    if missing := sorted(needed - listed):
        raise fields.fail("claims", f"{missing[0]} is claimed but not listed among the files")
    proof_names = [name for claim in claims for name in claim.file_names if name.startswith(PROOF_FOLDER)]
    if len(set(proof_names)) != len(proof_names):
        raise fields.fail("claims", "two claims name one proof file")
    proofs = {name for name in listed if name.startswith(PROOF_FOLDER)}
    if stray := sorted(proofs - needed):
        raise fields.fail("files", f"{stray[0]} belongs to no claim")


def format_time(moment: datetime) -> str:
    """``YYYY-MM-DDThh:mm:ssZ``, UTC, whole seconds."""
    # isoformat, not strftime: the C library writes years before 1000 without leading zeros
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_time(text: str, path: str) -> datetime:
    """The strict inverse of `format_time`."""
    try:
        moment = datetime.fromisoformat(text) if _TIME.match(text) else None
    except ValueError:
        moment = None
    # some versions of Python read 24:00:00 as midnight of the next day
    if moment is None or format_time(moment) != text:
        raise JsonError(path, f"{text[:40]!r} is not a UTC time such as 2026-01-31T00:00:00Z")
    return moment


def parse_node(value: Json, path: str) -> SumNode:
    """``{"hash": 32 bytes, "sum": 48 bytes}`` in hexadecimal."""
    fields = JsonObject(value, path)
    node = SumNode(fields.hex("hash", HASH_BYTES), fields.hex("sum", POINT_BYTES))
    fields.finish()
    return node


def node_to_json(node: SumNode) -> Json:
    """The inverse of `parse_node`."""
    return {"hash": node.hash.hex(), "sum": node.sum.hex()}


def sorted_files(entries: Sequence[BundleFile]) -> tuple[BundleFile, ...]:
    """Entries in the order that the attestation wants."""
    return tuple(sorted(entries, key=lambda entry: entry.name))


def _parse_asset(value: Json, path: str) -> Asset:
    fields = JsonObject(value, path)
    asset = read_asset(fields, "id")
    fields.finish()
    return asset


def read_asset(fields: JsonObject, id_field: str) -> Asset:
    """An asset from the fields `id_field` and ``decimals`` of an object."""
    name, decimals = fields.text(id_field), fields.integer("decimals", minimum=0, maximum=255)
    try:
        return Asset(name, decimals)
    except AssetListError as error:
        raise fields.fail(id_field, str(error)) from error
