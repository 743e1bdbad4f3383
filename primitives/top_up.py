"""The top-up certificate: one account before and after a deposit, without its positions.

    before   C  = sum_a q_a G_a + rho H      the leaf, under the root of a sealed book
    after    C' = C + t G_a + d H            t base units of the asset a more, d a fresh blinding
             C' = C + t (G_a - G_b) + d H    where they are taken from another column b of the same account

    difference   t public:  a sigma proof that  C' - C - t G_a [+ t G_b]  is a multiple of H
                 t hidden:  the range argument that  C' - C  opens to t in a [and -t in b], 0 <= t < 2^w
    proof        the range argument that C' satisfies the statement, such as a margin model with a buffer
    source       another leaf C_2 of the same root that pays: a sigma proof that  C' + C_2' - C - C_2  is a
                 multiple of H, and the range argument for C_2'
    minimal      the range argument that the statement cannot hold of the account with one step less

    context digest = SHA-256("sealedbook/v1/top-up-context" 00 || RFC 8785 form of the context object)

Every proof absorbs the context digest, which binds book, leaves, asset, amount, the commitments after, documents,
statement and audience. A certificate holds no position, blinding, salt or account id.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from dataclasses import dataclass
from typing import Final

from primitives.argument_instance import ArgumentInstance, StatementForm
from primitives.argument_parameters import certificate_profile
from primitives.assets import Asset
from primitives.attestation import SealedBook, node_to_json, parse_node, read_asset
from primitives.backend import Backend, PointVector
from primitives.certificate import CertifiedLeaf, read_audience, read_base64, read_document
from primitives.generators import Generators
from primitives.linear_relation import Equation, LinearRelation, generator
from primitives.parameters import (
    AMOUNT_LIMIT,
    HASH_BYTES,
    MAX_TREE_HEIGHT,
    POINT_BYTES,
    TOP_UP_CONTEXT_LABEL,
)
from primitives.pedersen_relations import public_difference_opening
from primitives.sigma import BATCHABLE_MARKER, sigma_tag
from primitives.strict_json import Json, JsonObject, canonical_json, parse_json
from primitives.sum_tree import SumNode

TOP_UP_FORMAT: Final = "sealedbook/top-up/v1"
TOP_UP_CONTEXT_FORMAT: Final = "sealedbook/top-up-context/v1"
AFTER_SESSION: Final = b"sealedbook/v1/top-up-after"
AMOUNT_SESSION: Final = b"sealedbook/v1/top-up-amount"
SOURCE_SESSION: Final = b"sealedbook/v1/top-up-source"
MINIMAL_SESSION: Final = b"sealedbook/v1/top-up-minimal"
DIFFERENCE_TAG: Final = sigma_tag(b"sealedbook/v1/top-up-difference", BATCHABLE_MARKER)
CONSERVATION_TAG: Final = sigma_tag(b"sealedbook/v1/top-up-conservation", BATCHABLE_MARKER)

MAX_AMOUNT_BITS: Final = 62
MAX_MULTIPLIER_ROWS: Final = 4_096
MAX_MULTIPLIER: Final = (1 << 120) - 1


@dataclass(frozen=True, slots=True)
class PublicAmount:
    """Exactly so many base units, ``0 < t < 2^63``."""

    base_units: int

    def to_json(self) -> dict[str, Json]:
        """The fields as they stand in certificates and in their context."""
        return {"amount": str(self.base_units)}


@dataclass(frozen=True, slots=True)
class HiddenAmount:
    """Some number of base units ``0 <= t < 2^bits``, and at most `limit` if there is one."""

    bits: int
    limit: int | None = None

    def to_json(self) -> dict[str, Json]:
        """The fields as they stand in certificates and in their context."""
        fields: dict[str, Json] = {"bits": self.bits}
        if self.limit is not None:
            fields["limit"] = str(self.limit)
        return fields


Amount = PublicAmount | HiddenAmount


@dataclass(frozen=True)
class SourceTerms:
    """The leaf that pays, and its commitment after it has paid."""

    leaf: CertifiedLeaf
    after: bytes

    def to_json(self) -> dict[str, Json]:
        """As in certificates and in their context."""
        return {"leaf": self.leaf.to_json(), "after": self.after.hex()}


@dataclass(frozen=True, slots=True)
class MinimalTerms:
    """With `step` base units less the statement cannot hold, as the combination of rows shows.

    `multipliers` are pairs (row of the statement, positive factor), rows in increasing order. They tell which
    pieces of the requirement are active, and nothing else; see `circuits.insufficiency`.
    """

    step: int
    multipliers: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Json]:
        """As in certificates and in their context."""
        rows: list[Json] = [
            {"row": row, "multiplier": str(multiplier)} for row, multiplier in self.multipliers
        ]
        return {"step": str(self.step), "rows": rows}


@dataclass(frozen=True)
class TopUpTerms:
    """Everything that the proofs are bound to.

    `model` and `market` are the documents' bytes, UTF-8 text. `statement_digest` is what they compile to; it is
    there so that a verifier that compiles another statement can say so, and is never used in place of its own.
    """

    book: SealedBook
    leaf: CertifiedLeaf
    asset: Asset
    taken_from: Asset | None
    amount: Amount
    after: bytes
    model: bytes
    market: bytes | None
    audience: str | None
    statement_digest: bytes
    source: SourceTerms | None = None
    minimal: MinimalTerms | None = None

    @property
    def moved_assets(self) -> tuple[Asset, ...]:
        """The asset that is added, and the column that it is taken from if there is one."""
        return (self.asset,) if self.taken_from is None else (self.asset, self.taken_from)

    def context_digest(self) -> bytes:
        """The 32 bytes that every proof absorbs."""
        documents: dict[str, Json] = {"model": hashlib.sha256(self.model).hexdigest()}
        if self.market is not None:
            documents["market"] = hashlib.sha256(self.market).hexdigest()
        context: dict[str, Json] = {
            "format": TOP_UP_CONTEXT_FORMAT,
            "book": self.book.digest().hex(),
            "leaf": self.leaf.to_json(),
            "top_up": self.amount_to_json(),
            "taken_from": None if self.taken_from is None else _asset_to_json(self.taken_from),
            "after": self.after.hex(),
            "documents": documents,
            "statement": self.statement_digest.hex(),
            "audience": self.audience,
            "source": None if self.source is None else self.source.to_json(),
            "minimal": None if self.minimal is None else self.minimal.to_json(),
        }
        return hashlib.sha256(TOP_UP_CONTEXT_LABEL + canonical_json(context)).digest()

    def amount_to_json(self) -> dict[str, Json]:
        """The object ``top_up``."""
        return {**_asset_to_json(self.asset), **self.amount.to_json()}

    def after_instance(self, statement: StatementForm) -> ArgumentInstance:
        """`statement`, compiled by the caller, of the account after the top-up."""
        return self._instance(statement, AFTER_SESSION, self.after)

    def amount_instance(self, statement: StatementForm, difference: bytes) -> ArgumentInstance:
        """The statement about a hidden amount (`circuits.top_up_statement`), of the `difference` of commitments."""
        return self._instance(statement, AMOUNT_SESSION, difference)

    def source_instance(self, statement: StatementForm, after: bytes) -> ArgumentInstance:
        """`statement` of the account that pays."""
        return self._instance(statement, SOURCE_SESSION, after)

    def minimal_instance(self, statement: StatementForm) -> ArgumentInstance:
        """That one step less is not enough (`circuits.insufficiency`), of the account after the top-up."""
        return self._instance(statement, MINIMAL_SESSION, self.after)

    def _instance(self, statement: StatementForm, session: bytes, commitment: bytes) -> ArgumentInstance:
        """U = 1; the shape follows from the statement."""
        return ArgumentInstance(
            statement=statement,
            shape=certificate_profile(statement),
            session=session,
            context_digest=self.context_digest(),
            batch_index=0,
            leaf_commitments=commitment,
        )


@dataclass(frozen=True)
class SourceProofs:
    """What goes with `SourceTerms`: the path of the leaf, and the two proofs."""

    path: tuple[SumNode, ...]
    conservation: bytes
    proof: bytes


@dataclass(frozen=True)
class TopUpCertificate:
    """Terms, path and proofs. Public: nothing in it is secret.

    `source` is there exactly if the terms have a source, `minimal` (a proof) if they have `minimal`.
    """

    terms: TopUpTerms
    path: tuple[SumNode, ...]
    difference: bytes
    proof: bytes
    source: SourceProofs | None = None
    minimal: bytes | None = None

    def to_bytes(self) -> bytes:
        """The file: canonical JSON and a final newline."""
        terms = self.terms
        document: dict[str, Json] = {
            "format": TOP_UP_FORMAT,
            "book": terms.book.to_json(),
            "leaf": terms.leaf.to_json(),
            "path": [node_to_json(node) for node in self.path],
            "top_up": terms.amount_to_json(),
            "after": terms.after.hex(),
            "model": terms.model.decode("utf-8"),
            "statement": terms.statement_digest.hex(),
            "difference": _base64_text(self.difference),
            "proof": _base64_text(self.proof),
        }
        if terms.taken_from is not None:
            document["taken_from"] = _asset_to_json(terms.taken_from)
        if terms.market is not None:
            document["market"] = terms.market.decode("utf-8")
        if terms.audience is not None:
            document["audience"] = terms.audience
        if terms.source is not None and self.source is not None:
            document["source"] = {
                **terms.source.to_json(),
                "path": [node_to_json(node) for node in self.source.path],
                "conservation": _base64_text(self.source.conservation),
                "proof": _base64_text(self.source.proof),
            }
        if terms.minimal is not None and self.minimal is not None:
            document["minimal"] = {**terms.minimal.to_json(), "proof": _base64_text(self.minimal)}
        return canonical_json(document) + b"\n"

    @staticmethod
    def parse(data: bytes) -> TopUpCertificate:
        """Read a certificate strictly; layout and white space are free. `JsonError` names the field.

        Form, ranges and lengths of the fields are checked here, what they mean by `verifier.top_up`; proofs have
        any length here, because theirs follow from the statements alone.
        """
        fields = JsonObject(parse_json(data))
        fields.constant("format", TOP_UP_FORMAT)
        book = SealedBook.parse(fields.raw("book"), fields.path("book"))
        leaf = CertifiedLeaf.read(fields.object("leaf"))
        path = fields.array("path", parse_node, max_items=MAX_TREE_HEIGHT)
        asset, amount = _read_amount(fields.object("top_up"))
        taken_from = _read_moved_asset(fields.object("taken_from")) if fields.has("taken_from") else None
        after = fields.hex("after", POINT_BYTES)
        model = read_document(fields, "model")
        market = read_document(fields, "market") if fields.has("market") else None
        audience = read_audience(fields) if fields.has("audience") else None
        statement_digest = fields.hex("statement", HASH_BYTES)
        difference, proof = read_base64(fields, "difference"), read_base64(fields, "proof")
        source_terms, source = _read_source(fields) if fields.has("source") else (None, None)
        if source_terms is not None and taken_from is not None:
            raise fields.fail("source", "stands beside 'taken_from': one of them pays")
        minimal_terms, minimal = _read_minimal(fields) if fields.has("minimal") else (None, None)
        fields.finish()
        terms = TopUpTerms(
            book, leaf, asset, taken_from, amount, after, model, market, audience, statement_digest,
            source_terms, minimal_terms,
        )  # fmt: skip
        return TopUpCertificate(terms, tuple(path), difference, proof, source, minimal)


def difference_relation(
    backend: Backend, generators: Generators, terms: TopUpTerms, base_units: int
) -> LinearRelation:
    """``C' - C - t G_a [+ t G_b] = d H``, t public; witness: d.

    The commitments in `terms` decode. Raises `primitives.instance_validation.InstanceError`.
    """
    signs = (1, -1)[: len(terms.moved_assets)]
    return public_difference_opening(
        backend,
        generators=generators.assets(terms.moved_assets),
        blinding_generator=generators.blinding(),
        minuend=backend.points_from_compressed(terms.after),
        subtrahend=backend.points_from_compressed(terms.leaf.commitment),
        amounts=[sign * base_units for sign in signs],
    )


def conservation_relation(
    backend: Backend, generators: Generators, before: PointVector, after: PointVector
) -> LinearRelation:
    """``C_1' + C_2' - C_1 - C_2 = d H``: two accounts together hold after what they held before; witness: d.

    `before` and `after` are vectors of two points. Raises `primitives.instance_validation.InstanceError`.
    """
    elements = generator(backend).concat(generators.blinding()).concat(after).concat(before)
    image = [(2, 1), (3, 1), (4, -1), (5, -1)]
    return LinearRelation(backend, elements, [Equation(image, [(0, 1, 1)])])


def subtract(minuend: PointVector, subtrahend: PointVector) -> PointVector:
    """``C' - C``."""
    return minuend.add(subtrahend.negate())


