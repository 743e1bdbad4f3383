"""Claims: what an attestation says is proven about a sealed book, and which files prove it.

    context digest = SHA-256("sealedbook/v1/claim-context" 00 || RFC 8785 form of the context object)

The context object names the book (its digest), the kind and name of the claim, the public documents that it
was made under (SHA-256 each) and the digest of the statement. Every proof of a claim absorbs the context
digest, so that a proof belongs to one book, one model, one market and one claim. Proof files are not part of
it: they are what is checked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from primitives.argument_parameters import ArgumentShape, SizedStatement, batch_profile
from primitives.errors import SealedbookError
from primitives.parameters import CLAIM_CONTEXT_LABEL, HASH_BYTES
from primitives.ratio import Ratio
from primitives.strict_json import Json, JsonObject, canonical_json

CONTEXT_FORMAT: Final = "sealedbook/claim-context/v1"
ACCOUNTS_KIND: Final = "accounts"
ACCOUNTS_SESSION: Final = b"sealedbook/v1/accounts"
SOLVENCY_KIND: Final = "solvency"
SOLVENCY_SESSION: Final = b"sealedbook/v1/solvency"
BOOK_KIND: Final = "book"
BOOK_SESSION: Final = b"sealedbook/v1/book"
TOTALS_APPLICATION: Final = b"sealedbook/v1/solvency-totals"
"""Names the sigma proof that the root's sum opens to public totals."""

PROOF_FOLDER: Final = "proofs/"
MAX_CLAIMS: Final = 64
MAX_BATCHES: Final = 1 << 16
MAX_BATCH_ACCOUNTS: Final = 1 << 15
MAX_BATCH_CELLS: Final = 1 << 27
"""Accounts times padded bits of one batch: bounds what a prover holds in memory at once, about 200 MB.

What a batch costs whatever it holds (the opening over 2^14 columns) is then small also for wide statements: with
2^18 padded bits an account, 2^25 cells made proving twice as dear.
"""

_NAME: Final = re.compile(r"\A[a-z0-9][a-z0-9-]{0,39}\Z")


class ClaimNameError(SealedbookError):
    """A claim's name cannot stand in file names."""


def check_claim_name(name: str) -> str:
    """Return `name` if it is 1 to 40 lower-case letters, digits and hyphens; `ClaimNameError` if not."""
    if not _NAME.match(name):
        raise ClaimNameError(
            f"claim name {name[:50]!r} is not 1 to 40 lower-case letters, digits and hyphens"
        )
    return name


def context_digest(
    kind: str, name: str, book_digest: bytes, documents: Mapping[str, bytes], statement_digest: bytes
) -> bytes:
    """The 32-byte digest that all proofs of a claim absorb.

    `documents` maps the role of a public document ("model", "market", "reserves", ...) to its bytes.
    """
    context: dict[str, Json] = {
        "format": CONTEXT_FORMAT,
        "kind": kind,
        "name": name,
        "book": book_digest.hex(),
        "documents": {role: hashlib.sha256(data).hexdigest() for role, data in documents.items()},
        "statement": statement_digest.hex(),
    }
    return hashlib.sha256(CLAIM_CONTEXT_LABEL + canonical_json(context)).digest()


