"""Shortfalls in a column: the published example, compartments, counts, a fund in the book, filled books, proofs."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
from modelling_support import batch_of
from scenario_model_support import (
    EXAMPLES,
    Account,
    Case,
    load_example,
    moved,
    needs_native,
    refuse_compilation,
)
from sealing_support import AS_OF, Sealed, seal, write_book
from test_cli import run
from vectors.generate_perpetual_examples import (
    CROSS_ASSETS,
    CROSS_BOOK,
    CROSS_MARKET,
    ISOLATED_ASSETS,
    ISOLATED_BOOK,
    cross_model,
    isolated_market,
    isolated_model,
)
from vectors.generate_wrapper_examples import (
    COUNT,
    FUND,
    FUND_MARK,
    INSURED_ASSETS,
    INSURED_BOOK,
    INSURED_MARKET,
    SHORT_COUNT,
    SHORTFALL,
    insured_model,
    move,
    wrapped,
)
from wrapper_support import case_of, refused, three_ways

from circuits.claim_statement import ClaimDocumentError
from circuits.model_document import read_definition
from circuits.wrappers.insured import Insured, find_insured
from primitives.assets import Asset, AssetList
from primitives.attestation import format_time
from primitives.backends import get_backend
from primitives.strict_json import Json
from prover.book.errors import BookExistsError
from prover.book.store import Book
from prover.errors import ProverError
from prover.prove_book import StatementFailsError, prove_book
from prover.shortfalls import FundAccount, write_shortfalls
from prover.solvency import InsufficientReservesError, prove_solvency
from verifier.bundle import verify_bundle
from verifier.claims import ExpectedDocuments
from verifier.report import bundle_report

USD = 10**6
S, C, F = Asset(SHORTFALL, 6), Asset(SHORT_COUNT, 0), Asset(FUND_MARK, 0)
MARKET = INSURED_MARKET.to_bytes()
INNER = cast(dict[str, Json], insured_model()["margin"])


def insured(measure: str = "bankruptcy", *more: Asset, **fields: Json) -> Case:
    return case_of(insured_model(measure, **fields), INSURED_MARKET, INSURED_ASSETS, S, *more)


def account(case: Case, name: str, **columns: int) -> Account:
    held = case.account_of(INSURED_BOOK[name])
    for column, amount in columns.items():
        held[case.place(column.replace("_", " "))] = amount
    return held


def test_the_published_example() -> None:
    """1,000 each; Alice long 50 from 100, mark 40: equity -2,000, 4,000 and 1,000."""
    case = insured()
    alice, bob, carol = (account(case, name) for name in ("alice", "bob", "carol"))
    result = case.evaluate([alice, bob, carol])
    assert result.equity.tolist() == [-2_000 * USD, 4_000 * USD, 1_000 * USD]
    place = case.place(SHORTFALL)
    edge = moved(alice, place, 2_000 * USD)
    three_ways(case, [edge, moved(edge, place, -1), moved(edge, place, 1), alice], [True, False, True, False])
    three_ways(case, [bob, moved(bob, place, 5), moved(bob, place, -1)], [True, True, False])
    definition = case.definition
    assert isinstance(definition, Insured)
    of = definition.shortfalls(case.assets, INSURED_MARKET)
    assert of(batch_of([alice, bob, carol])).tolist() == [2_000 * USD, 0, 0]


def test_what_margin_misses() -> None:
    """3 % of 2,000 is 60: Alice misses 2,060."""
    case = insured("margin")
    place = case.place(SHORTFALL)
    edge = account(case, "alice", shortfall=2_060 * USD)
    three_ways(case, [edge, moved(edge, place, -1)], [True, False])
    definition = case.definition
    assert isinstance(definition, Insured)
    assert definition.shortfalls(case.assets, INSURED_MARKET)(batch_of([edge])).tolist() == [2_060 * USD]


def test_surplus_of_one_account_is_no_cover_of_another() -> None:
    """The row ``s >= 0`` stands for that: without it Bob could state -4,000."""
    case = insured()
    labels = [row.label for row in case.model.compile().rows]
    assert f"{SHORTFALL} non-negative" in labels


def test_shortfalls_of_compartments_add_up() -> None:
    document = wrapped("insured", isolated_model(), shortfall=SHORTFALL, measure="margin")
    case = case_of(document, isolated_market("72000"), ISOLATED_ASSETS, S)
    short = case.account_of(ISOLATED_BOOK["short"])
    eth = case.place("ETHUSDT")
    # BTC: 300,000 + 6,950,000 - 7,200,000 = 50,000 against 60,550; ETH: 2 at no cost, owed 8,000.
    both = moved(moved(short, eth, 2 * 10**4), case.place("ETHUSDT cost"), -8_000 * USD)
    place = case.place(SHORTFALL)
    missing = 10_550 * USD + 1_000 * USD + 28 * USD
    edge = moved(both, place, missing)
    three_ways(case, [edge, moved(edge, place, -1), both], [True, False, False])
    surplus = moved(edge, case.place("USDT"), 10**9)
    three_ways(case, [moved(surplus, place, -1)], [False])
    definition = case.definition
    assert isinstance(definition, Insured)
    assert definition.shortfalls(case.assets, case.market)(batch_of([both])).tolist() == [missing]
    bankrupt = case_of(document | {"measure": "bankruptcy"}, isolated_market("72000"), ISOLATED_ASSETS, S)
    edge = moved(both, place, 1_000 * USD)
    three_ways(bankrupt, [edge, moved(edge, place, -1)], [True, False])


@pytest.mark.parametrize("measure", ["margin", "bankruptcy"])
def test_random_accounts_at_the_boundary(measure: str) -> None:
    document = wrapped("insured", cross_model(), shortfall=SHORTFALL, measure=measure)
    case = case_of(document, CROSS_MARKET, CROSS_ASSETS, S)
    source = random.Random(measure)
    accounts = [
        [source.randrange(-(10**13), 10**13), 0, *(source.randrange(-(10**7), 10**7) for _ in range(2)), 0]
        for _ in range(150)
    ] + [[*case.account_of(held)] for held in CROSS_BOOK.values()]
    definition = case.definition
    assert isinstance(definition, Insured)
    missing = definition.shortfalls(case.assets, CROSS_MARKET)(batch_of(accounts)).tolist()
    assert any(missing)
    assert not all(missing)
    edges = [moved(held, 4, short) for held, short in zip(accounts, missing, strict=True)]
    three_ways(case, edges, [True] * len(edges), solver=False)
    three_ways(case, [moved(edge, 4, -1) for edge in edges], [False] * len(edges), solver=False)
    three_ways(case, edges[:8], [True] * 8)
    three_ways(case, [moved(edge, 4, -1) for edge in edges[:8]], [False] * 8)


def test_accounts_that_are_short_are_counted() -> None:
    case = insured("bankruptcy", C, count=COUNT)
    fine = account(case, "alice", shortfall=2_000 * USD, accounts_short=1)
    place = case.place(SHORT_COUNT)
    three_ways(case, [fine, moved(fine, place, -1), moved(fine, place, 1)], [True, False, False])
    bob = account(case, "bob")
    three_ways(case, [bob, moved(bob, place, 1), moved(bob, place, -1)], [True, True, False])
    small = insured("bankruptcy", C, count={"column": SHORT_COUNT, "largest": "1999"})
    three_ways(small, [fine], [False])


def test_a_fund_inside_the_book() -> None:
    """Bob's account holds 3,940 above its margin: he may state -3,940 if he is marked, and not a unit more."""
    case = insured("margin", F, fund=FUND)
    place = case.place(SHORTFALL)
    edge = account(case, "bob", shortfall=-3_940 * USD, fund_account=1)
    three_ways(
        case, [edge, moved(edge, place, -1), moved(edge, case.place(FUND_MARK), -1)], [True, False, False]
    )
    three_ways(case, [moved(edge, case.place(FUND_MARK), 1)], [False])
    refuse_compilation(
        wrapped("insured", isolated_model(), shortfall=SHORTFALL, measure="margin", fund=FUND),
        isolated_market(), (*ISOLATED_ASSETS, S, F), "without isolated compartments",
    )  # fmt: skip