def _read_amount(fields: JsonObject) -> tuple[Asset, Amount]:
    asset = read_asset(fields, "asset")
    if fields.has("bits"):
        bits = fields.integer("bits", minimum=1, maximum=MAX_AMOUNT_BITS)
        limit = None
        if fields.has("limit"):
            limit = fields.decimal_integer("limit", minimum=1, maximum=(1 << bits) - 1)
        amount: Amount = HiddenAmount(bits, limit)
    else:
        amount = PublicAmount(fields.decimal_integer("amount", minimum=1, maximum=AMOUNT_LIMIT - 1))
    fields.finish()
    return asset, amount


def _read_moved_asset(fields: JsonObject) -> Asset:
    asset = read_asset(fields, "asset")
    fields.finish()
    return asset


def _read_source(fields: JsonObject) -> tuple[SourceTerms, SourceProofs]:
    source = fields.object("source")
    leaf = CertifiedLeaf.read(source.object("leaf"))
    path = tuple(source.array("path", parse_node, max_items=MAX_TREE_HEIGHT))
    after = source.hex("after", POINT_BYTES)
    proofs = SourceProofs(path, read_base64(source, "conservation"), read_base64(source, "proof"))
    source.finish()
    return SourceTerms(leaf, after), proofs


def _read_minimal(fields: JsonObject) -> tuple[MinimalTerms, bytes]:
    minimal = fields.object("minimal")
    step = minimal.decimal_integer("step", minimum=1, maximum=AMOUNT_LIMIT - 1)
    multipliers = minimal.array("rows", _parse_multiplier, max_items=MAX_MULTIPLIER_ROWS)
    if not multipliers or any(later[0] <= earlier[0] for earlier, later in itertools.pairwise(multipliers)):
        raise minimal.fail("rows", "is empty, or not in increasing order")
    proof = read_base64(minimal, "proof")
    minimal.finish()
    return MinimalTerms(step, tuple(multipliers)), proof


def _parse_multiplier(value: Json, path: str) -> tuple[int, int]:
    fields = JsonObject(value, path)
    row = fields.integer("row", minimum=0, maximum=1 << 16)
    multiplier = fields.decimal_integer("multiplier", minimum=1, maximum=MAX_MULTIPLIER)
    fields.finish()
    return row, multiplier


def _asset_to_json(asset: Asset) -> dict[str, Json]:
    return {"asset": asset.id, "decimals": asset.decimals}


def _base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
