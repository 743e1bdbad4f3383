"""Certificates that must be rejected, beyond the vectors: every field, every byte, bundles, forged positions."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from argument_support import generators_of, thin, verifier_of
from certificate_support import (
    ASSETS,
    AT_LEAST,
    AUDIENCE,
    MARKET,
    NET_VALUE_AT_MARKET,
    at_least,
    certificate_of,
    document_of,
    model,
    one_leaf_book,
    opening_of,
    verify,
)
from sealing_support import (
    IDENTITY,
    ORDER_THREE,
    Sealed,
    fastest_backend,
    plus,
    read_leaves,
    rejected,
    resign,
    seal,
    write_leaves,
)

from circuits.claim_statement import compile_claim
from circuits.positions import PositionBatch
from circuits.rows import Row, Scope
from circuits.statement import Statement
from primitives.argument_instance import ArgumentInstance
from primitives.attestation import LEAVES_NAME
from primitives.backend import Backend, ScalarVector
from primitives.certificate import Certificate, CertificateTerms, CertifiedLeaf
from primitives.claims import ACCOUNTS_SESSION
from primitives.kernels import SparsePositions
from primitives.opening import Opening
from primitives.parameters import AMOUNT_LIMIT, GROUP_ORDER, LEAF_BYTES, POINT_BYTES, SCALAR_BYTES
from primitives.reference_kernels import ReferenceKernels
from prover.argument import ArgumentProver, ArgumentWitness
from prover.certificate import make_certificate
from verifier.certificate import (
    ExpectedTerms,
    VerifiedCertificate,
    verify_certificate_in_bundle,
)
from verifier.checks import Check, VerificationError
from verifier.opening import TrustedRoot, verify_own_opening

FAST: Final = fastest_backend()


def test_every_check_of_certificates_has_a_test_that_asks_for_it() -> None:
    """In this file, beside its vectors (`tests/test_certificate_vectors.py`)."""
    named = {
        node.attr
        for node in ast.walk(ast.parse(Path(__file__).read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Check"
    }
    checks = [check for check in Check if check.value.startswith("K")]
    assert [check.value.partition("-")[0] for check in checks] == [f"K{n}" for n in range(1, 11)]
    assert [check.name for check in checks if check.name not in named] == []


# Every field


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every text and number."""
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in entries:
            yield from places(item, (*path, key))
    else:
        yield path


def replaced(document: Any, path: tuple[str | int, ...], change: Any) -> Any:
    """A copy of `document` with ``change(value)`` at `path`."""
    if not path:
        return change(document)
    key, *rest = path
    copied: Any = document.copy()
    copied[key] = replaced(document[key], tuple(rest), change)
    return copied


def other(value: str | int) -> str | int:
    """Another value of the same type and length: the first character exchanged for another of its kind."""
    if isinstance(value, int):
        return value + 1
    exchanged = {"0": "1", "9": "8", "f": "e", "a": "b", "A": "B", "Z": "Y", "z": "y", "{": "["}
    return exchanged.get(value[0], chr(ord(value[0]) + 1)) + value[1:]


FORM, ROOT = Check.CERTIFICATE_FORM, Check.CERTIFICATE_ROOT
PATH_CHECKS: Final = {Check.CERTIFICATE_PATH, Check.CERTIFICATE_ROOT_HASH}
ALLOWED: Final[dict[str, set[Check]]] = {
    "format": {FORM},
    "book": {FORM, ROOT},
    "leaf": {FORM, Check.CERTIFICATE_LEAF, *PATH_CHECKS},
    "path": PATH_CHECKS,
    "model": {Check.CERTIFICATE_DOCUMENTS},
    "market": {Check.CERTIFICATE_DOCUMENTS},
    "audience": {Check.CERTIFICATE_PROOF},
    "statement": {Check.CERTIFICATE_STATEMENT},
    "proof": {Check.CERTIFICATE_PROOF},
}


def test_every_field_is_bound() -> None:
    document = document_of(certificate_of("alice", NET_VALUE_AT_MARKET, MARKET))
    seen = set()
    for path in places(document):
        with pytest.raises(VerificationError) as caught:
            verify(replaced(document, path, other), FAST)
        assert caught.value.check in ALLOWED[str(path[0])], f"{path}: {caught.value}"
        seen.add(path[0])
    assert seen == set(ALLOWED)


