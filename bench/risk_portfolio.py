"""Limits on Greeks, allocations, balanced books and plans: size, and time to evaluate, prove, verify and plan.

`portfolio_figures` is a part of ``python -m bench risk``. Proofs are made by one thread.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any, Final

import numpy as np

from bench.commit import one_thread
from bench.figures import Figure, median_cpu_seconds, median_seconds
from bench.model_cases import AS_OF, CASH, derivatives_market
from bench.models import Proving
from circuits.book_statement import BookStatement, book_bits, compile_book
from circuits.model_document import read_definition
from circuits.modelling.definition import ModelDefinition
from circuits.modelling.explanation import explain
from circuits.models.allocation import Allocation
from circuits.planning import Planner
from circuits.positions import PositionBatch
from circuits.public_market import PublicMarket, parse_public_market
from primitives.argument_parameters import batch_profile
from primitives.assets import Asset
from primitives.attestation import format_time
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.book_claim import book_instance
from primitives.claims import MAX_BATCH_CELLS
from primitives.generators import Generators
from primitives.kernel_choice import get_kernels
from prover.argument import ArgumentProver, TotalsWitness
from verifier.argument import verify as verify_argument

_SEED: Final = 20260820
_INSTRUMENTS: Final = 41
_UNDERLYING: Final = "U0"
_HELD: Final = 8
_EVALUATED: Final = 1 << 14
_LEAVES: Final = 1 << 20
_HEAD: Final = {"format": "sealedbook/model/v1", "version": 1}


def portfolio_figures(*, quick: bool) -> list[Figure]:
    """Rows, bits and microseconds an account; milliseconds of a book's proof and of a plan."""
    backend = get_backend("native")
    market, ids = derivatives_market(_INSTRUMENTS, 1, expiries=5)
    derivatives = (*(Asset(name, 2) for name in ids), Asset(CASH, 6))
    held = 10 if quick else 50
    spot = (*(Asset(f"asset-{index}", 6) for index in range(held - 1)), Asset(CASH, 6))
    public = parse_public_market(json.dumps(market).encode())
    return [
        *_account_figures(
            backend,
            f"greeks-limits, {_INSTRUMENTS} instruments",
            _greeks("greeks-limits"),
            public,
            derivatives,
            quick=quick,
        ),
        *_account_figures(
            backend, f"allocation, {held} assets", _allocation(spot), _prices(spot), spot, quick=quick
        ),
        *_book_figures(backend, json.dumps(market).encode(), derivatives),
        *_plan_figures(spot, quick=quick),
    ]


def _greeks(kind: str) -> dict[str, Any]:
    """Limits of all measures, wide enough for what is measured."""
    base = {"underlying": _UNDERLYING}
    wide = {"least": "-100000000", "greatest": "100000000"}
    entries = [
        {"name": "delta", "greek": "delta", **base, **wide},
        {"name": "gamma", "greek": "gamma", **base, "least": "-10000"},
        {"name": "front vega", "greek": "vega", **base, "expiries": {"to_days": 45}, **wide},
        {"name": "back vega", "greek": "vega", **base, "expiries": {"after_days": 45}, **wide},
        {"name": "theta", "greek": "theta", **base, **wide},
        {"name": "gross vega", "greek": "vega", **base, "measure": "gross", "greatest": "1000000000"},
    ]
    return {**_HEAD, "kind": kind, "limits": entries}


def _allocation(assets: tuple[Asset, ...]) -> dict[str, Any]:
    """Bands for all assets, sectors, the five largest, drift from equal weights."""
    share = Fraction(100, len(assets))
    weights = [{"asset": asset.id, "weight": str(int(share))} for asset in assets]
    return {
        **_HEAD,
        "kind": "allocation",
        "bands": [{"asset": asset.id, "least": "1", "greatest": str(int(share) + 8)} for asset in assets],
        "sectors": [{"name": "first", "assets": [asset.id for asset in assets[::2]], "greatest": "75"}],
        "largest": [{"count": 5, "greatest": "75"}],
        "target": {"weights": weights, "drift": "40"},
        "numbers": {"scale": 6},
    }


def _prices(assets: tuple[Asset, ...]) -> PublicMarket:
    entries = [{"asset": asset.id, "price": str(1 + index % 97)} for index, asset in enumerate(assets[:-1])]
    document = {
        "format": "sealedbook/prices/v1",
        "as_of": format_time(AS_OF),
        "quote": "USD",
        "scale": 6,
        "prices": [*entries, {"asset": CASH, "price": "1"}],
    }
    return parse_public_market(json.dumps(document).encode())