def test_shortfalls_under_stress() -> None:
    """Around `survives`: what the worst point misses."""
    points: list[Json] = [{"name": "now", "moves": []}, {"name": "down", "moves": [move("X", "-0.25")]}]
    inner = wrapped("survives", INNER, points=points)
    document = wrapped("insured", inner, shortfall=SHORTFALL, measure="bankruptcy")
    case = case_of(document, INSURED_MARKET, INSURED_ASSETS, S)
    edge = account(case, "alice", shortfall=2_500 * USD)
    three_ways(case, [edge, moved(edge, 3, -1)], [True, False])
    assert find_insured(case.definition) is case.definition
    around = wrapped("survives", insured_model(), points=[{"name": "down", "moves": [move("X", "-0.25")]}])
    stressed = case_of(around, INSURED_MARKET, INSURED_ASSETS, S)
    three_ways(stressed, [edge, moved(edge, 3, -1)], [True, False])
    assert isinstance(find_insured(stressed.definition), Insured)


def test_documents_that_are_refused() -> None:
    refused(insured_model("other"), "$.measure", "'margin' or 'bankruptcy'")
    refused(insured_model(count={"column": SHORTFALL, "largest": "1"}), "$.shortfall", "must differ")
    refused(insured_model(count={"column": "c", "largest": "0"}), "$.count.largest", "out of range")
    refused(insured_model(fund={"column": "c", "largest": "1", "x": 1}), "$.fund", "unknown field 'x'")
    refused(
        wrapped("insured", insured_model(), shortfall="t", measure="margin"), "$.margin.kind", "stands inside"
    )
    three = wrapped("survives", wrapped("capital-adequacy", INNER, numerator=1, denominator=1))
    four = wrapped("insured", wrapped("withdrawable", three))
    refused(four, "$.margin.margin.margin.kind", "wrapped more than 2 times")
    assert find_insured(read_definition(json.dumps(cross_model()).encode())) is None


