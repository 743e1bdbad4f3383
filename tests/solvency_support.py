"""What the tests of solvency share: books with simple totals, reserves documents, proofs and forgeries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sealing_support import AS_OF, ASSETS, Sealed, describe_files_anew, resign

from circuits.solvency_statement import compile_solvency
from primitives.amounts_text import plain_amount
from primitives.attestation import format_time
from primitives.ratio import ONE, Ratio
from primitives.reserves import Reserves
from prover.prove_book import prove_book
from prover.solvency import SolvencyProof, prove_solvency
from verifier.bundle import VerifiedBundle, verify_bundle

SOLVENT: Final[Mapping[str, Mapping[str, int]]] = {
    "alice": {"BTC": 150_000_000, "USD": 2_500_075},
    "bob": {"BTC": 50_000_000, "ETH": 3},
    "carol": {},
}
"""Totals: 2 BTC, 3 base units of ETH, 25,000.75 USD."""
TOTALS: Final = {"BTC": 200_000_000, "ETH": 3, "USD": 2_500_075}
NON_NEGATIVE: Final = b'{"format":"sealedbook/model/v1","kind":"non-negative"}'
SUMMA_MESSAGE: Final = "Summa proof of solvency for CryptoExchange"

Document = dict[str, Any]


def reserves_document(
    held: Mapping[str, int], addresses: Mapping[str, Sequence[Document]] | None = None, **more: Any
) -> bytes:
    """A reserves document: base units by asset id, and addresses by asset id (balances as text)."""
    entries = []
    for asset_id, units in held.items():
        entry: Document = {"asset": asset_id, "total": amount_text(asset_id, units)}
        if addresses and asset_id in addresses:
            entry["addresses"] = list(addresses[asset_id])
        entries.append(entry)
    document = {"format": "sealedbook/reserves/v1", "as_of": format_time(AS_OF), "assets": entries, **more}
    return json.dumps(document).encode()


def amount_text(asset_id: str, units: int) -> str:
    return plain_amount(units, ASSETS[ASSETS.index(asset_id)].decimals)


def prove(sealed: Sealed, reserves: bytes, **options: Any) -> SolvencyProof:
    """`prove_solvency` on the bundle of `sealed`."""
    book = sealed.vault.open_book(sealed.result.digest, None)
    return prove_solvency(
        sealed.bundle,
        book,
        sealed.issuer,
        options.pop("backend", sealed.backend),
        reserves=reserves,
        **options,
    )


def prove_accounts(
    sealed: Sealed, model: bytes = NON_NEGATIVE, name: str = "accounts", **options: Any
) -> None:
    book = sealed.vault.open_book(sealed.result.digest, None)
    prove_book(
        sealed.bundle,
        book,
        sealed.issuer,
        sealed.backend,
        model=model,
        market=None,
        name=name,
        workers=1,
        **options,
    )


def verify(sealed: Sealed) -> VerifiedBundle:
    return verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)


def statement_digest(sealed: Sealed, reserves: bytes, ratio: Ratio = ONE) -> str:
    book = sealed.result.book
    parsed = Reserves.parse(reserves, book.assets)
    return compile_solvency(parsed, ratio, book.assets, book.leaf_count).digest().hex()


def claim_of(document: Any, name: str = "solvency") -> Document:
    """The claim of this name in a parsed attestation."""
    claim: Document = next(claim for claim in document["claims"] if claim["name"] == name)
    return claim


def alter(sealed: Sealed, files: Mapping[str, bytes] | None = None, **fields: Any) -> None:
    """Write `files`, set `fields` of the solvency claim, and have the issuer sign the result."""
    for name, data in (files or {}).items():
        (sealed.bundle / name).write_bytes(data)

    def change(document: Any) -> None:
        describe_files_anew(sealed.bundle)(document)
        claim_of(document).update(fields)

    resign(sealed.bundle, sealed.issuer, change)


def summa_address(balance: str = "1") -> Document:
    """The first published signature of the Summa sample, see tests/vectors/solvency/summa.json."""
    return {
        "chain": "ETH",
        "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "balance": balance,
        "scheme": "eip-191-abi-keccak256",
        "message": SUMMA_MESSAGE,
        "signature": "0x089b32327d332c295dc3b8873c205b72153211de6dc1c51235782b091cefb9d0"
        "6d6df2661b86a7d441cd322f125b84901486b150e684221a7b7636eb8182af551b",
    }


def signing_key(name: str) -> bytes:
    """A private key for tests, from a name."""
    return hashlib.sha256(b"sealedbook test key " + name.encode()).digest()


def signed_address(message: str, *, name: str = "one", balance: str = "1", chain: str = "ETH") -> Document:
    """An address whose key signed `message` (EIP-191)."""
    from eth_account import Account
    from eth_account.messages import encode_defunct

    account = Account.from_key(signing_key(name))
    signature = account.sign_message(encode_defunct(text=message)).signature
    return {
        "chain": chain,
        "address": account.address,
        "balance": balance,
        "scheme": "eip-191",
        "message": message,
        "signature": "0x" + bytes(signature).hex(),
    }