def test_no_field_can_be_left_out() -> None:
    document = document_of(certificate_of("alice", NET_VALUE_AT_MARKET, MARKET))
    optional = {"market": Check.CERTIFICATE_DOCUMENTS, "audience": Check.CERTIFICATE_PROOF}
    for name in document:
        left = {key: value for key, value in document.items() if key != name}
        with rejected(optional.get(name, FORM), ""):
            verify(left, FAST)


def test_not_an_object() -> None:
    for data in (b"", b"[]", b"null", b"{}", b"\xff", b"7"):
        with rejected(Check.CERTIFICATE_FORM, r"\$"):
            verify(data, FAST)


# The proof


def with_proof(certificate: Certificate, proof: bytes) -> Certificate:
    return Certificate(certificate.terms, certificate.path, proof)


def test_any_changed_byte_of_the_proof_is_rejected() -> None:
    certificate = certificate_of("alice")
    proof = certificate.proof
    for offset in thin(range(0, len(proof), 5), 12):
        changed = proof[:offset] + bytes([proof[offset] ^ (1 << offset % 8)]) + proof[offset + 1 :]
        with rejected(Check.CERTIFICATE_PROOF, "^(opening-equation|encoding): "):
            verify(with_proof(certificate, changed), FAST)


def test_every_scalar_plus_the_order_and_every_point_as_identity(backend: Backend) -> None:
    """D and M; the scalars from the masked coefficients on to y; all before the first byte that is wrong."""
    certificate = certificate_of("alice")
    statement = compile_claim(certificate.terms.model, None, ASSETS, scope=Scope.ACCOUNT)
    shape = certificate.terms.instance(statement).shape
    proof = certificate.proof
    points = range(0, (shape.row_count + 1) * POINT_BYTES, POINT_BYTES)
    first = points.stop
    scalars = range(first, first + (shape.round_coefficient_count + 1) * SCALAR_BYTES, SCALAR_BYTES)
    for offset in points:
        changed = proof[:offset] + IDENTITY + proof[offset + POINT_BYTES :]
        with rejected(Check.CERTIFICATE_PROOF, f"^identity: .* at byte {offset}: "):
            verify(with_proof(certificate, changed), backend)
    for offset in scalars:
        value = int.from_bytes(proof[offset : offset + SCALAR_BYTES], "big") + GROUP_ORDER
        changed = proof[:offset] + value.to_bytes(SCALAR_BYTES, "big") + proof[offset + SCALAR_BYTES :]
        with rejected(Check.CERTIFICATE_PROOF, f"^encoding: .* at byte {offset}: "):
            verify(with_proof(certificate, changed), backend)


def test_every_length_of_the_proof() -> None:
    certificate = certificate_of("alice")
    proof = certificate.proof
    for length in thin(range(1, len(proof)), 40):
        with rejected(Check.CERTIFICATE_PROOF, "^length: "):
            verify(with_proof(certificate, proof[:length]), FAST)
    for surplus in (b"\x00", bytes(32), bytes(48), proof):
        with rejected(Check.CERTIFICATE_PROOF, "^length: "):
            verify(with_proof(certificate, proof + surplus), FAST)


def test_proofs_of_other_certificates_of_one_shape() -> None:
    """Other statements, audiences and accounts, of equal length to the byte."""
    certificate = certificate_of("alice")
    others = [
        certificate_of("alice", at_least("1.4")),
        certificate_of("alice", audience="Somebody else"),
        certificate_of("alice", audience=None),
        certificate_of("bob"),
    ]
    for another in others:
        assert len(another.proof) == len(certificate.proof)
        with rejected(Check.CERTIFICATE_PROOF, "^opening-equation: "):
            verify(with_proof(certificate, another.proof), FAST)


def test_a_proof_for_a_book_is_none_for_an_account() -> None:
    """The same statement and leaf as a batch of one account: session and shape differ."""
    certificate = certificate_of("alice")
    opening = opening_of("alice", FAST)
    statement = compile_claim(AT_LEAST, None, ASSETS, scope=Scope.ACCOUNT)
    own = certificate.terms.instance(statement)
    batch = ArgumentInstance(
        statement, own.shape, ACCOUNTS_SESSION, own.context_digest, 0, opening.commitment
    )
    places_of = {asset: index for index, asset in enumerate(ASSETS)}
    positions = PositionBatch.from_mappings([{places_of[p.asset]: p.amount for p in opening.positions}])
    witness = ArgumentWitness(
        positions, packed(statement, [50_000_000]), FAST.scalars_from_ints([opening.blinding])
    )
    prover = ArgumentProver(FAST, ReferenceKernels(FAST), generators_of(FAST))
    verify(with_proof(certificate, prover.prove(own, witness)), FAST)
    with rejected(Check.CERTIFICATE_PROOF, "^opening-equation: "):
        verify(with_proof(certificate, prover.prove(batch, witness)), FAST)


