"""Making a top-up certificate, from the opening of one account (and of the one that pays, if that is to be shown).

    C  = sum_a q_a G_a + rho H                   the leaf
    C' = C + t G_a [- t G_b] + d H               d fresh and uniform: C' alone tells nothing about t

The proofs are those of `primitives.top_up`. Nothing here moves money: the certificate says what the account would hold,
and that the statement holds of that.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from circuits.assignment import NotSatisfiedError, RowAssigner
from circuits.claim_statement import compile_claim
from circuits.insufficiency import InsufficiencyError, insufficiency_statement
from circuits.positions import PositionBatch
from circuits.rows import Scope
from circuits.statement import Statement
from circuits.top_up_statement import amount_statement
from primitives.argument_instance import ArgumentInstance
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.certificate import CertifiedLeaf
from primitives.generators import Generators
from primitives.kernel_choice import get_kernels
from primitives.opening import Opening
from primitives.parameters import AMOUNT_LIMIT, GROUP_ORDER
from primitives.sigma import prove_batchable
from primitives.sum_tree import SumNode
from primitives.top_up import (
    CONSERVATION_TAG,
    DIFFERENCE_TAG,
    Amount,
    HiddenAmount,
    MinimalTerms,
    PublicAmount,
    SourceProofs,
    SourceTerms,
    TopUpCertificate,
    TopUpTerms,
    conservation_relation,
    difference_relation,
    subtract,
)
from prover.argument import ArgumentProver, ArgumentWitness, ProofRandomness
from prover.certificate_refusal import refusal
from prover.errors import ProverError
from prover.insufficiency_multipliers import find_multipliers

_SEED_BYTES: Final = 32
_WIDE_BYTES: Final = 64
_LABEL: Final = b"sealedbook/v1/top-up-randomness\x00"


class TopUpError(ProverError):
    """The top-up that was asked for cannot be certified; private, it may tell about the account."""


@dataclass(frozen=True)
class TopUpRequest:
    """What is to be shown: `amount` base units of `asset` more.

    `hidden` keeps the amount secret and shows its range alone. It is taken from the column `taken_from` of the same
    account, or from the account of `source` (an opening of the same book), or, with neither, comes from outside.
    With `minimal_step` the certificate shows that this much less would not be enough.
    """

    asset: str
    amount: int = field(repr=False)
    hidden: HiddenAmount | None = None
    taken_from: str | None = None
    source: Opening | None = field(default=None, repr=False)
    minimal_step: int | None = None


@dataclass(frozen=True, slots=True)
class TopUpRandomness:
    """The seed of one certificate. Give it explicitly for test vectors only."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != _SEED_BYTES:
            raise ValueError(f"a seed has {_SEED_BYTES} bytes, not {len(self.seed)}")

    @classmethod
    def fresh(cls) -> TopUpRandomness:
        """32 bytes from the operating system."""
        return cls(secrets.token_bytes(_SEED_BYTES))

    def proof(self, purpose: bytes) -> ProofRandomness:
        """The seed of one range argument."""
        return ProofRandomness(hashlib.sha256(self._framed(b"proof", purpose)).digest())

    def blinding(self, purpose: bytes, context: bytes) -> int:
        """d, uniform. `context`, secret, makes other blindings of other contents, should a seed ever repeat."""
        data = self._framed(b"blinding", purpose) + hashlib.sha512(context).digest()
        return _scalar(hashlib.sha512(data).digest())

    def nonces(self, count: int, context: bytes) -> Sequence[int]:
        """A `primitives.sigma.NonceSource`."""
        data = self._framed(b"nonces", b"") + hashlib.sha512(context).digest()
        stream = hashlib.shake_256(data).digest(count * _WIDE_BYTES)
        return [_scalar(stream[start : start + _WIDE_BYTES]) for start in range(0, len(stream), _WIDE_BYTES)]

    def _framed(self, kind: bytes, purpose: bytes) -> bytes:
        return _LABEL + self.seed + kind + b"\x00" + purpose + b"\x00"


def make_top_up(
    opening: Opening,
    backend: Backend,
    request: TopUpRequest,
    *,
    model: bytes,
    market: bytes | None = None,
    audience: str | None = None,
    randomness: TopUpRandomness | None = None,
) -> TopUpCertificate:
    """The certificate that the account of `opening`, with the amount asked for, satisfies `model` at `market`.

    `opening` (and that of the source) has passed `verifier.opening.verify_own_opening`; `audience` as in
    `primitives.certificate.canonical_audience`. Raises `circuits.claim_statement.ClaimDocumentError`,
    `TopUpError`, and `prover.certificate_refusal.CertificateRefusedError` where an account does not satisfy the
    statement after the top-up.
    """
    chosen = TopUpRandomness.fresh() if randomness is None else randomness
    return _TopUp(opening, backend, request, model, market, audience, chosen).make()