def test_books_that_do_not_fit() -> None:
    refuse_compilation(
        insured_model(), INSURED_MARKET, INSURED_ASSETS, f"column '{SHORTFALL}' is not in the book"
    )
    fine = (*INSURED_ASSETS, Asset(SHORTFALL, 9))
    refuse_compilation(insured_model(), INSURED_MARKET, fine, "9 decimals, more than the model's scale")
    counted = insured_model(count=COUNT)
    refuse_compilation(
        counted, INSURED_MARKET, (*INSURED_ASSETS, S, Asset(SHORT_COUNT, 2)), "must have 0 decimals"
    )
    spot = wrapped("insured", {"kind": "spot", "version": 1}, shortfall=SHORTFALL, measure="margin")
    refuse_compilation(
        spot, INSURED_MARKET, (*INSURED_ASSETS, S), "no margin condition: nothing can be short"
    )


def test_words() -> None:
    """Nothing is said of margin where only what is owed beyond equity is covered."""
    bankruptcy = insured("bankruptcy").definition.words()
    assert bankruptcy.conditions[0].startswith(
        "shortfall: its entry in shortfall is at least what it owes beyond"
    )
    assert bankruptcy.conditions[2].startswith(
        "with the shortfall as equity, and nothing in the place of what margin requires: cross margin"
    )
    margin = insured("margin", C, F, count=COUNT, fund=FUND).definition.words()
    assert margin.conditions[0].startswith("shortfall: its entry in shortfall is at least what equity misses")
    assert "except in accounts that fund account marks with 1" in margin.conditions[1]
    assert "its entry in accounts short is 1 if there is a shortfall" in margin.conditions[2]
    assert margin.conditions[3].startswith("with the shortfall as equity: cross margin")
    assert [each.asset for each in margin.columns] == [SHORTFALL, FUND_MARK, SHORT_COUNT]
    outer = wrapped("survives", insured_model(), points=[{"name": "now", "moves": []}])
    assert [each.asset for each in read_definition(json.dumps(outer).encode()).words().columns] == [SHORTFALL]


