"""The certificate: a proof about one account alone, made by its holder, to be shown to others.

    context digest = SHA-256("sealedbook/v1/certificate-context" 00 || RFC 8785 form of the context object)

The context object names the book (its digest), the leaf, the public documents (SHA-256 each), the digest of
the statement and the audience, which is the text that says for whom the certificate was made. The proof
absorbs the context digest: it proves one statement about one leaf of one book, to one audience.

A certificate holds no position, blinding, salt or account id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Final

from primitives.argument_instance import ArgumentInstance, StatementForm
from primitives.argument_parameters import certificate_profile
from primitives.attestation import SealedBook, node_to_json, parse_node
from primitives.errors import SealedbookError
from primitives.parameters import (
    CERTIFICATE_CONTEXT_LABEL,
    HASH_BYTES,
    MAX_TREE_HEIGHT,
    POINT_BYTES,
    TAG_BYTES,
)
from primitives.strict_json import MAX_JSON_BYTES, Json, JsonObject, canonical_json, parse_json
from primitives.sum_tree import SumNode

CERTIFICATE_FORMAT: Final = "sealedbook/certificate/v1"
CERTIFICATE_CONTEXT_FORMAT: Final = "sealedbook/certificate-context/v1"
CERTIFICATE_SESSION: Final = b"sealedbook/v1/certificate"

MAX_AUDIENCE_LENGTH: Final = 200


class AudienceError(SealedbookError):
    """Text cannot name an audience; says why."""


def canonical_audience(text: str) -> str:
    """`text` itself if it may name an audience; `AudienceError` with the reason otherwise.

    1 to 200 printable characters in Normalization Form C, without white space at either end.
    """
    if not 1 <= len(text) <= MAX_AUDIENCE_LENGTH:
        raise AudienceError(f"an audience is named by 1 to {MAX_AUDIENCE_LENGTH} characters, not {len(text)}")
    if not text.isprintable() or text != text.strip():
        raise AudienceError("the audience has control characters or surrounding blanks")
    if not unicodedata.is_normalized("NFC", text):
        raise AudienceError("the audience is not in Unicode Normalization Form C")
    return text


def typed_audience(text: str) -> str:
    """The audience meant by what a person typed: white space at the ends removed, Normalization Form C."""
    return canonical_audience(unicodedata.normalize("NFC", text.strip()))


@dataclass(frozen=True)
class CertifiedLeaf:
    """The published leaf that a certificate is about: its index, tag (32 bytes), commitment (48 bytes)."""

    index: int
    tag: bytes
    commitment: bytes

    def to_json(self) -> Json:
        """The object as it stands in certificates and in their context."""
        return {"index": self.index, "tag": self.tag.hex(), "commitment": self.commitment.hex()}

    @staticmethod
    def read(fields: JsonObject) -> CertifiedLeaf:
        """The strict inverse of `to_json`."""
        index = fields.integer("index", minimum=0, maximum=(1 << MAX_TREE_HEIGHT) - 1)
        tag, commitment = fields.hex("tag", TAG_BYTES), fields.hex("commitment", POINT_BYTES)
        fields.finish()
        return CertifiedLeaf(index, tag, commitment)


@dataclass(frozen=True)
class CertificateTerms:
    """What is certified, about which leaf, to whom: everything that the proof is bound to.

    `model` and `market` are the documents' bytes, UTF-8 text. `audience` is None where a certificate is made
    for nobody in particular. `statement_digest` is what the documents compile to; it is there so that a
    verifier that compiles another statement can say so, and is never used in place of its own.
    """

    book: SealedBook
    leaf: CertifiedLeaf
    model: bytes
    market: bytes | None
    audience: str | None
    statement_digest: bytes

    def context_digest(self) -> bytes:
        """The 32 bytes that the proof absorbs."""
        documents: dict[str, Json] = {"model": hashlib.sha256(self.model).hexdigest()}
        if self.market is not None:
            documents["market"] = hashlib.sha256(self.market).hexdigest()
        context: dict[str, Json] = {
            "format": CERTIFICATE_CONTEXT_FORMAT,
            "book": self.book.digest().hex(),
            "leaf": self.leaf.to_json(),
            "documents": documents,
            "statement": self.statement_digest.hex(),
            "audience": self.audience,
        }
        return hashlib.sha256(CERTIFICATE_CONTEXT_LABEL + canonical_json(context)).digest()

    def instance(self, statement: StatementForm) -> ArgumentInstance:
        """What the proof proves: `statement`, compiled by the caller, of this leaf alone (U = 1).

        The shape follows from the statement.
        """
        return ArgumentInstance(
            statement=statement,
            shape=certificate_profile(statement),
            session=CERTIFICATE_SESSION,
            context_digest=self.context_digest(),
            batch_index=0,
            leaf_commitments=self.leaf.commitment,
        )


@dataclass(frozen=True)
class Certificate:
    """The terms, the path from the leaf to the root, and the proof. Public: nothing in it is secret."""

    terms: CertificateTerms
    path: tuple[SumNode, ...]
    proof: bytes

    def to_bytes(self) -> bytes:
        """The file: canonical JSON and a final newline."""
        terms = self.terms
        document: dict[str, Json] = {
            "format": CERTIFICATE_FORMAT,
            "book": terms.book.to_json(),
            "leaf": terms.leaf.to_json(),
            "path": [node_to_json(node) for node in self.path],
            "model": terms.model.decode("utf-8"),
            "statement": terms.statement_digest.hex(),
            "proof": base64.b64encode(self.proof).decode("ascii"),
        }
        if terms.market is not None:
            document["market"] = terms.market.decode("utf-8")
        if terms.audience is not None:
            document["audience"] = terms.audience
        return canonical_json(document) + b"\n"

    @staticmethod
    def parse(data: bytes) -> Certificate:
        """Read a certificate strictly; layout and white space are free. `JsonError` names the field.

        Form, ranges and lengths of the fields are checked here, what they mean by `verifier.certificate`; the
        proof has any length here, because its length follows from the statement alone.
        """
        fields = JsonObject(parse_json(data))
        fields.constant("format", CERTIFICATE_FORMAT)
        book = SealedBook.parse(fields.raw("book"), fields.path("book"))
        leaf = CertifiedLeaf.read(fields.object("leaf"))
        path = fields.array("path", parse_node, max_items=MAX_TREE_HEIGHT)
        model = read_document(fields, "model")
        market = read_document(fields, "market") if fields.has("market") else None
        audience = read_audience(fields) if fields.has("audience") else None
        statement_digest = fields.hex("statement", HASH_BYTES)
        proof = read_base64(fields, "proof")
        fields.finish()
        terms = CertificateTerms(book, leaf, model, market, audience, statement_digest)
        return Certificate(terms, tuple(path), proof)


def read_document(fields: JsonObject, name: str) -> bytes:
    """A public document that is embedded as text, because its exact bytes count."""
    return fields.text(name, max_length=MAX_JSON_BYTES).encode("utf-8")


def read_audience(fields: JsonObject) -> str:
    """The field ``audience``, in canonical form."""
    text = fields.text("audience", max_length=MAX_AUDIENCE_LENGTH)
    try:
        return canonical_audience(text)
    except AudienceError as error:
        raise fields.fail("audience", str(error)) from error


def read_base64(fields: JsonObject, name: str) -> bytes:
    """Standard base64 with padding; the one text that encodes these bytes (RFC 4648, section 3.5)."""
    text = fields.text(name, max_length=MAX_JSON_BYTES)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise fields.fail(name, "is not base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise fields.fail(name, "is not canonical base64")
    return data
