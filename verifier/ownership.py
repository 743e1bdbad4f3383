"""Who controls the addresses of a reserves document, so far as signatures show it.

A signature counts for a book if it holds and the message that was signed contains the book's digest. What it
shows is control of the address at about the time when the book was sealed, and nothing about its balance.
Whether a signature counts never decides whether a bundle is accepted: the report says what each is worth.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from primitives.address_signature import (
    AddressSignatureError,
    SignatureLibraryMissingError,
    UnknownSchemeError,
    verify_address_signature,
)
from primitives.reserves import AssetReserves, ReserveAddress, Reserves
from verifier.files import Progress


class Ownership(StrEnum):
    """What is known about the control of one address."""

    SIGNED = "signed"
    UNSIGNED = "no signature"
    OTHER_BOOK = "signed, but the message does not name this book"
    NOT_BY_ADDRESS = "the signature is not by the address"
    UNKNOWN_SCHEME = "signed in a scheme that is not verified here"
    NOT_CHECKED = "not checked: eth-account is not installed"


@dataclass(frozen=True, slots=True)
class AssetOwnership:
    """Addresses of one asset by what is known, and what those that are `Ownership.SIGNED` are said to hold."""

    reserves: AssetReserves
    counts: Counter[Ownership]
    signed_balance: int


def find_ownership(address: ReserveAddress, book_digest: bytes) -> Ownership:
    """What the signature of one address shows for the book with this digest."""
    signature = address.signature
    if signature is None:
        return Ownership.UNSIGNED
    try:
        verify_address_signature(signature.scheme, address.address, signature.message, signature.signature)
    except UnknownSchemeError:
        return Ownership.UNKNOWN_SCHEME
    except SignatureLibraryMissingError:
        return Ownership.NOT_CHECKED
    except AddressSignatureError:
        return Ownership.NOT_BY_ADDRESS
    return Ownership.SIGNED if signature.names_book(book_digest) else Ownership.OTHER_BOOK


def count_ownership(reserves: Reserves, book_digest: bytes, progress: Progress) -> tuple[AssetOwnership, ...]:
    """Every address of every asset, in the order of the document."""
    total = sum(len(entry.addresses) for entry in reserves.assets)
    done = 0
    results = []
    for entry in reserves.assets:
        counts: Counter[Ownership] = Counter()
        balance = 0
        for address in entry.addresses:
            found = find_ownership(address, book_digest)
            counts[found] += 1
            balance += address.balance if found is Ownership.SIGNED else 0
            done += 1
            progress("Checking signatures of addresses", done, total)
        results.append(AssetOwnership(entry, counts, balance))
    return tuple(results)