# Positions that are no integers, or too large


class FieldPositionKernels(ReferenceKernels):
    """Kernels that take the account's positions to be these scalars, whatever the witness lists."""

    def __init__(self, backend: Backend, amounts: list[int]) -> None:
        super().__init__(backend)
        self._amounts = [amount % GROUP_ORDER for amount in amounts]

    def sum_positions(self, positions: SparsePositions, weights: ScalarVector, assets: int) -> ScalarVector:
        (weight,) = weights.to_ints()
        return self._backend.scalars_from_ints([weight * amount % GROUP_ORDER for amount in self._amounts])

    def evaluate_positions(
        self, positions: SparsePositions, coefficients: ScalarVector, constant: int
    ) -> ScalarVector:
        value = constant + coefficients.inner(self._backend.scalars_from_ints(self._amounts))
        return self._backend.scalars_from_ints([value % GROUP_ORDER])


def packed(statement: Statement, values: list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The bits of row values, each cut to its width."""
    bits = [
        value % GROUP_ORDER >> bit & 1
        for value, row in zip(values, statement.rows, strict=True)
        for bit in range(row.width)
    ]
    return np.packbits(np.array([bits], np.uint8), axis=1, bitorder="little")


def forge(statement: Statement, document: bytes, amounts: list[int]) -> tuple[Opening, Certificate]:
    """A leaf with `amounts` and the best proof of `statement` about it that its maker can write down."""
    opening = one_leaf_book(FAST, amounts, 1234567)
    leaf = CertifiedLeaf(0, opening.tag, opening.commitment)
    terms = CertificateTerms(opening.book, leaf, document, None, None, statement.digest())
    values = [
        sum(coefficient * amounts[asset] for asset, coefficient in row.positions) + row.constant
        for row in statement.rows
    ]
    witness = ArgumentWitness(
        PositionBatch.zeros(1), packed(statement, values), FAST.scalars_from_ints([opening.blinding])
    )
    prover = ArgumentProver(FAST, FieldPositionKernels(FAST, amounts), generators_of(FAST))
    return opening, Certificate(terms, (), prover.prove(terms.instance(statement), witness))


def net_value_of(asset: str, scale: int) -> bytes:
    """At least one value unit, at two value units per base unit."""
    prices = {"quote": "X", "scale": scale, "prices": [{"asset": asset, "price": "2"}]}
    least = f"0.{'0' * (scale - 1)}1"
    return model("net-value-at-least", value=least, assets=[asset], prices=prices)


HALF: Final = (GROUP_ORDER + 1) // 2


@pytest.mark.parametrize(
    ("amount", "meaning"),
    [
        (HALF, "one half: twice that is 1"),
        (HALF + 10**6, "a million and one half"),
        (AMOUNT_LIMIT, "one more than an amount can be"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_positions_that_are_no_amounts_prove_nothing(amount: int, meaning: str) -> None:
    """Without its bound the same forgery goes through, so it is the bound that stops it."""
    document = net_value_of("BTC", 8)
    statement = compile_claim(document, None, ASSETS, scope=Scope.ACCOUNT)
    net, bound = statement.rows
    assert net.positions == ((0, 2),)
    value = (2 * amount - 1) % GROUP_ORDER
    assert value < 1 << net.width, meaning

    unbounded = Statement(ASSETS, (net,), scope=Scope.ACCOUNT)
    opening, certificate = forge(unbounded, document, [amount, 0, 0])
    verifier_of(FAST).verify(certificate.terms.instance(unbounded), certificate.proof)

    opening, certificate = forge(statement, document, [amount, 0, 0])
    trusted = TrustedRoot(book_digest=opening.book.digest())
    with rejected(Check.CERTIFICATE_PROOF, "^opening-equation: "):
        verify(certificate, FAST, trusted=trusted)
    with rejected(Check.CERTIFICATE_STATEMENT, "compiled"):
        verify(forge(unbounded, document, [amount, 0, 0])[1], FAST, trusted=trusted)
    assert bound == Row("BTC bounded", ((0, 1),), (), AMOUNT_LIMIT, 64)


@pytest.mark.parametrize("amount", [HALF, 149_999_999, -1, -150_000_000, 1 << 200])
def test_at_least_bounds_its_own_position(amount: int) -> None:
    opening, certificate = forge(
        compile_claim(AT_LEAST, None, ASSETS, scope=Scope.ACCOUNT), AT_LEAST, [amount, 0, 0]
    )
    with rejected(Check.CERTIFICATE_PROOF, "^opening-equation: "):
        verify(certificate, FAST, trusted=TrustedRoot(book_digest=opening.book.digest()))


def test_the_forger_would_succeed_with_enough() -> None:
    """What the forger does is right where there is nothing to forge."""
    for document, amounts in (
        (AT_LEAST, [150_000_000, HALF, -7]),
        (net_value_of("BTC", 8), [1, 1 << 200, 5]),
    ):
        statement = compile_claim(document, None, ASSETS, scope=Scope.ACCOUNT)
        opening, certificate = forge(statement, document, amounts)
        verify(certificate, FAST, trusted=TrustedRoot(book_digest=opening.book.digest()))


def test_a_debt_in_an_asset_that_is_left_out_of_the_book() -> None:
    """A list of assets without the one that is owed does not open the leaf."""
    opening = opening_of("carol", FAST)
    fewer = tuple(asset for asset in ASSETS if asset.id != "BTC")
    statement = compile_claim(at_least("5", "ETH"), None, ASSETS, scope=Scope.ACCOUNT)
    certificate = make_certificate(opening, FAST, model=at_least("5", "ETH"))
    verify(certificate, FAST)
    document = document_of(certificate)
    document["book"]["assets"] = [{"id": asset.id, "decimals": asset.decimals} for asset in fewer]
    shorter = compile_claim(at_least("5", "ETH"), None, fewer, scope=Scope.ACCOUNT)
    document["statement"] = shorter.digest().hex()
    assert shorter.digest() != statement.digest()
    with rejected(Check.CERTIFICATE_PROOF, ""):
        verify(document, FAST, trusted=TrustedRoot(root_hash=opening.book.root.hash))


# Leaves outside the subgroup


def test_a_component_of_small_order_in_the_leaf_changes_the_leaf() -> None:
    """The proof holds up to such components, the leaf's bytes and the path do not."""
    certificate = certificate_of("alice")
    moved = plus(FAST, certificate.terms.leaf.commitment, ORDER_THREE)
    with rejected(Check.CERTIFICATE_ROOT_HASH, "leaf and path give"):
        verify(replaced(document_of(certificate), ("leaf", "commitment"), lambda _: moved.hex()), FAST)


# With a bundle


@pytest.fixture(scope="module")
def certificate(sealed_once: Sealed) -> Certificate:
    opening = sealed_once.opening("alice")
    return make_certificate(opening, sealed_once.backend, model=at_least("1"), audience=AUDIENCE)


def verify_in(
    bundle: Sealed, certificate: Certificate | bytes, key: bytes | None = None, **expected: Any
) -> VerifiedCertificate:
    data = certificate if isinstance(certificate, bytes) else certificate.to_bytes()
    return verify_certificate_in_bundle(
        data, bundle.bundle, bundle.backend, issuer_key=key, expected=ExpectedTerms(**expected)
    )


def test_in_a_bundle_the_attestation_is_checked(tampered_once: Sealed, certificate: Certificate) -> None:
    verify_in(tampered_once, certificate)
    with rejected(Check.BUNDLE_ISSUER, "you expect"):
        verify_in(tampered_once, certificate, bytes(32))
    (tampered_once.bundle / "attestation.sig").write_bytes(b"0" * 128 + b"\n")
    with rejected(Check.BUNDLE_SIGNATURE, ""):
        verify_in(tampered_once, certificate)


def test_in_a_bundle_form_and_audience_are_checked(sealed_once: Sealed, certificate: Certificate) -> None:
    with rejected(Check.CERTIFICATE_FORM, "not JSON"):
        verify_in(sealed_once, certificate.to_bytes()[:-3])
    with rejected(Check.CERTIFICATE_AUDIENCE, "'Lender AG, credit 2026-17', you expect 'Somebody else'"):
        verify_in(sealed_once, certificate, audience="Somebody else")


def test_a_bundle_of_another_book(tampered_once: Sealed, certificate: Certificate, tmp_path: Path) -> None:
    another = seal(tmp_path / "another", tampered_once.backend)
    with rejected(Check.CERTIFICATE_ROOT, "the certificate is for book .*, the bundle holds"):
        verify_in(another, certificate)

    def rename(document: Any) -> None:
        document["book"]["issuer"]["name"] = "Bank"

    resign(tampered_once.bundle, tampered_once.issuer, rename)
    with rejected(Check.CERTIFICATE_ROOT, "the certificate is for book .*, the bundle holds"):
        verify_in(tampered_once, certificate)


def test_a_bundle_with_another_leaf(tampered_once: Sealed, certificate: Certificate) -> None:
    leaves = read_leaves(tampered_once.bundle)
    index = certificate.terms.leaf.index
    for start in (0, LEAF_BYTES - 1):
        changed = bytearray(leaves[index])
        changed[start] ^= 1
        write_leaves(tampered_once.bundle, [*leaves[:index], bytes(changed), *leaves[index + 1 :]])
        with rejected(Check.CERTIFICATE_LEAF, f"the bundle has another leaf at index {index}"):
            verify_in(tampered_once, certificate)
    (tampered_once.bundle / LEAVES_NAME).write_bytes(b"")
    with rejected(Check.BUNDLE_FILES, "has not the attested length"):
        verify_in(tampered_once, certificate)


@pytest.mark.parametrize("index", [8, 1 << 32])
def test_an_index_beyond_the_leaves(sealed_once: Sealed, certificate: Certificate, index: int) -> None:
    document = replaced(document_of(certificate), ("leaf", "index"), lambda _: index)
    check = Check.CERTIFICATE_LEAF if index < 1 << 32 else Check.CERTIFICATE_FORM
    with rejected(check, f"leaf 8 of a book with 8 leaves|{index} is not between"):
        verify_in(sealed_once, encoded(document))


def test_in_a_bundle_the_contents_are_checked(sealed_once: Sealed, certificate: Certificate) -> None:
    """Path, sums, statement and proof, as against a root."""
    document = document_of(certificate)
    shorter = {**document, "path": document["path"][:-1]}
    with rejected(Check.CERTIFICATE_PATH, "the path has 2 levels, the tree has 3"):
        verify_in(sealed_once, encoded(shorter))
    weaker = {**document, "model": at_least("0.5").decode()}
    with rejected(Check.CERTIFICATE_STATEMENT, "compiled"):
        verify_in(sealed_once, encoded(weaker))
    passed_on = {**document, "audience": "Somebody else"}
    with rejected(Check.CERTIFICATE_PROOF, "^opening-equation: "):
        verify_in(sealed_once, encoded(passed_on), audience="Somebody else")


def test_a_root_sum_that_is_not_the_sum(sealed_once: Sealed, certificate: Certificate) -> None:
    document = replaced(
        document_of(certificate), ("book", "root", "sum"), lambda _: document_point(certificate)
    )
    trusted = TrustedRoot(root_hash=certificate.terms.book.root.hash)
    with rejected(Check.CERTIFICATE_ROOT_SUM, "leaf and path add up to"):
        verify(document, sealed_once.backend, trusted=trusted)


def document_point(certificate: Certificate) -> str:
    return certificate.terms.leaf.commitment.hex()


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


# The opening, before a certificate is made of it


def test_an_opening_is_checked_against_its_own_root(backend: Backend) -> None:
    alice, bob = opening_of("alice", backend), opening_of("bob", backend)
    assert verify_own_opening(alice.to_bytes(), None, backend) == alice
    assert verify_own_opening(alice.to_bytes(), " alice\n", backend) == alice
    with rejected(Check.OPENING_ACCOUNT, "you typed 'bob'"):
        verify_own_opening(alice.to_bytes(), "bob", backend)
    richer = tuple(replace(position, amount=position.amount + 1) for position in alice.positions)
    altered = {
        Check.OPENING_TAG: replace(alice, account="bob"),
        Check.OPENING_POSITIONS: replace(alice, positions=alice.positions[::-1]),
        Check.OPENING_COMMITMENT: replace(alice, positions=richer),
        Check.OPENING_PATH: replace(alice, path=alice.path[:-1]),
        Check.OPENING_ROOT_HASH: replace(alice, path=bob.path),
    }
    for check, opening in altered.items():
        with rejected(check, ""):
            verify_own_opening(opening.to_bytes(), None, backend)
    moved = replace(alice.book.root, sum=alice.commitment)
    with rejected(Check.OPENING_ROOT_SUM, "leaf and path add up to"):
        verify_own_opening(replace(alice, book=replace(alice.book, root=moved)).to_bytes(), None, backend)
    with rejected(Check.OPENING_FORM, "not JSON"):
        verify_own_opening(alice.to_bytes()[:-3], None, backend)