# Books that are filled


def book_of(folder: Path, accounts: Mapping[str, Sequence[int]] | None = None) -> Book:
    case = Case(insured_model(), INSURED_MARKET, INSURED_ASSETS)
    held = accounts or {name: case.account_of(each) for name, each in INSURED_BOOK.items()}
    ids = [asset.id for asset in INSURED_ASSETS]
    listed = {
        name: {asset: amount for asset, amount in zip(ids, each, strict=True) if amount}
        for name, each in held.items()
    }
    return write_book(folder, listed, AssetList(INSURED_ASSETS), {"market.json": MARKET})


def rows(book: Book) -> dict[str, dict[str, int]]:
    (batch,) = book.iter_batches(100)
    ids = [asset.id for asset in book.assets]
    return {
        name: {
            ids[batch.columns[k]]: int(batch.amounts[k])
            for k in range(batch.row_offsets[place], batch.row_offsets[place + 1])
        }
        for place, name in enumerate(batch.ids)
    }


def encoded(document: Json) -> bytes:
    return json.dumps(document).encode()


def test_a_book_is_filled(tmp_path: Path) -> None:
    book = book_of(tmp_path / "book")
    before = rows(book)
    summary = write_shortfalls(
        book, tmp_path / "filled", model=encoded(insured_model(count=COUNT)), market=MARKET
    )
    assert (summary.accounts, summary.short, summary.total, summary.largest) == (4, 1, "2000", "2000")
    filled = Book.open(tmp_path / "filled")
    assert [asset.id for asset in filled.assets] == ["USDC", "entry cost", "X-PERP", SHORTFALL, SHORT_COUNT]
    expected = before | {"alice": {**before["alice"], SHORTFALL: 2_000 * USD, SHORT_COUNT: 1}}
    assert rows(filled) == expected
    assert filled.documents.keys() == {"market.json"}
    assert "2000" not in repr(summary)
    assert rows(book) == before


def test_a_fund_is_filled_in(tmp_path: Path) -> None:
    book = book_of(tmp_path / "book")
    model = encoded(insured_model(fund=FUND))
    write_shortfalls(book, tmp_path / "f", model=model, market=MARKET, fund=FundAccount("bob", 3_000))
    filled = rows(Book.open(tmp_path / "f"))
    assert (filled["bob"][SHORTFALL], filled["bob"][FUND_MARK]) == (-3_000 * USD, 1)
    assert FUND_MARK not in filled["alice"]
    for holder, reason in (
        (None, "names a fund, and no account was given"),
        (FundAccount("dave", 5), "no account 'dave'"),
        (FundAccount("alice", 5), "is itself short"),
        (FundAccount("bob", 2_000_000), "larger than the model allows"),
    ):
        with pytest.raises(ProverError, match=reason):
            write_shortfalls(book, tmp_path / "g", model=model, market=MARKET, fund=holder)
    assert not (tmp_path / "g").exists()


def test_books_that_cannot_be_filled(tmp_path: Path) -> None:
    book = book_of(tmp_path / "book")
    model = encoded(insured_model())
    with pytest.raises(BookExistsError, match="is the book that is read"):
        write_shortfalls(book, tmp_path / "book", model=model, market=MARKET, replace=True)
    write_shortfalls(book, tmp_path / "once", model=model, market=MARKET)
    with pytest.raises(BookExistsError):
        write_shortfalls(book, tmp_path / "once", model=model, market=MARKET)
    with pytest.raises(ProverError, match="has a column 'shortfall' already"):
        write_shortfalls(Book.open(tmp_path / "once"), tmp_path / "twice", model=model, market=MARKET)
    with pytest.raises(ProverError, match="names no fund"):
        write_shortfalls(book, tmp_path / "x", model=model, market=MARKET, fund=FundAccount("bob", 5))
    tight = encoded(insured_model(count={"column": SHORT_COUNT, "largest": "1999"}))
    with pytest.raises(ProverError, match="'alice' misses more than"):
        write_shortfalls(book, tmp_path / "x", model=tight, market=MARKET)
    plain = encoded({"format": "sealedbook/model/v1", **INNER})
    with pytest.raises(ClaimDocumentError, match="is not of kind 'insured'"):
        write_shortfalls(book, tmp_path / "x", model=plain, market=MARKET)


