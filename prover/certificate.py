"""Making a certificate: what an account holder proves about their own account, from the opening alone.

leaf     C = sum_a q_a G_a + rho H, under the root of a sealed book
proof    the range argument for U = 1: q satisfies the statement that model and market make about the
         book's whole list of assets, so that nothing hides in an asset that is left out
"""

from __future__ import annotations

from dataclasses import dataclass, field

from circuits.assignment import NotSatisfiedError, assign_bits
from circuits.claim_statement import compile_claim
from circuits.document_prices import inline_prices, market_prices
from circuits.evaluate import Violation
from circuits.integrality import is_range_of_one_position
from circuits.positions import PositionBatch
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.amounts_text import format_amount
from primitives.backend import Backend
from primitives.certificate import Certificate, CertificateTerms, CertifiedLeaf
from primitives.generators import Generators
from primitives.kernel_choice import get_kernels
from primitives.opening import Opening
from prover.argument import ArgumentProver, ArgumentWitness, ProofRandomness
from prover.errors import ProverError
from prover.failure_terms import FailureExplainer


@dataclass(frozen=True)
class Shortfall:
    """Which row of the statement an account fails first, and by how much; for its holder only.

    `amount` is in the units of the row: how far its value is below zero, or above its bound if `is_excess`.
    `text` is the same for people.
    """

    row: str
    amount: int = field(repr=False)
    text: str = field(repr=False)
    is_excess: bool


class CertificateRefusedError(ProverError):
    """The account does not satisfy the statement. Private: the shortfall tells about its positions."""

    def __init__(self, shortfall: Shortfall) -> None:
        self.shortfall = shortfall
        problem = "above its bound by" if shortfall.is_excess else "short by"
        super().__init__(
            f"this account does not satisfy the statement: {shortfall.row}: {problem} {shortfall.text}"
        )


def make_certificate(
    opening: Opening,
    backend: Backend,
    *,
    model: bytes,
    market: bytes | None = None,
    audience: str | None = None,
    randomness: ProofRandomness | None = None,
) -> Certificate:
    """The certificate that the account of `opening` satisfies `model` at the prices of `market`.

    `opening` has passed `verifier.opening.verify_own_opening`. `audience` (see
    `primitives.certificate.canonical_audience`) says for whom the certificate is made. `randomness` is drawn
    from the operating system unless given (for test vectors).

    Raises `circuits.claim_statement.ClaimDocumentError`, and `CertificateRefusedError` where the account does
    not satisfy the statement.
    """
    statement = compile_claim(model, market, opening.book.assets, scope=Scope.ACCOUNT)
    witness = _witness(opening, statement, backend, model, market)
    leaf = CertifiedLeaf(opening.leaf_index, opening.tag, opening.commitment)
    terms = CertificateTerms(opening.book, leaf, model, market, audience, statement.digest())
    prover = ArgumentProver(backend, get_kernels(backend), Generators(backend))
    return Certificate(terms, opening.path, prover.prove(terms.instance(statement), witness, randomness))


def _witness(
    opening: Opening, statement: Statement, backend: Backend, model: bytes, market: bytes | None
) -> ArgumentWitness:
    places = {asset: place for place, asset in enumerate(opening.book.assets)}
    positions = PositionBatch.from_mappings([{places[p.asset]: p.amount for p in opening.positions}])
    try:
        bits = assign_bits(statement, positions)
    except NotSatisfiedError as error:
        shortfall = _shortfall(statement, positions, error.violations[0], model, market)
        raise CertificateRefusedError(shortfall) from None
    return ArgumentWitness(positions, bits, backend.scalars_from_ints([opening.blinding]))


def _shortfall(
    statement: Statement, positions: PositionBatch, violation: Violation, model: bytes, market: bytes | None
) -> Shortfall:
    amount = violation.shortfall or violation.excess
    terms = FailureExplainer(model, market, statement).explain(violation, positions)
    if terms is None:
        text = _in_units(statement, violation.label, amount, model, market)
    else:
        text = f"{terms.amount}; {terms.detail}" if terms.detail else terms.amount
    return Shortfall(violation.label, amount, text, is_excess=violation.shortfall == 0)


def _in_units(statement: Statement, label: str, amount: int, model: bytes, market: bytes | None) -> str:
    """In units of the asset, or of the quote currency where all prices have one, else in those of the row."""
    row = next((row for row in statement.rows if row.label == label), None)
    if row is not None and is_range_of_one_position(row):
        asset = statement.assets[row.positions[0][0]]
        return f"{format_amount(amount, asset.decimals)} {asset.id}"
    lists = (*market_prices(market), *inline_prices(model))
    units = {(prices.quote, prices.scale) for prices in lists}
    if row is not None and len(units) == 1:
        ((quote, scale),) = units
        return f"{format_amount(amount, scale)} {quote}"
    return f"{amount:,} units of the row"
