"""What can be withdrawn: worked figures, the boundary by meaning, witness and solver, columns, refusals, a proof."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path

import pytest
from modelling_support import batch_of, by_meaning, by_solver, by_witness
from scenario_model_support import EXAMPLES, Case, load_example, moved, needs_native, refuse_compilation
from sealing_support import Sealed, fastest_backend, seal
from vectors.generate_perpetual_examples import (
    HYPERLIQUID_ASSETS,
    HYPERLIQUID_MARKET,
    ISOLATED_ASSETS,
    ISOLATED_BOOK,
    hyperliquid_model,
    isolated_market,
    isolated_model,
    perpetual_market,
    perpetuals,
    rate_table,
)
from vectors.generate_wrapper_examples import WITHDRAWAL, withdrawable_model, wrapped
from wrapper_support import case_of, extended, refused, three_ways

from circuits.model_document import compile_model
from circuits.modelling import HaircutTable
from circuits.modelling.definition import Numbers
from circuits.models.cross_collateral import CrossCollateral, SignedCollateral
from circuits.rows import Scope
from primitives.assets import Asset, AssetList
from primitives.backends import get_backend
from primitives.strict_json import JsonError
from prover.certificate import CertificateRefusedError, make_certificate
from prover.prove_book import StatementFailsError, prove_book
from prover.withdrawals import largest_withdrawals
from verifier.bundle import verify_bundle
from verifier.certificate import verify_certificate_against_root
from verifier.certificate_report import certificate_report
from verifier.opening import TrustedRoot

USD = 10**6
CASE, BOOK = load_example("withdrawable")
COLUMN = Asset(WITHDRAWAL, 6)


def test_every_account_of_the_example_is_at_its_boundary() -> None:
    """``small`` may withdraw 665,000: equity 735,000 less a tenth of 700,000, the initial margin being 17,500."""
    place = CASE.place(WITHDRAWAL)
    small, lender = BOOK["small"], BOOK["lender"]
    accounts = [small, moved(small, place, 1), moved(small, place, -1), lender, moved(lender, place, 1)]
    three_ways(CASE, accounts, [True, False, True, True, False])
    three_ways(CASE, [moved(small, place, -665_000 * USD), moved(lender, place, -251 * USD)], [True, False])
    result = CASE.evaluate([small, lender, BOOK["empty"]])
    assert result.equity.tolist() == [70_000 * USD, 0, 0]
    assert result.requirement.tolist() == [70_000 * USD, 0, 0]
    assert result.worst_scenario[2] is None


def test_worked_figures_of_two_venues() -> None:
    """Balance 12,000, profit 1,500, requirement 4,200: the margin binds at 9,300; with 9,000 in cash that does."""
    inner = perpetuals(
        [rate_table("X", (("0", "0.06"),))],
        cross={"collateral": ["USDC", "cost"], "markets": [{"asset": "X", "table": "X"}]},
    )
    market = perpetual_market({"X": ("X", "700")}, ("USDC", "cost"))
    assets = (Asset("USDC", 6), Asset("cost", 6), Asset("X", 0))
    model = case_of(wrapped("withdrawable", inner, asset="USDC", column="W"), market, assets, Asset("W", 6))
    published = [12_000 * USD, -68_500 * USD, 100, 9_300 * USD]
    assert model.evaluate([published]).requirement.tolist() == [4_200 * USD]
    three_ways(model, [published, moved(published, 3, 1)], [True, False])
    poor = [9_000 * USD, -65_500 * USD, 100, 9_000 * USD]
    assert model.evaluate([poor]).equity.tolist() == [4_500 * USD]
    three_ways(model, [poor, moved(poor, 3, 1)], [True, False])
    # Account value 35,000, notional 200,000 at 20x: 35,000 - max(10,000, 20,000) = 15,000.
    initial = wrapped(
        "withdrawable", perpetuals([rate_table("X", (("0", "0.05"),))], cross=inner["cross"]),
        asset="USDC", column="W", open_notional_share="0.1",
    )  # fmt: skip
    at_ten = perpetual_market({"X": ("X", "10")}, ("USDC", "cost"))
    model = case_of(initial, at_ten, assets, Asset("W", 6))
    published = [35_000 * USD, -200_000 * USD, 20_000, 15_000 * USD]
    three_ways(model, [published, moved(published, 3, 1)], [True, False])


def test_an_amount_of_the_document_is_for_certificates() -> None:
    """An empty account cannot withdraw anything, and a sealed book has some."""
    fields = {"amount": "100", "open_notional_share": "0.1"}
    document = {name: value for name, value in withdrawable_model(**fields).items() if name != "column"}
    data = json.dumps(document).encode()
    with pytest.raises(JsonError, match="zero-account"):
        compile_model(data, HYPERLIQUID_ASSETS, HYPERLIQUID_MARKET)
    model = Case(document, HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS).definition.model(
        HYPERLIQUID_ASSETS, HYPERLIQUID_MARKET, Scope.ACCOUNT
    )
    case = Case(document, HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS)
    case.__dict__["model"] = model
    lender = case.account(USDC="100")
    statement = model.compile()
    accounts = [lender, moved(lender, 0, -1)]
    assert by_meaning(model, accounts) == by_witness(statement, accounts) == [True, False]
    assert [by_solver(statement, each) for each in accounts] == [True, False]


def test_collateral_of_one_position_is_withdrawn_from_that_position() -> None:
    model = wrapped("withdrawable", isolated_model(), asset="BTCUSDT margin", column="W")
    case = case_of(model, isolated_market(), ISOLATED_ASSETS, Asset("W", 6))
    short = case.account_of(ISOLATED_BOOK["short"])
    # Equity 300,000 + 6,950,000 - 7,000,000 = 250,000 against 58,550.
    full = moved(short, case.place("W"), 191_450 * USD)
    three_ways(case, [short, full, moved(full, case.place("W"), 1)], [True, True, False])


def test_the_search_finds_the_boundary_of_random_accounts() -> None:
    """Also where the collateral has haircuts, so that equity falls by less than the amount."""
    source = random.Random("withdrawals")
    inner = Case(hyperliquid_model(), HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS)
    accounts = [
        [
            source.randrange(-(10**9), 10**12),
            -source.randrange(10**11),
            *(source.randrange(-9_000, 9_000) for _ in range(3)),
        ]
        for _ in range(200)
    ] + [account[:5] for account in BOOK.values()]
    evaluate = inner.definition.evaluator(inner.assets, inner.market)
    found = largest_withdrawals(evaluate, batch_of(accounts), 0, len(inner.assets))
    plain = wrapped("withdrawable", hyperliquid_model(), asset="USDC", column="W")
    model = case_of(plain, HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS, Asset("W", 6))
    able = inner.evaluate(accounts).sufficient
    at = [extended(account, int(amount)) for account, amount in zip(accounts, found.amounts, strict=True)]
    verdicts = model.evaluate(at).sufficient.tolist()
    assert verdicts == [bool(ok) and account[0] >= 0 for ok, account in zip(able, accounts, strict=True)]
    beyond = [moved(account, 5, 1) for account in at]
    assert not model.evaluate(beyond).sufficient.any()
    assert {"balance", "margin"} == set(found.binding)


def test_the_search_needs_no_linear_equity() -> None:
    """Held coins count nine tenths up to 10,000 of value and half of the rest; what is owed counts in full."""
    half = HaircutTable(((Fraction(10_000), Fraction(9, 10)), (None, Fraction(1, 2))))
    whole = HaircutTable(((None, Fraction(1)),))
    listed = (SignedCollateral("USDC", half, Fraction(1)), SignedCollateral("cost", whole, Fraction(1)))
    definition = CrossCollateral(listed, is_exact=False, _numbers=Numbers(scale=8))
    assets = (Asset("USDC", 6), Asset("cost", 6))
    market = perpetual_market({"X": ("X", "10")}, ("USDC", "cost"))
    accounts = [[20_000 * USD, -9_500 * USD], [20_000 * USD, -9], [20_000 * USD, -15_000 * USD], [5 * USD, 0]]
    evaluate = definition.evaluator(assets, market)
    found = largest_withdrawals(evaluate, batch_of(accounts), 0, 2)
    # 0.9 x 10,000 + 0.5 x 1,000 = 9,500 of 11,000; 10 base units count 9; too little; all.
    assert found.amounts.tolist() == [9_000 * USD, 20_000 * USD - 10, 0, 5 * USD]
    assert found.binding == ("margin", "margin", "margin", "balance")


def test_documents_that_are_refused() -> None:
    refused(withdrawable_model(amount="1"), "$.amount", "not both")
    refused({k: v for k, v in withdrawable_model().items() if k != "column"}, "$.amount", "is needed")
    refused(withdrawable_model(column="USDC"), "$.column", "is the asset that is withdrawn")
    refused(withdrawable_model(open_notional_share="1.5"), "$.open_notional_share", "above 1")
    amount = {k: v for k, v in withdrawable_model(amount="-1").items() if k != "column"}
    refused(amount, "$.amount", "is negative")
    refused(amount | {"amount": "1.50"}, "$.amount", "canonical")
    spot = wrapped("withdrawable", {"kind": "spot", "version": 1}, asset="USDC", column="W")
    refused(spot | {"open_notional_share": "0.1"}, "$.open_notional_share", "'spot' is no model of these")
    refused(
        wrapped("withdrawable", {"kind": "at-least", "version": 1}), "$.margin.kind", "is no margin model"
    )
    refused(
        wrapped("withdrawable", {"kind": "spot", "version": 2}), "$.margin.version", "is not between 1 and 1"
    )
    refused(
        wrapped("withdrawable", {"kind": "spot", "version": 1, "x": "1"}), "$.margin", "unknown field 'x'"
    )
    inside = wrapped("withdrawable", withdrawable_model(), asset="USDC", column="W")
    refused(inside, "$.margin.kind", "stands inside another")
    insured = wrapped("insured", hyperliquid_model(), shortfall="s", measure="margin")
    refused(
        wrapped("withdrawable", insured, asset="USDC", column="W"), "$.margin.kind", "no matter for a fund"
    )


def test_books_that_do_not_fit() -> None:
    refuse_compilation(withdrawable_model(), HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS, "not in the book")
    other = (*HYPERLIQUID_ASSETS, Asset(WITHDRAWAL, 2))
    refuse_compilation(withdrawable_model(), HYPERLIQUID_MARKET, other, "has other decimals")
    refuse_compilation(
        withdrawable_model(asset="EUR"),
        HYPERLIQUID_MARKET,
        (*HYPERLIQUID_ASSETS, COLUMN),
        "'EUR' is not in the book",
    )


def test_words() -> None:
    words = CASE.definition.words()
    assert words.title.startswith("withdrawable USDC, on top of: Hyperliquid perpetuals")
    said = "\n".join(words.conditions)
    assert f"at least the amount in {WITHDRAWAL} in USDC" in said
    assert f"the amount in {WITHDRAWAL} is not negative" in said
    assert "after the withdrawal: equity is at least 10 % of the open notional" in said
    assert "after the withdrawal: cross margin: collateral and positions" in said


@needs_native
def test_a_book_with_amounts_of_its_own(tmp_path: Path) -> None:
    """The column is proven of a whole book; with one base unit more in it the prover refuses."""
    model = (EXAMPLES / "withdrawable" / "model.json").read_bytes()
    market = (EXAMPLES / "withdrawable" / "market.json").read_bytes()

    def sealed_with(folder: Path, step: int) -> Sealed:
        small = moved(BOOK["small"], CASE.place(WITHDRAWAL), step)
        ids = [asset.id for asset in CASE.assets]
        book = BOOK | {"small": small}
        accounts = {name: {a: v for a, v in zip(ids, held, strict=True) if v} for name, held in book.items()}
        return seal(folder, get_backend("native"), accounts, AssetList(CASE.assets), {})

    sealed = sealed_with(tmp_path / "enough", 0)
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    prove_book(sealed.bundle, secrets, sealed.issuer, sealed.backend, model=model, market=market, workers=1)
    assert verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key).claims
    short = sealed_with(tmp_path / "short", 1)
    secrets = short.vault.open_book(short.result.digest, None)
    with pytest.raises(StatementFailsError) as caught:
        prove_book(short.bundle, secrets, short.issuer, short.backend, model=model, market=market, workers=1)
    (failure,) = caught.value.failures
    assert (failure.account, failure.row) == ("small", "margin: open notional")


def test_a_certificate_of_an_amount(tmp_path: Path) -> None:
    """The holder shows that 400,000 can be withdrawn; of what cannot be, they are told how short it is."""
    ids = [asset.id for asset in HYPERLIQUID_ASSETS]
    accounts = {name: {a: v for a, v in zip(ids, held[:5], strict=True) if v} for name, held in BOOK.items()}
    sealed = seal(tmp_path / "s", fastest_backend(), accounts, AssetList(HYPERLIQUID_ASSETS), {})
    market = HYPERLIQUID_MARKET.to_bytes()

    def model(amount: str) -> bytes:
        fields = withdrawable_model(amount=amount)
        return json.dumps({name: value for name, value in fields.items() if name != "column"}).encode()

    opening = sealed.opening("small")
    certificate = make_certificate(opening, sealed.backend, model=model("665000"), market=market)
    root = TrustedRoot(book_digest=sealed.result.digest)
    verified = verify_certificate_against_root(certificate.to_bytes(), root, sealed.backend)
    said = "\n".join(finding.text for finding in certificate_report(verified).findings)
    assert "withdrawal: it holds at least 665000 USDC in USDC, all of which can be withdrawn at once" in said
    reason = r"margin: open notional: short by 0\.000001 USD; equity 69,999\.999999 USD"
    with pytest.raises(CertificateRefusedError, match=reason):
        make_certificate(opening, sealed.backend, model=model("665000.000001"), market=market)
    with pytest.raises(CertificateRefusedError, match="short by"):
        make_certificate(sealed.opening("lender"), sealed.backend, model=model("250.750001"), market=market)