# Proofs, and what reports say


def sealed_with(folder: Path, book: Book) -> Sealed:
    return seal(folder, get_backend("native"), rows(book), book.assets, {})


def prove(sealed: Sealed, model: bytes) -> None:
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    prove_book(sealed.bundle, secrets, sealed.issuer, sealed.backend, model=model, market=MARKET, workers=1)


def fund_document(**stated: str) -> bytes:
    entries: list[Json] = [
        {"asset": name.replace("_", " "), "total": amount} for name, amount in stated.items()
    ]
    return encoded({"format": "sealedbook/reserves/v1", "as_of": format_time(AS_OF), "assets": entries})


def stated(sealed: Sealed, reserves: bytes, totals: str = "hidden") -> None:
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    prove_solvency(
        sealed.bundle,
        secrets,
        sealed.issuer,
        sealed.backend,
        reserves=reserves,
        publish_totals=totals == "public",
    )


def findings(sealed: Sealed) -> dict[str, tuple[str, str]]:
    verified = verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)
    report = bundle_report(verified)
    return {each.subject: (each.text, each.level.value) for each in report.findings} | {
        "": (report.verdict, "")
    }


@needs_native
def test_a_fund_covers_the_sum_of_shortfalls(tmp_path: Path) -> None:
    """A fund of 2,000 does, at most one account is short; the published fund of 1,000 does not."""
    model = encoded(insured_model(count=COUNT))
    write_shortfalls(book_of(tmp_path / "book"), tmp_path / "filled", model=model, market=MARKET)
    filled = Book.open(tmp_path / "filled")
    sealed = sealed_with(tmp_path / "sealed", filled)
    prove(sealed, model)
    with pytest.raises(InsufficientReservesError, match="2,000 required, 1,000 in reserve, short by 1,000"):
        stated(sealed, fund_document(shortfall="1000", accounts_short="1"))
    stated(sealed, fund_document(shortfall="2000", accounts_short="1"))
    found = findings(sealed)
    text, level = found[f"Column {SHORTFALL} (solvency)"]
    assert text.startswith("insurance fund covers the sum of shortfalls of all accounts; stated are 2,000")
    assert "no coins" in text
    assert level == "proven"
    text, level = found[f"Column {SHORT_COUNT} (solvency)"]
    assert text.startswith("no more accounts are short than stated; stated are 1,")
    assert level == "proven"
    assert "What it states of columns that are no coins covers their totals." in found[""][0]
    page = tmp_path / "report.html"
    done = run("report", sealed.bundle, "--out", page, "--issuer-key", sealed.issuer.public_key.hex())
    assert done.code == 0, done.said
    assert (
        f"{SHORTFALL} (no coin: insurance fund covers the sum of shortfalls of all accounts)"
        in page.read_text()
    )
    assert "is stated in a column, whose total a fund is to cover" in page.read_text()