class _TopUp:
    """One certificate under way. Holds openings: private."""

    def __init__(
        self,
        opening: Opening,
        backend: Backend,
        request: TopUpRequest,
        model: bytes,
        market: bytes | None,
        audience: str | None,
        randomness: TopUpRandomness,
    ) -> None:
        self._opening = opening
        self._backend = backend
        self._request = request
        self._model = model
        self._market = market
        self._audience = audience
        self._randomness = randomness
        self._assets = opening.book.assets
        self._generators = Generators(backend)
        self._prover = ArgumentProver(backend, get_kernels(backend), self._generators)

    def make(self) -> TopUpCertificate:
        """All commitments first, since every proof absorbs all of them."""
        request = self._request
        asset = self._asset(request.asset)
        taken_from = None if request.taken_from is None else self._asset(request.taken_from)
        amount = self._amount()
        if taken_from is not None and (taken_from == asset or taken_from.decimals != asset.decimals):
            raise TopUpError(
                f"{taken_from.id!r} is not another column with the decimals of {asset.id!r}: amounts cannot be moved"
            )
        account = _Account(self._backend, self._generators, self._opening, self._randomness, b"account")
        moves = {asset: request.amount}
        if taken_from is not None:
            moves[taken_from] = -request.amount
        after = account.after(moves)
        source = None if request.source is None else self._source(request.source, asset)
        statement = compile_claim(self._model, self._market, self._assets, scope=Scope.ACCOUNT)
        minimal, minimal_statement = self._minimal(statement, after, moves)
        terms = TopUpTerms(
            self._opening.book, account.leaf, asset, taken_from, amount, after.commitment, self._model, self._market,
            self._audience, statement.digest(),
            None if source is None else SourceTerms(source.leaf, source.commitment), minimal,
        )  # fmt: skip
        proof = self._prove(terms.after_instance(statement), statement, after, b"after")
        return TopUpCertificate(
            terms,
            self._opening.path,
            self._prove_difference(terms, account, after),
            proof,
            None if source is None else self._source_proofs(terms, statement, account, after, source),
            None
            if minimal_statement is None
            else self._prove(terms.minimal_instance(minimal_statement), minimal_statement, after, b"minimal"),
        )

    def _asset(self, asset_id: str) -> Asset:
        for asset in self._assets:
            if asset.id == asset_id:
                return asset
        raise TopUpError(f"{asset_id!r} is not an asset of the book")

    def _amount(self) -> Amount:
        request, hidden = self._request, self._request.hidden
        if not 0 < request.amount < AMOUNT_LIMIT:
            raise TopUpError("the amount is not a positive number of base units below 2^63")
        if hidden is None:
            return PublicAmount(request.amount)
        largest = (1 << hidden.bits) - 1 if hidden.limit is None else hidden.limit
        if request.amount > largest:
            raise TopUpError("the amount is beyond the range in which it is to be hidden")
        return hidden

    def _source(self, opening: Opening, asset: Asset) -> _Changed:
        if self._request.taken_from is not None:
            raise TopUpError("the amount is taken from another account or from another column, not from both")
        if opening.book != self._opening.book or opening.leaf_index == self._opening.leaf_index:
            raise TopUpError("the account that pays is not another account of the same book")
        account = _Account(self._backend, self._generators, opening, self._randomness, b"source")
        return account.after({asset: -self._request.amount})

    def _minimal(
        self, statement: Statement, after: _Changed, moves: Mapping[Asset, int]
    ) -> tuple[MinimalTerms | None, Statement | None]:
        step = self._request.minimal_step
        if step is None:
            return None, None
        if not 0 < step <= self._request.amount:
            raise TopUpError("a step is positive, and at most the amount")
        signs = {self._assets.index(moved): sign for moved, sign in zip(moves, (1, -1), strict=False)}
        less = {place: after.amounts.get(place, 0) - sign * step for place, sign in signs.items()}
        try:
            multipliers = find_multipliers(statement, {**after.amounts, **less})
            made = insufficiency_statement(statement, multipliers, signs, step)
        except InsufficiencyError as error:
            raise TopUpError(
                f"that {step} base units less are not enough cannot be shown: {error}"
            ) from error
        return MinimalTerms(step, multipliers), made

    def _prove_difference(self, terms: TopUpTerms, account: _Account, after: _Changed) -> bytes:
        if isinstance(terms.amount, PublicAmount):
            relation = difference_relation(self._backend, self._generators, terms, terms.amount.base_units)
            return prove_batchable(
                relation,
                [after.fresh],
                tag=DIFFERENCE_TAG,
                session=terms.context_digest(),
                nonces=self._randomness.nonces,
            )
        points = self._backend.points_from_compressed(after.commitment + account.leaf.commitment)
        difference = subtract(points.slice(0, 1), points.slice(1, 2)).to_compressed()
        statement = amount_statement(terms.moved_assets, terms.amount, terms.minimal)
        signs = (1, -1)[: len(terms.moved_assets)]
        moved = {place: sign * self._request.amount for place, sign in enumerate(signs)}
        hidden = replace(after, amounts=moved, blinding=after.fresh)
        return self._prove(terms.amount_instance(statement, difference), statement, hidden, b"amount")

    def _source_proofs(
        self, terms: TopUpTerms, statement: Statement, account: _Account, after: _Changed, source: _Changed
    ) -> SourceProofs:
        points = self._backend.points_from_compressed
        relation = conservation_relation(
            self._backend,
            self._generators,
            points(account.leaf.commitment + source.leaf.commitment),
            points(after.commitment + source.commitment),
        )
        conservation = prove_batchable(
            relation,
            [(after.fresh + source.fresh) % GROUP_ORDER],
            tag=CONSERVATION_TAG,
            session=terms.context_digest(),
            nonces=self._randomness.nonces,
        )
        proof = self._prove(terms.source_instance(statement, source.commitment), statement, source, b"source")
        return SourceProofs(source.path, conservation, proof)

    def _prove(
        self, instance: ArgumentInstance, statement: Statement, account: _Changed, purpose: bytes
    ) -> bytes:
        """The range argument of an instance of `statement` for the account, as it is after the top-up."""
        positions = PositionBatch.from_mappings([account.amounts])
        try:
            bits = RowAssigner(statement, self._backend).assign(positions)
        except NotSatisfiedError as error:
            violation = error.violations[0]
            raise refusal(statement, positions, violation, self._model, self._market) from None
        witness = ArgumentWitness(positions, bits, self._backend.scalars_from_ints([account.blinding]))
        return self._prover.prove(instance, witness, self._randomness.proof(purpose))


