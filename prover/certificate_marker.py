"""One account's certificate, again and again as the market moves.

Opening, model and audience stay; each new market makes another statement, and so another proof, with fresh
randomness. What does not depend on the market is made once: the model is read, the tables of the generators are
computed with the first proof, positions and blinding are laid out.
"""

from __future__ import annotations

from circuits.assignment import NotSatisfiedError, RowAssigner
from circuits.claim_statement import compile_claim, find_margin_model, read_market
from circuits.modelling.errors import ModelError
from circuits.positions import PositionBatch
from circuits.rows import Scope
from circuits.statement import Statement
from circuits.statement_errors import StatementError
from primitives.backend import Backend
from primitives.certificate import Certificate, CertificateTerms, CertifiedLeaf
from primitives.generators import Generators
from primitives.kernel_choice import get_kernels
from primitives.opening import Opening
from prover.argument import ArgumentProver, ArgumentWitness, ProofRandomness
from prover.certificate_refusal import refusal


class CertificateMarker:
    """Makes certificates of one account under one model, at any number of markets. Holds the opening: private."""

    def __init__(
        self,
        opening: Opening,
        backend: Backend,
        *,
        model: bytes,
        audience: str | None = None,
        prover: ArgumentProver | None = None,
    ) -> None:
        """`opening` has passed `verifier.opening.verify_own_opening`; `audience` as in `prover.certificate`.

        Who marks several accounts gives one `prover`: its tables are the same for all. Raises
        `circuits.claim_statement.ClaimDocumentError` where the model is not well-formed.
        """
        self._opening = opening
        self._backend = backend
        self._model = model
        self._audience = audience
        self._definition = find_margin_model(model)
        self._assets = opening.book.assets
        places = {asset: place for place, asset in enumerate(self._assets)}
        held = {places[position.asset]: position.amount for position in opening.positions}
        self._positions = PositionBatch.from_mappings([held])
        self._blindings = backend.scalars_from_ints([opening.blinding])
        self._leaf = CertifiedLeaf(opening.leaf_index, opening.tag, opening.commitment)
        self._prover = prover or ArgumentProver(backend, get_kernels(backend), Generators(backend))

    def __repr__(self) -> str:
        return f"CertificateMarker(leaf {self._leaf.index} of book {self._opening.book.digest().hex()})"

    def mark(self, market: bytes | None, randomness: ProofRandomness | None = None) -> Certificate:
        """The certificate at the prices of `market`.

        `randomness` is drawn from the operating system for every proof unless given (for test vectors). Raises
        `circuits.claim_statement.ClaimDocumentError`, and `prover.certificate.CertificateRefusedError` where the
        account does not satisfy the statement.
        """
        statement = self._compile(market)
        witness = self._witness(statement, market)
        terms = CertificateTerms(
            self._opening.book, self._leaf, self._model, market, self._audience, statement.digest()
        )
        proof = self._prover.prove(terms.instance(statement), witness, randomness)
        return Certificate(terms, self._opening.path, proof)

    def _compile(self, market: bytes | None) -> Statement:
        """As `circuits.claim_statement.compile_claim`, but for reading the model."""
        if self._definition is not None:
            try:
                return self._definition.model(self._assets, read_market(market), Scope.ACCOUNT).compile()
            except (ModelError, StatementError, ArithmeticError):
                pass  # said below, with what is at fault
        return compile_claim(self._model, market, self._assets, scope=Scope.ACCOUNT)

    def _witness(self, statement: Statement, market: bytes | None) -> ArgumentWitness:
        try:
            bits = RowAssigner(statement, self._backend).assign(self._positions)
        except NotSatisfiedError as error:
            violation = error.violations[0]
            raise refusal(statement, self._positions, violation, self._model, market) from None
        return ArgumentWitness(self._positions, bits, self._blindings)