@needs_native
def test_a_hidden_fund_in_the_book(tmp_path: Path) -> None:
    """The column sums to nothing or less, and one account at most is marked: the fund covers what others miss."""
    model = encoded(insured_model(fund=FUND))
    write_shortfalls(
        book_of(tmp_path / "book"),
        tmp_path / "filled",
        model=model,
        market=MARKET,
        fund=FundAccount("bob", 2_500),
    )
    filled = Book.open(tmp_path / "filled")
    sealed = sealed_with(tmp_path / "sealed", filled)
    prove(sealed, model)
    stated(sealed, fund_document(shortfall="0", fund_account="1"))
    text, level = findings(sealed)[f"Column {SHORTFALL} (solvency)"]
    assert "which one account of the book holds, covers the sum of shortfalls of all others" in text
    assert "is worth that at the prices of the claim, of assets that not all have reserves here" in text
    assert level == "claimed"
    verified = verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)
    figures = cast(list[dict[str, list[dict[str, str]]]], bundle_report(verified).figures["solvency"])
    shortfall, mark = figures[0]["assets"]
    assert (shortfall["asset"], shortfall["level"], mark["level"]) == (SHORTFALL, "claimed", "proven")
    assert mark["meaning"] == "no more accounts hold the insurance fund than stated"
    alone = sealed_with(tmp_path / "alone", filled)
    prove(alone, model)
    stated(alone, fund_document(shortfall="0"))
    text, level = findings(alone)[f"Column {SHORTFALL} (solvency)"]
    assert f"does not show that {FUND_MARK} marks one account at most" in text
    assert level == "not yet proven"
    many = sealed_with(tmp_path / "many", filled)
    prove(many, model)
    stated(many, fund_document(shortfall="0", fund_account="2"))
    assert findings(many)[f"Column {SHORTFALL} (solvency)"][1] == "not yet proven"


@needs_native
def test_a_hidden_fund_is_proven_where_all_that_it_can_hold_is_covered(tmp_path: Path) -> None:
    """Reserves of every asset, and prices that the reader gives: nothing is left to make a fund up from."""
    model = encoded(insured_model(fund=FUND))
    write_shortfalls(
        book_of(tmp_path / "book"),
        tmp_path / "filled",
        model=model,
        market=MARKET,
        fund=FundAccount("bob", 2_500),
    )
    sealed = sealed_with(tmp_path / "sealed", Book.open(tmp_path / "filled"))
    prove(sealed, model)
    held = {"USDC": "3000", "entry_cost": "0", "X-PERP": "0"}
    stated(sealed, fund_document(shortfall="0", fund_account="1", **held))
    for expected, level in (
        (ExpectedDocuments(), "claimed"),
        (ExpectedDocuments(model, MARKET), "proven"),
    ):
        verified = verify_bundle(
            sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key, expected=expected
        )
        levels = {each.subject: each.level.value for each in bundle_report(verified).findings}
        assert levels[f"Column {SHORTFALL} (solvency)"] == level
        assert levels["Stated reserves (solvency)"] == level
        assert levels[f"Column {FUND_MARK} (solvency)"] == "proven"


@needs_native
def test_a_stated_shortfall_that_is_too_small(tmp_path: Path) -> None:
    model = encoded(insured_model())
    write_shortfalls(book_of(tmp_path / "book"), tmp_path / "filled", model=model, market=MARKET)
    filled = Book.open(tmp_path / "filled")
    held = rows(filled)
    held["alice"][SHORTFALL] -= 1
    sealed = seal(tmp_path / "sealed", get_backend("native"), held, filled.assets, {})
    with pytest.raises(StatementFailsError) as caught:
        prove(sealed, model)
    (failure,) = caught.value.failures
    assert (failure.account, failure.row, failure.shortfall) == ("alice", "margin", 1)


def test_the_command(tmp_path: Path) -> None:
    book_of(tmp_path / "book")
    (tmp_path / "model.json").write_bytes(encoded(insured_model()))
    places = [
        str(tmp_path / "book"),
        "--model",
        str(tmp_path / "model.json"),
        "--out",
        str(tmp_path / "filled"),
    ]
    done = run("margin", "shortfalls", *places)
    assert done.code == 0, done.said
    assert "1 of 4 accounts are short, by 2000 together and 2000 at most" in " ".join(done.said.split())
    again = run("margin", "shortfalls", *places)
    assert again.code != 0


def test_the_example_is_what_the_generator_says() -> None:
    case, held = load_example("insured")
    assert len(held) == 4
    assert json.loads((EXAMPLES / "insured" / "model.json").read_bytes()) == insured_model(count=COUNT)
    assert case.assets == INSURED_ASSETS
