"""Signatures of addresses: which hold, which count for a book, and what happens without the library."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from sealing_support import ASSETS, Sealed, fastest_backend, seal
from solvency_support import (
    SOLVENT,
    SUMMA_MESSAGE,
    TOTALS,
    prove,
    reserves_document,
    signed_address,
    summa_address,
    verify,
)

from primitives.address_signature import (
    EIP_191,
    EIP_191_ABI,
    AddressSignatureError,
    SignatureLibraryMissingError,
    UnknownSchemeError,
    verify_address_signature,
)
from primitives.reserves import ReserveAddress, Reserves
from verifier.findings import Level
from verifier.ownership import Ownership, count_ownership, find_ownership
from verifier.report import bundle_report

pytest.importorskip(
    "eth_account", reason="the extra 'reserves' is not installed: no signature is verified here"
)

VECTORS: Final = Path(__file__).parent / "vectors" / "solvency" / "summa.json"
PUBLISHED: Final = Path(__file__).parents[2] / "shared" / "data" / "summa" / "signatures.csv"
DIGEST: Final = bytes(range(32))
MESSAGE: Final = f"Test Exchange, book {DIGEST.hex()}"


def check(document: dict[str, Any], **changes: str) -> None:
    fields = {**document, **changes}
    verify_address_signature(fields["scheme"], fields["address"], fields["message"], fields["signature"])


def address_of(document: dict[str, Any]) -> ReserveAddress:
    data = reserves_document({"USD": 100}, {"USD": [document]})
    return Reserves.parse(data, ASSETS.assets).assets[0].addresses[0]


def summa_vectors() -> list[dict[str, str]]:
    vectors: list[dict[str, str]] = json.loads(VECTORS.read_text())["signatures"]
    return vectors


# Published signatures.


@pytest.mark.parametrize("index", range(2))
def test_published_signatures_hold(index: int) -> None:
    vector = summa_vectors()[index]
    verify_address_signature(EIP_191_ABI, vector["address"], vector["message"], vector["signature"])
    with pytest.raises(AddressSignatureError, match="the signature is by 0x"):
        verify_address_signature(EIP_191, vector["address"], vector["message"], vector["signature"])


def test_the_vectors_are_what_was_published() -> None:
    if not PUBLISHED.is_file():
        pytest.skip(
            f"the published sample is not here ({PUBLISHED}): the copy in tests/vectors alone is tested"
        )
    with PUBLISHED.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert rows == summa_vectors()


def test_a_published_signature_does_not_count_for_a_book() -> None:
    assert find_ownership(address_of(summa_address()), DIGEST) is Ownership.OTHER_BOOK


# Signatures of our own.


def test_a_signature_that_names_the_book_counts() -> None:
    check(signed_address(MESSAGE))
    assert find_ownership(address_of(signed_address(MESSAGE)), DIGEST) is Ownership.SIGNED


def test_addresses_are_compared_without_case() -> None:
    signed = signed_address(MESSAGE)
    check(signed, address=signed["address"].lower())
    check(signed, address="0x" + signed["address"][2:].upper())


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Test Exchange",
        DIGEST.hex()[:-1],
        DIGEST.hex().upper(),
        DIGEST.hex()[::-1],
        "0x" + bytes(32).hex(),
    ],
)
def test_a_message_without_the_digest_does_not_count(message: str) -> None:
    if message:
        assert find_ownership(address_of(signed_address(message)), DIGEST) is Ownership.OTHER_BOOK
    else:
        check(signed_address(message))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"message": MESSAGE + " "}, "the signature is by 0x"),
        ({"address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}, "the signature is by 0x"),
        ({"scheme": EIP_191_ABI}, "the signature is by 0x"),
        ({"address": "0x1234"}, "the address is not 0x and 40"),
        ({"address": "bc1qa"}, "the address is not 0x and 40"),
        ({"signature": "0x"}, "the signature is not 0x and 130"),
        ({"signature": "0x" + "00" * 64 + "1b"}, "the signature is by no key"),
        ({"signature": "0x" + "ff" * 64 + "1b"}, "the signature is by no key"),
        ({"signature": "0x" + "11" * 64 + "00"}, "end in 1b or 1c"),
        ({"signature": "0x" + "11" * 64 + "25"}, "end in 1b or 1c"),
        ({"signature": "0x" + "11" * 65 + "1b"}, "the signature is not 0x and 130"),
    ],
)
def test_what_does_not_verify(changes: dict[str, str], reason: str) -> None:
    signed = signed_address(MESSAGE)
    with pytest.raises(AddressSignatureError, match=reason):
        check(signed, **changes)
    assert find_ownership(address_of(signed | changes), DIGEST) is Ownership.NOT_BY_ADDRESS


def test_every_flipped_byte_of_a_signature() -> None:
    signed = signed_address(MESSAGE)
    honest = bytes.fromhex(signed["signature"][2:])
    for offset in range(64):
        changed = bytearray(honest)
        changed[offset] ^= 1
        with pytest.raises(AddressSignatureError):
            check(signed, signature="0x" + changed.hex())


def test_other_schemes_are_not_verified() -> None:
    with pytest.raises(UnknownSchemeError, match="scheme 'bip-322' is not verified here"):
        check(signed_address(MESSAGE), scheme="bip-322")
    other = address_of(signed_address(MESSAGE) | {"scheme": "bip-322"})
    assert find_ownership(other, DIGEST) is Ownership.UNKNOWN_SCHEME


def test_an_address_without_signature() -> None:
    plain = address_of({"chain": "ETH", "address": "0x1", "balance": "1"})
    assert find_ownership(plain, DIGEST) is Ownership.UNSIGNED


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in ("eth_account", "eth_abi"):
            monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("without_library")
def test_without_the_library_nothing_counts_as_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    address = address_of(summa_address())
    with pytest.raises(SignatureLibraryMissingError, match=r"pip install 'sealedbook\[reserves\]'"):
        check(summa_address())
    assert find_ownership(address, DIGEST) is Ownership.NOT_CHECKED
    # What needs no library is told apart all the same.
    assert find_ownership(address_of(summa_address() | {"scheme": "x"}), DIGEST) is Ownership.UNKNOWN_SCHEME
    assert SUMMA_MESSAGE in summa_address()["message"]


# In a bundle.


def test_counts_and_balances_by_asset() -> None:
    listed = {
        "BTC": [signed_address(MESSAGE, balance="1"), signed_address(MESSAGE, name="two", balance="0.5")],
        "USD": [
            signed_address(MESSAGE, balance="1"),
            summa_address("2"),
            {"chain": "ETH", "address": "0x1", "balance": "3"},
        ],
    }
    reserves = Reserves.parse(reserves_document({"BTC": 150_000_000, "USD": 600}, listed), ASSETS.assets)
    seen: list[int] = []
    btc, usd = count_ownership(reserves, DIGEST, lambda stage, done, total: seen.append(done))
    assert (btc.counts, btc.signed_balance) == ({Ownership.SIGNED: 2}, 150_000_000)
    expected = {Ownership.SIGNED: 1, Ownership.OTHER_BOOK: 1, Ownership.UNSIGNED: 1}
    assert (usd.counts, usd.signed_balance) == (expected, 100)
    assert seen == [1, 2, 3, 4, 5]


@pytest.fixture
def fast(tmp_path: Path) -> Sealed:
    return seal(tmp_path / "fast", fastest_backend(), SOLVENT)


def signed_bundle(fast: Sealed) -> None:
    names_book = f"Test Exchange controls this address. Book {fast.result.digest.hex()}"
    listed = {
        "BTC": [signed_address(names_book, balance="1.5"), summa_address("0.5")],
        "USD": [{"chain": "bank", "address": "account 1", "balance": "25000.75"}],
    }
    prove(fast, reserves_document(TOTALS, listed))


def test_the_report_counts_who_signed(fast: Sealed) -> None:
    signed_bundle(fast)
    report = bundle_report(verify(fast))
    findings = {finding.subject: finding for finding in report.findings}
    control = findings["Control of addresses"]
    assert (control.text, control.level) == ("1 of 3 signed a message that names this book", Level.SIGNED)
    others = findings["Addresses that do not count as signed"]
    assert others.level is Level.CLAIMED
    assert others.text == "1 no signature; 1 signed, but the message does not name this book"
    figures: Any = report.to_json()["figures"]
    assert figures["solvency"][0]["assets"][0]["signed_balance"] == "150000000"


@pytest.mark.usefixtures("without_library")
def test_the_report_without_the_library_says_so(fast: Sealed) -> None:
    prove(fast, reserves_document(TOTALS, {"BTC": [summa_address("2")]}))
    findings = {finding.subject: finding for finding in bundle_report(verify(fast)).findings}
    assert "Control of addresses" not in findings
    others = findings["Addresses that do not count as signed"]
    assert others.text == "1 not checked: eth-account is not installed"
    assert others.level is Level.CLAIMED


def test_bad_signatures_do_not_decide_about_acceptance(fast: Sealed) -> None:
    """Another machine without the library would accept: so this one does, and says what it found."""
    bad = signed_address("whatever", balance="2") | {"message": fast.result.digest.hex()}
    prove(fast, reserves_document(TOTALS, {"BTC": [bad]}))
    findings = {finding.subject: finding for finding in bundle_report(verify(fast)).findings}
    text = findings["Addresses that do not count as signed"].text
    assert text == "1 the signature is not by the address"