@dataclass(frozen=True)
class _Changed:
    """An account after amounts were moved: `fresh` is what was added to its blinding. Private."""

    leaf: CertifiedLeaf
    path: tuple[SumNode, ...]
    commitment: bytes
    amounts: Mapping[int, int] = field(repr=False)
    blinding: int = field(repr=False)
    fresh: int = field(repr=False)


class _Account:
    """An account as it is in the book. Private."""

    def __init__(
        self,
        backend: Backend,
        generators: Generators,
        opening: Opening,
        randomness: TopUpRandomness,
        purpose: bytes,
    ) -> None:
        self._backend = backend
        self._generators = generators
        self._opening = opening
        self._randomness = randomness
        self._purpose = purpose
        self.leaf = CertifiedLeaf(opening.leaf_index, opening.tag, opening.commitment)

    def after(self, moves: Mapping[Asset, int]) -> _Changed:
        """With so many base units more of each asset."""
        opening, backend = self._opening, self._backend
        places = {asset: place for place, asset in enumerate(opening.book.assets)}
        amounts = {places[position.asset]: position.amount for position in opening.positions}
        for asset, amount in moves.items():
            amounts[places[asset]] = amounts.get(places[asset], 0) + amount
            if abs(amounts[places[asset]]) >= AMOUNT_LIMIT:
                raise TopUpError(f"the account would hold 2^63 base units of {asset.id!r} or more")
        moved = ",".join(f"{places[asset]}:{amount}" for asset, amount in sorted(moves.items(), key=str))
        secret = opening.blinding.to_bytes(_SEED_BYTES, "big") + opening.salt + opening.tag + moved.encode()
        fresh = self._randomness.blinding(self._purpose, secret)
        bases = self._generators.assets(list(moves)).concat(self._generators.blinding())
        added = backend.multi_scalar_multiply(
            bases, backend.scalars_from_ints([amount % GROUP_ORDER for amount in (*moves.values(), fresh)])
        )
        commitment = backend.points_from_compressed(opening.commitment).add(added).to_compressed()
        return _Changed(
            self.leaf, opening.path, commitment, amounts, (opening.blinding + fresh) % GROUP_ORDER, fresh
        )


def _scalar(wide: bytes) -> int:
    """512 bits modulo r: bias below 2^-250."""
    return int.from_bytes(wide, "big") % GROUP_ORDER
