"""Margins proven in zero knowledge: accounts at the boundary, one account a proof, as in a certificate."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

import pytest
from argument_support import (
    CONTEXT,
    SEED,
    SESSION,
    commit,
    fast_backend,
    prover_of,
    verifier_of,
)
from modelling_support import by_solver
from pmrm2_statements import Account, Prepared, poorer, prepare, prepared, read_case
from sealing_support import fastest_backend, seal

from circuits.assignment import NotSatisfiedError, assign_bits
from circuits.model_document import read_definition
from circuits.modelling.definition import Numbers
from circuits.pmrm2.case_documents import BOTH, CASH
from circuits.pmrm2.case_file import Case
from circuits.pmrm2.market_document import parse_pmrm2_market
from circuits.pmrm2.model import PortfolioMargin
from circuits.pmrm2.parameters import trusted_scenarios
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.argument_instance import ArgumentInstance
from primitives.argument_parameters import certificate_profile
from primitives.assets import Asset, parse_assets_json
from primitives.backend import Backend
from primitives.reference_backend import ReferenceBackend
from prover.argument import ArgumentWitness
from prover.prove_book import StatementFailsError, prove_book
from verifier.argument.errors import ArgumentError
from verifier.bundle import verify_bundle

SAMPLE: Final = (
    "e10_not_concave_near_expiry",
    "e1_settlement_window",
    "e5_perp_confidence_sets_expiries",
    "e8_strike_pairs",
    "g02",
    "g14",
    "g24",
)
"""lam > mu, the last half hour, a perp that sets rates, pairs, a large account, six expiries, a single option."""
EXAMPLE: Final = Path(__file__).parent.parent / "examples" / "models" / "pmrm2"
VECTOR: Final = "e5_perp_confidence_sets_expiries"
"""What the example is made of."""
TOLD: Final = r"short by 0\.0000000001 USD; equity .*, requirement .*, worst scenario 2 \(1\.12, Down\)"
BLINDING: Final = 7_000_003


def instance_of(made: Prepared, statement: Statement, account: Account, backend: Backend) -> ArgumentInstance:
    leaf = commit(backend, statement, made.batch([account]), [BLINDING]).to_compressed()
    return ArgumentInstance(statement, certificate_profile(statement), SESSION, CONTEXT, 0, leaf)


def prove(made: Prepared, statement: Statement, account: Account, backend: Backend) -> bytes:
    batch = made.batch([account])
    witness = ArgumentWitness(batch, assign_bits(statement, batch), backend.scalars_from_ints([BLINDING]))
    return prover_of(backend).prove(instance_of(made, statement, account, backend), witness, SEED)


@pytest.mark.skipif(fast_backend().name != "native", reason="takes minutes on the reference backend")
@pytest.mark.parametrize("name", SAMPLE)
def test_the_boundary_of_a_vector_is_proven(name: str) -> None:
    """With IM or MM exactly 0 there is a proof; it is of this leaf alone."""
    made, backend = prepared(name), fast_backend()
    statement = made.model(Scope.ACCOUNT).compile()
    (account,) = made.at_zero([made.account])
    proof = prove(made, statement, account, backend)
    verifier_of(backend).verify(instance_of(made, statement, account, backend), proof)
    (short,) = poorer([account])
    with pytest.raises(NotSatisfiedError):
        prove(made, statement, short, backend)
    with pytest.raises(ArgumentError, match="opening-equation"):
        verifier_of(backend).verify(instance_of(made, statement, short, backend), proof)


def tiny() -> Prepared:
    """A short call and cash, for a trusted caller, in whole units of the quote currency."""
    case = read_case("e12_worst_spot_up_no_vol")
    market = dataclasses.replace(case.market, options=case.market.options[:1])
    position = dataclasses.replace(case.position, options=(-2.0,))
    parameters = dataclasses.replace(case.parameters, scenarios=trusted_scenarios(case.parameters.basis))
    made = prepare(Case(market, parameters, position), BOTH[:1])
    option = made.book.columns.options[0]
    made = made.with_fields(
        numbers=Numbers(scale=0, cap=1 << 14, position_bits=14), perp=None, unsettled=None
    )
    assets = (Asset(CASH, 0), Asset(option, 0))
    return dataclasses.replace(made, assets=assets, account={CASH: 0, option: -2})


@pytest.mark.parametrize("backend", [fast_backend(), ReferenceBackend()], ids=lambda each: each.name)
def test_every_backend_proves_a_tiny_account_and_the_other_accepts_it(backend: Backend) -> None:
    made = tiny()
    statement = made.model(Scope.ACCOUNT).compile()
    assert statement.bit_count <= 256
    (account,) = made.at_zero([made.account], BOTH[:1])
    assert by_solver(statement, made.rows([account])[0])
    assert not by_solver(statement, made.rows(poorer([account]))[0])
    proof = prove(made, statement, account, backend)
    for verifying in (fast_backend(), ReferenceBackend()):
        verifier_of(verifying).verify(instance_of(made, statement, account, verifying), proof)


def test_a_witness_of_another_account_does_not_pass() -> None:
    """A prover who takes the bits of a richer account cannot prove the poorer one's leaf."""
    made, backend = tiny(), fast_backend()
    statement = made.model(Scope.ACCOUNT).compile()
    (account,) = made.at_zero([made.account], BOTH[:1])
    (short,) = poorer([account])
    instance = instance_of(made, statement, short, backend)
    bits = assign_bits(statement, made.batch([account]))
    witness = ArgumentWitness(made.batch([short]), bits, backend.scalars_from_ints([BLINDING]))
    forged = prover_of(backend).prove(instance, witness, SEED)
    with pytest.raises(ArgumentError, match="opening-equation"):
        verifier_of(backend).verify(instance, forged)


@pytest.mark.skipif(fast_backend().name != "native", reason="takes minutes on the reference backend")
def test_a_book_is_sealed_proven_and_verified_and_a_short_account_told(tmp_path: Path) -> None:
    """The documents of the example through the product: every account of a book, and one that fails by a unit."""
    model, market = ((EXAMPLE / name).read_bytes() for name in ("model.json", "market.json"))
    assets = parse_assets_json((EXAMPLE / "assets.json").read_bytes())
    definition = read_definition(model)
    assert isinstance(definition, PortfolioMargin)
    made = Prepared(
        read_case(VECTOR), assets.assets, definition, parse_pmrm2_market(market), dict.fromkeys(assets.ids, 0)
    )
    held = {"ETH-20260113T000000-3100-C": -30_000, "ETH-20260317T000000-3100-P": 40_000, "ETH-PERP": 25}
    (alice,) = ({name: amount for name, amount in each.items() if amount} for each in at_zero_in(made, held))
    sealed = seal(tmp_path / "fine", fastest_backend(), {"alice": alice, "bob": {"USDC": 1}}, assets, {})
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    prove_book(sealed.bundle, secrets, sealed.issuer, sealed.backend, model=model, market=market, workers=1)
    verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)
    short = {**alice, "USDC": alice["USDC"] - 1}
    sealed = seal(tmp_path / "short", fastest_backend(), {"alice": short}, assets, {})
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    with pytest.raises(StatementFailsError, match=TOLD):
        prove_book(
            sealed.bundle, secrets, sealed.issuer, sealed.backend, model=model, market=market, workers=1
        )


def at_zero_in(made: Prepared, held: Account) -> list[dict[str, int]]:
    """The account with so much USDC that its lesser margin is 0."""
    margin = made.margin([held])
    return [{**held, "USDC": -min(margin.mm[0], margin.im[0])}]