def _positions(
    definition: ModelDefinition, market: PublicMarket, assets: tuple[Asset, ...], count: int
) -> PositionBatch:
    """Accounts within the limits: near equal weights, or a few small positions in derivatives."""
    random = np.random.default_rng(_SEED)
    rows: list[dict[int, int]] = []
    for _ in range(count):
        if isinstance(definition, Allocation):
            prices = list(definition.unit_values(assets, market).values())
            noise = random.integers(98, 103, size=len(assets)).tolist()
            rows.append({place: each * 10**9 // prices[place] for place, each in enumerate(noise)})
        else:
            chosen = random.choice(len(assets) - 1, _HELD, replace=False).tolist()
            amounts = random.integers(-(10**4), 10**4, size=_HELD).tolist()
            rows.append(dict(zip(chosen, amounts, strict=True)) | {len(assets) - 1: 10**12})
    return PositionBatch.from_mappings(rows)


def _account_figures(
    backend: Backend,
    name: str,
    document: dict[str, Any],
    market: PublicMarket,
    assets: tuple[Asset, ...],
    *,
    quick: bool,
) -> list[Figure]:
    definition = read_definition(json.dumps(document).encode())
    size = explain(definition.model(assets, market))
    statement = definition.model(assets, market).compile()
    evaluated = 1 << 9 if quick else _EVALUATED
    bits = MAX_BATCH_CELLS >> (8 if quick else 3)
    accounts = max(2, 1 << ((bits // statement.bit_count).bit_length() - 1))
    evaluate, batch = (
        definition.evaluator(assets, market, backend),
        _positions(definition, market, assets, evaluated),
    )
    if not evaluate(batch).sufficient.all():
        raise AssertionError("the accounts that are measured break their limits")
    seconds = median_seconds(lambda: evaluate(batch), 3)
    positions = _positions(definition, market, assets, accounts)
    work = Proving(backend, statement, positions, batch_profile(statement, accounts))
    with one_thread():
        proof = work.prove()
        proving = median_cpu_seconds(work.prove, 3)
        verifying = median_cpu_seconds(lambda: work.verifier.verify(work.instance, proof), 3)
    return [
        Figure(f"{name}: rows", size.rows, "rows"),
        Figure("  bits", size.bits, "bits/account"),
        Figure("  booleans", size.booleans, "booleans"),
        Figure("  evaluated", seconds / evaluated * 1e6, "us/account"),
        Figure("  proven", proving / accounts * 1e6, "us/account", note=f"{accounts:,} accounts"),
        Figure("  verified", verifying / accounts * 1e6, "us/account"),
    ]


def _book_figures(backend: Backend, market: bytes, assets: tuple[Asset, ...]) -> list[Figure]:
    """A claim about the sum of a million leaves: the proof alone, which does not depend on their number."""
    compiled = compile_book(json.dumps(_greeks("balanced-book")).encode(), market, assets, _LEAVES)
    prove, verify = _book_proof(backend, compiled)
    proof = prove()
    return [
        Figure(f"balanced-book, {_INSTRUMENTS} instruments: rows", len(compiled.statement.rows), "rows"),
        Figure("  bits", compiled.statement.bit_count, "bits"),
        Figure("  proven", median_seconds(prove, 5) * 1e3, "ms", note="all threads"),
        Figure("  verified", median_seconds(lambda: verify(proof), 5) * 1e3, "ms"),
        Figure("  proof", len(proof), "bytes"),
    ]


def _book_proof(backend: Backend, compiled: BookStatement) -> tuple[Any, Any]:
    totals = [(-1) ** place * 1000 * place for place in range(len(compiled.statement.assets))]
    generators, blinding = Generators(backend), 7
    bases = generators.assets(compiled.statement.assets).concat(generators.blinding())
    root = backend.multi_scalar_multiply(
        bases, backend.scalars_from_ints([*totals, blinding])
    ).to_compressed()
    instance = book_instance(compiled.statement, bytes(32), root)
    witness = TotalsWitness(
        backend=backend,
        positions=backend.scalars_from_ints(totals),
        bits=book_bits(compiled, totals),
        leaf_blindings=backend.scalars_from_ints([blinding]),
    )
    prover = ArgumentProver(backend, get_kernels(backend), generators)
    return (
        lambda: prover.prove(instance, witness),
        lambda proof: verify_argument(backend, generators, instance, proof),
    )


def _plan_figures(assets: tuple[Asset, ...], *, quick: bool) -> list[Figure]:
    """Plans for portfolios far out of their bands."""
    definition = read_definition(json.dumps(_allocation(assets)).encode())
    if not isinstance(definition, Allocation):
        raise TypeError("not an allocation")
    planner = Planner(definition, assets, _prices(assets), cash=CASH, fee=Fraction(10, 10_000))
    random = np.random.default_rng(_SEED)
    portfolios = [
        {asset.id: int(random.integers(0, 10**11)) for asset in assets} for _ in range(2 if quick else 8)
    ]
    plans = [planner.plan(portfolio) for portfolio in portfolios]
    seconds = median_seconds(lambda: [planner.plan(portfolio) for portfolio in portfolios], 1)
    trades = sum(len(plan.trades) for plan in plans) / len(plans)
    return [
        Figure(
            f"plan, {len(assets)} assets",
            seconds / len(plans) * 1e3,
            "ms/account",
            note=f"{trades:.1f} trades",
        ),
        Figure(
            "  above the least traded value",
            max(plan.excess / max(1, plan.traded) for plan in plans),
            "of it",
        ),
    ]