@dataclass(frozen=True)
class BatchPlan:
    """How the leaves are cut into proofs: batch i holds the leaves ``i size <= u < (i + 1) size``."""

    leaf_count: int
    size: int

    @property
    def count(self) -> int:
        """Number of batches."""
        return self.leaf_count // self.size

    @staticmethod
    def for_statement(statement: SizedStatement, leaf_count: int) -> BatchPlan:
        """The plan that prover and verifier both derive; `leaf_count` is a power of two.

        The largest power of two that is at most the number of leaves, 2^15, and 2^27 over the padded bits of
        an account.
        """
        padded_bits = ArgumentShape(1, statement.bit_count, len(statement.assets), 0, 0).padded_bits
        return BatchPlan(
            leaf_count, min(leaf_count, MAX_BATCH_ACCOUNTS, max(1, MAX_BATCH_CELLS // padded_bits))
        )

    def shape(self, statement: SizedStatement) -> ArgumentShape:
        """The shape of each batch."""
        return batch_profile(statement, self.size)


@dataclass(frozen=True)
class AccountsClaim:
    """Every leaf satisfies a statement: model and market by file name, statement by digest.

    The digest is there so that a verifier that compiles another statement can say so; what is verified is
    what the verifier compiles from model and market. `signatures` is the file with sources' signatures of the
    market (`primitives.market_signatures`), if it has any. No proof absorbs them: they say who stands behind the
    market, and every proof absorbs the digest of that.
    """

    name: str
    model: str
    market: str | None
    statement_digest: bytes
    batches: int
    signatures: str | None = None

    def to_json(self) -> Json:
        """The object as it stands in the attestation."""
        document: dict[str, Json] = {
            "kind": ACCOUNTS_KIND,
            "name": self.name,
            "model": self.model,
            "statement": self.statement_digest.hex(),
            "batches": self.batches,
        }
        if self.market is not None:
            document["market"] = self.market
        if self.signatures is not None:
            document["signatures"] = self.signatures
        return document

    def proof_name(self, batch: int) -> str:
        """The file that proves one batch."""
        return f"{PROOF_FOLDER}{self.name}-{batch:06d}.narg"

    @property
    def kind(self) -> str:
        """What is claimed."""
        return ACCOUNTS_KIND

    @property
    def file_names(self) -> list[str]:
        """Every file that the claim needs."""
        documents = [self.model] if self.market is None else [self.model, self.market]
        return [*documents, *self.own_documents, *map(self.proof_name, range(self.batches))]

    @property
    def own_documents(self) -> list[str]:
        """Documents that leave the bundle with the claim: signatures; models and markets have uses of their own."""
        return [] if self.signatures is None else [self.signatures]

    @staticmethod
    def read(fields: JsonObject) -> AccountsClaim:
        """From the fields after ``kind``."""
        name = _read_name(fields)
        model = fields.text("model")
        market = fields.text("market") if fields.has("market") else None
        signatures = fields.text("signatures") if fields.has("signatures") else None
        if signatures is not None and market is None:
            raise fields.fail("signatures", "are of a market, and the claim has none")
        statement = fields.hex("statement", HASH_BYTES)
        batches = fields.integer("batches", minimum=1, maximum=MAX_BATCHES)
        fields.finish()
        return AccountsClaim(name, model, market, statement, batches, signatures)


@dataclass(frozen=True)
class SolvencyClaim:
    """Reserves cover `ratio` times the totals, for each asset that the reserves document names.

    `reserves` is that document's file name. `totals` is the file name of the public totals, or None where they
    stay hidden. The digest serves as in `AccountsClaim`.
    """

    name: str
    reserves: str
    totals: str | None
    ratio: Ratio
    statement_digest: bytes

    def to_json(self) -> Json:
        """The object as it stands in the attestation."""
        document: dict[str, Json] = {
            "kind": SOLVENCY_KIND,
            "name": self.name,
            "reserves": self.reserves,
            "ratio": self.ratio.to_json(),
            "totals": "hidden" if self.totals is None else "public",
            "statement": self.statement_digest.hex(),
        }
        if self.totals is not None:
            document["totals_file"] = self.totals
        return document

    @property
    def kind(self) -> str:
        """What is claimed."""
        return SOLVENCY_KIND

    @property
    def proof_name(self) -> str:
        """The file with the proof."""
        return f"{PROOF_FOLDER}{self.name}.narg"

    @property
    def own_documents(self) -> list[str]:
        """Documents that leave the bundle with the claim."""
        return [self.reserves] if self.totals is None else [self.reserves, self.totals]

    @property
    def file_names(self) -> list[str]:
        """Every file that the claim needs."""
        return [*self.own_documents, self.proof_name]

    @staticmethod
    def read(fields: JsonObject) -> SolvencyClaim:
        """From the fields after ``kind``."""
        name = _read_name(fields)
        reserves = fields.text("reserves")
        ratio = Ratio.read(fields.object("ratio"))
        mode = fields.text("totals")
        if mode not in ("hidden", "public"):
            raise fields.fail("totals", f"{mode[:40]!r} is not 'hidden' or 'public'")
        totals = fields.text("totals_file") if mode == "public" else None
        statement = fields.hex("statement", HASH_BYTES)
        fields.finish()
        return SolvencyClaim(name, reserves, totals, ratio, statement)


@dataclass(frozen=True)
class BookClaim:
    """The sum of all leaves satisfies limits: model and market by file name, statement by digest.

    `signatures` is that of signatures of the market by their sources, if there are any. The digest serves as in
    `AccountsClaim`.
    """

    name: str
    model: str
    market: str
    statement_digest: bytes
    signatures: str | None = None

    def to_json(self) -> Json:
        """The object as it stands in the attestation."""
        document: dict[str, Json] = {
            "kind": BOOK_KIND,
            "name": self.name,
            "model": self.model,
            "market": self.market,
            "statement": self.statement_digest.hex(),
        }
        if self.signatures is not None:
            document["signatures"] = self.signatures
        return document

    @property
    def kind(self) -> str:
        """What is claimed."""
        return BOOK_KIND

    @property
    def proof_name(self) -> str:
        """The file with the proof."""
        return f"{PROOF_FOLDER}{self.name}.narg"

    @property
    def own_documents(self) -> list[str]:
        """Documents that leave the bundle with the claim: no other kind of claim uses such a model."""
        return [self.model] if self.signatures is None else [self.model, self.signatures]

    @property
    def file_names(self) -> list[str]:
        """Every file that the claim needs."""
        return [self.market, *self.own_documents, self.proof_name]

    @staticmethod
    def read(fields: JsonObject) -> BookClaim:
        """From the fields after ``kind``."""
        name = _read_name(fields)
        model, market = fields.text("model"), fields.text("market")
        signatures = fields.text("signatures") if fields.has("signatures") else None
        statement = fields.hex("statement", HASH_BYTES)
        fields.finish()
        return BookClaim(name, model, market, statement, signatures)


Claim = AccountsClaim | SolvencyClaim | BookClaim


def parse_claim(value: Json, path: str) -> Claim:
    """A claim of any kind; `JsonError` names the field."""
    fields = JsonObject(value, path)
    kind = fields.text("kind")
    if kind == ACCOUNTS_KIND:
        return AccountsClaim.read(fields)
    if kind == SOLVENCY_KIND:
        return SolvencyClaim.read(fields)
    if kind == BOOK_KIND:
        return BookClaim.read(fields)
    raise fields.fail("kind", f"unknown kind {kind[:40]!r}: this verifier is too old for it, or it is wrong")


def _read_name(fields: JsonObject) -> str:
    name = fields.text("name")
    if not _NAME.match(name):
        raise fields.fail("name", "is not 1 to 40 lower-case letters, digits and hyphens")
    return name
