"""Faults found in systems in use, each tried on this one (DESIGN section 7, "Where others fell").

One test or more for each; every one begins from something that is accepted, so that nothing but the fault is refused.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from argument_support import generators_of
from forged_books import ASSETS, BACKEND, Account, ForgedBook, widened
from sealing_support import IDENTITY, rejected, resign

from circuits.claim_statement import compile_claim
from primitives import claims
from primitives.argument_instance import PROTOCOL_ID, ArgumentInstance
from primitives.argument_parameters import ArgumentShape
from primitives.attestation import LEAVES_NAME, Attestation
from primitives.claims import AccountsClaim
from primitives.opening import Opening
from primitives.parameters import LEAF_BYTES, POINT_BYTES
from primitives.sum_tree import IdentitySumError
from primitives.transcript import ProverTranscript
from prover.bundle import describe_file
from verifier.argument import ArgumentClaim, ArgumentVerifier
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.checks import Check
from verifier.opening import TrustedRoot, VerifiedOpening, verify_opening_against_root

NON_NEGATIVE: Final = b'{"format":"sealedbook/model/v1","kind":"non-negative"}'
EMPTY: Final = Account("", {})
ALICE: Final = Account("alice", {"BTC": 150_000_000, "USD": 700})
BOB: Final = Account("bob", {"BTC": 150_000_000, "USD": 700})
FIVE: Final = (ALICE, BOB, Account("carol", {"USD": 1}), Account("dave", {}), Account("erin", {"BTC": 2}))
EIGHT: Final = (*FIVE, EMPTY, EMPTY, EMPTY)


def verify(folder: Path) -> VerifiedBundle:
    return verify_bundle(folder, BACKEND, issuer_key=None)


def check_opening(opening: Opening, account: str, root_hash: bytes) -> VerifiedOpening:
    trusted = TrustedRoot(root_hash=root_hash)
    return verify_opening_against_root(opening.to_bytes(), account, trusted, BACKEND)


@pytest.fixture
def two_accounts_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small books with several proofs: four for `EIGHT`."""
    monkeypatch.setattr(claims, "MAX_BATCH_ACCOUNTS", 2)


def with_fewer_proofs(book: ForgedBook, folder: Path, count: int) -> Path:
    """A bundle whose claim names the first `count` of its proofs, and which holds no more of them."""
    return book.publish(folder, NON_NEGATIVE, claimed=lambda claim: dataclasses.replace(claim, batches=count))


# "range proofs that can be left out because the verifier zips two lists"


@pytest.mark.usefixtures("two_accounts_a_batch")
@pytest.mark.parametrize("count", [1, 3])
def test_proofs_that_are_left_out(tmp_path: Path, count: int) -> None:
    book = ForgedBook(EIGHT)
    assert verify(with_fewer_proofs(book, tmp_path / "all", 4)).claims[0].batches == 4
    bundle = with_fewer_proofs(book, tmp_path / "fewer", count)
    with rejected(Check.CLAIM_PROOF_FILES, f"has {count} proofs, 4 batches make up all leaves"):
        verify(bundle)


@pytest.mark.usefixtures("two_accounts_a_batch")
def test_all_proofs_left_out(tmp_path: Path) -> None:
    book = ForgedBook(EIGHT)
    bundle = with_fewer_proofs(book, tmp_path / "bundle", 4)

    def change(document: Any) -> None:
        document["claims"][0]["batches"] = 0
        document["files"] = [entry for entry in document["files"] if "/" not in entry["name"]]

    for path in (bundle / "proofs").iterdir():
        path.unlink()
    (bundle / "proofs").rmdir()
    resign(bundle, book.issuer, change)
    with rejected(Check.BUNDLE_ATTESTATION, r"\$\.claims\[0\]\.batches: 0 is not between 1 and"):
        verify(bundle)
    with pytest.raises(ValueError, match="no proofs to verify"):
        ArgumentVerifier(BACKEND, generators_of(BACKEND)).verify_all([])


@pytest.mark.usefixtures("two_accounts_a_batch")
def test_a_claim_whose_proof_is_not_in_the_bundle(tmp_path: Path) -> None:
    book = ForgedBook(EIGHT)
    bundle = with_fewer_proofs(book, tmp_path / "bundle", 4)
    (bundle / "proofs" / "accounts-000003.narg").unlink()
    with rejected(Check.BUNDLE_LISTING, "accounts-000003.narg is missing"):
        verify(bundle)

    def unlist(document: Any) -> None:
        document["files"] = [entry for entry in document["files"] if "000003" not in entry["name"]]

    resign(bundle, book.issuer, unlist)
    with rejected(Check.BUNDLE_ATTESTATION, "accounts-000003.narg is claimed but not listed"):
        verify(bundle)


# "bit widths, verification keys or hash parameters read from the proof"


def test_widths_come_from_the_verifiers_own_statement(tmp_path: Path) -> None:
    """A debt fits rows of 64 bits with another constant. Neither proof nor digest carry that to the verifier."""
    debtor = Account("mallory", {"BTC": (1 << 63) + 5})
    book = ForgedBook([debtor, EMPTY])

    def wider(claim: AccountsClaim) -> AccountsClaim:
        statement = widened(compile_claim(NON_NEGATIVE, None, ASSETS), 64)
        return dataclasses.replace(claim, statement_digest=statement.digest())

    bundle = book.publish(tmp_path / "proof", NON_NEGATIVE, change=lambda statement: widened(statement, 64))
    with rejected(Check.CLAIM_PROOFS, "accounts-000000.narg: opening-equation"):
        verify(bundle)
    bundle = book.publish(
        tmp_path / "digest", NON_NEGATIVE, change=lambda statement: widened(statement, 64), claimed=wider
    )
    with rejected(Check.CLAIM_STATEMENT, "compiled [0-9a-f]{64}, claimed [0-9a-f]{64}"):
        verify(bundle)


def test_a_proof_has_one_length_whatever_it_says(tmp_path: Path) -> None:
    """Nothing in a proof says how long anything is: it is split by the shape alone."""
    book = ForgedBook([ALICE, BOB])
    bundle = book.publish(tmp_path / "bundle", NON_NEGATIVE)
    verify(bundle)
    path = bundle / "proofs" / "accounts-000000.narg"
    proof = path.read_bytes()
    for altered in (proof[:-32], proof + bytes(32)):
        path.write_bytes(altered)
        resign(bundle, book.issuer, describe_proofs(bundle))
        with rejected(Check.CLAIM_PROOF_FILES, r"has \d+ bytes, a proof of this shape has"):
            verify(bundle)


def describe_proofs(bundle: Path) -> Any:
    def change(document: Any) -> None:
        for entry in document["files"]:
            entry |= describe_file(bundle, entry["name"]).to_json()

    return change


# "a range check in a lazy iterator that never ran"


@pytest.mark.usefixtures("two_accounts_a_batch")
@pytest.mark.parametrize("batch", range(4))
def test_every_batch_is_checked(tmp_path: Path, batch: int) -> None:
    """One account in debt, in any batch: in the first and the last as well."""
    accounts = list(EIGHT)
    accounts[2 * batch + 1] = Account(accounts[2 * batch + 1].name, {"BTC": -1})
    bundle = ForgedBook(accounts).publish(tmp_path / "bundle", NON_NEGATIVE)
    with rejected(Check.CLAIM_PROOFS, f"^proofs/accounts-00000{batch}.narg: opening-equation"):
        verify(bundle)


@pytest.mark.usefixtures("two_accounts_a_batch")
def test_a_verifier_that_reads_no_batch_accepts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is counted when all is done, whatever became of the loop that should have read it."""
    bundle = ForgedBook(EIGHT).publish(tmp_path / "bundle", NON_NEGATIVE)

    def skip_some(self: ArgumentVerifier, claims: Sequence[ArgumentClaim]) -> None:
        self.verify(claims[0].instance, claims[0].proof)

    monkeypatch.setattr(ArgumentVerifier, "verify_all", skip_some)
    with rejected(Check.CLAIM_PROOF_FILES, "not every batch was read"):
        verify(bundle)


# "rows beyond the user count that count in the total but are not checked"


@pytest.mark.parametrize("leaf", range(5, 8))
def test_padding_leaves_are_proven_like_all_others(tmp_path: Path, leaf: int) -> None:
    """A debt in a leaf that is nobody's would lower the total that reserves have to cover."""
    accounts = list(EIGHT)
    accounts[leaf] = Account("", {"BTC": -150_000_000})
    honest = ForgedBook(EIGHT).publish(tmp_path / "honest", NON_NEGATIVE)
    assert verify(honest).claims[0].batches == 1
    bundle = ForgedBook(accounts).publish(tmp_path / "bundle", NON_NEGATIVE)
    with rejected(Check.CLAIM_PROOFS, "opening-equation"):
        verify(bundle)


def test_a_proof_for_fewer_accounts_than_there_are_leaves(tmp_path: Path) -> None:
    """U is the number of leaves, which the root covers: no count of "real" accounts is taken from anywhere.

    The forger has a sound proof of the first seven, of the very length that a proof of eight has.
    """
    book = ForgedBook([*EIGHT[:7], Account("", {"BTC": -1})])
    bundle = book.publish(tmp_path / "bundle", NON_NEGATIVE)
    statement = compile_claim(NON_NEGATIVE, None, ASSETS)
    full = claims.BatchPlan.for_statement(statement, 8).shape(statement)
    seven = dataclasses.replace(full, accounts=7)
    context = book.context(statement, NON_NEGATIVE, None)
    proof = book.prove_leaves(0, 0, seven, statement, context)
    first_seven = b"".join(book.commitments[:7])
    instance = ArgumentInstance(statement, seven, claims.ACCOUNTS_SESSION, context, 0, first_seven)
    ArgumentVerifier(BACKEND, generators_of(BACKEND)).verify(instance, proof)

    assert len(proof) == full.proof_bytes
    (bundle / "proofs" / "accounts-000000.narg").write_bytes(proof)
    resign(bundle, book.issuer, describe_proofs(bundle))
    with rejected(Check.CLAIM_PROOFS, "accounts-000000.narg: opening-equation"):
        verify(bundle)


# "leaves not bound to the user's id, so that two equal balances share one leaf"


def test_one_leaf_for_two_users_of_equal_balances() -> None:
    honest = ForgedBook([ALICE, BOB])
    shared = ForgedBook([ALICE, EMPTY])
    assert honest.rows[0] == honest.rows[1]
    for leaf, name in ((0, "alice"), (1, "bob")):
        check_opening(honest.opening(leaf), name, honest.sealed.root.hash)

    root = shared.sealed.root.hash
    check_opening(shared.opening(0), "alice", root)
    handed_to_bob = shared.opening(0, "bob")
    with rejected(Check.OPENING_ACCOUNT, "you typed 'bob', the opening is for 'alice'"):
        check_opening(shared.opening(0), "bob", root)
    with rejected(Check.OPENING_TAG, "this leaf was made for somebody else"):
        check_opening(handed_to_bob, "bob", root)
    # With a tag that is Bob's the leaf is another, and the root does not have it.
    own_tag = ForgedBook([BOB, EMPTY]).tags[0]
    with rejected(Check.OPENING_ROOT_HASH, "leaf and path give"):
        check_opening(dataclasses.replace(handed_to_bob, tag=own_tag), "bob", root)


def test_two_leaves_with_one_tag_are_refused(tmp_path: Path) -> None:
    book = ForgedBook([ALICE, ALICE])
    book.salts[1], book.tags[1] = book.salts[0], book.tags[0]
    bundle = book.publish(tmp_path / "bundle", NON_NEGATIVE)
    with rejected(Check.BUNDLE_LEAVES, "leaves 0 and 1 have one tag"):
        verify(bundle)


# "leaves after the last proven index that verify for their users and are in no total"


def test_leaves_beyond_those_that_were_attested(tmp_path: Path) -> None:
    """A tree of eight leaves, a bundle of its first four: the holder of the sixth finds out, and so do all."""
    whole, half = ForgedBook(EIGHT), ForgedBook(EIGHT[:4])
    verify(half.publish(tmp_path / "half", NON_NEGATIVE))
    published = half.sealed.root.hash
    left_out = whole.opening(4)
    check_opening(left_out, "erin", whole.sealed.root.hash)
    with rejected(Check.OPENING_ROOT, "you trust"):
        check_opening(left_out, "erin", published)
    in_half = dataclasses.replace(left_out, book=half.sealed)
    with rejected(Check.OPENING_PATH, "the path has 3 levels, the tree has 2"):
        check_opening(in_half, "erin", published)
    with rejected(Check.OPENING_PATH, "leaf index 4 does not fit"):
        check_opening(dataclasses.replace(in_half, path=left_out.path[:2]), "erin", published)


def test_leaves_after_the_proven_ones(tmp_path: Path) -> None:
    """More leaves in the file than the root and the claim cover."""
    book = ForgedBook(EIGHT[:4])
    bundle = book.publish(tmp_path / "bundle", NON_NEGATIVE)
    verify(bundle)
    (bundle / LEAVES_NAME).write_bytes(ForgedBook(EIGHT).leaves)

    def change(document: Any) -> None:
        describe_proofs(bundle)(document)
        document["book"]["leaves"]["sha256"] = document["files"][0]["sha256"]

    resign(bundle, book.issuer, change)
    with rejected(Check.BUNDLE_LEAVES, f"has {8 * LEAF_BYTES} bytes, 4 leaves take {4 * LEAF_BYTES}"):
        verify(bundle)


# "zero knowledge switched off in the configuration"


def test_two_proofs_of_one_book_have_no_message_in_common(tmp_path: Path) -> None:
    """Of a book of nothing at all, so that whatever differs is blinding: no message goes without."""
    book = ForgedBook([EMPTY, EMPTY])
    first, second = (
        (book.publish(tmp_path / name, NON_NEGATIVE) / "proofs" / "accounts-000000.narg").read_bytes()
        for name in ("first", "second")
    )
    assert len(first) == len(second)
    statement = compile_claim(NON_NEGATIVE, None, ASSETS)
    shape = claims.BatchPlan.for_statement(statement, 2).shape(statement)
    for start, size in messages(shape):
        assert first[start : start + size] != second[start : start + size], start
    assert book.commitments[0] != book.commitments[1]


def messages(shape: ArgumentShape) -> list[tuple[int, int]]:
    """Place and size of every element of a proof: docs/protocol-proofs.md, section 4."""
    points = [POINT_BYTES] * (shape.row_count + 1)
    scalars = [32] * (shape.round_coefficient_count + 1)
    sizes = [*points, *scalars, POINT_BYTES, 32, *[POINT_BYTES] * (2 * shape.folding_rounds)]
    sizes += [32] * shape.folded_length
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    assert sum(sizes) == shape.proof_bytes
    return list(zip(starts, sizes, strict=True))


def test_commitments_are_never_without_blinding(tmp_path: Path) -> None:
    """A prover who "switches it off" puts the identity where a random point belongs, and is refused."""
    book = ForgedBook([EMPTY, EMPTY])
    bundle = book.publish(tmp_path / "bundle", NON_NEGATIVE)
    verify(bundle)
    path = bundle / "proofs" / "accounts-000000.narg"
    path.write_bytes(IDENTITY + path.read_bytes()[POINT_BYTES:])
    resign(bundle, book.issuer, describe_proofs(bundle))
    with rejected(Check.CLAIM_PROOFS, "identity: row commitments D, element 0"):
        verify(bundle)
    book.commitments[1] = IDENTITY
    with pytest.raises(IdentitySumError, match="level 0, node 1"):
        _ = book.sealed


# "a statement not absorbed into the transcript (with 12 assets and 40-bit prices, lattice reduction then finds
# prices moved by 2^-19 that turn an insolvent account solvent)"


def prices(usd: str) -> bytes:
    """One BTC against USD; 2^-19 of 65000 is 0.12."""
    listed = [{"asset": "BTC", "price": "65000"}, {"asset": "USD", "price": usd}]
    document = {"format": "sealedbook/prices/v1", "as_of": "2026-01-31T00:00:00Z", "quote": "USD"}
    return json.dumps({**document, "scale": 12, "prices": listed}).encode()


NET_VALUE: Final = b'{"format":"sealedbook/model/v1","kind":"net-value"}'
TRUE_PRICES: Final = prices("1")
MOVED_PRICES: Final = prices("1.0000019")


def test_a_proof_at_moved_prices_is_none_at_the_true_ones(tmp_path: Path) -> None:
    """Solvent by 2^-19: a proof at the moved prices, with the true ones in the bundle."""
    # owes 10 BTC = 650,000 USD, has 649,999 USD
    account = Account("mallory", {"BTC": -10 * 10**8, "USD": 64_999_900})
    book = ForgedBook([account, EMPTY])
    verify(book.publish(tmp_path / "moved", NET_VALUE, MOVED_PRICES))
    moved = compile_claim(NET_VALUE, MOVED_PRICES, ASSETS)
    bundle = book.publish(tmp_path / "true", NET_VALUE, TRUE_PRICES, change=lambda _: moved)
    with rejected(Check.CLAIM_PROOFS, "opening-equation"):
        verify(bundle)

    # nor are the documents exchanged afterwards
    bundle = tmp_path / "moved"
    (bundle / "market.json").write_bytes(TRUE_PRICES)
    resign(bundle, book.issuer, describe_proofs(bundle))
    with rejected(Check.CLAIM_STATEMENT, "compiled"):
        verify(bundle)

    def restate(document: Any) -> None:
        digest = compile_claim(NET_VALUE, TRUE_PRICES, ASSETS).digest().hex()
        document["claims"][0]["statement"] = digest

    resign(bundle, book.issuer, restate)
    with rejected(Check.CLAIM_PROOFS, "opening-equation"):
        verify(bundle)


def test_every_coefficient_changes_every_challenge() -> None:
    """The whole statement is absorbed before the first challenge, not a digest of some of it."""
    book = ForgedBook([ALICE, BOB])
    drawn = set()
    for market in (TRUE_PRICES, MOVED_PRICES):
        statement = compile_claim(NET_VALUE, market, ASSETS)
        instance = ArgumentInstance(
            statement=statement,
            shape=claims.BatchPlan.for_statement(statement, 2).shape(statement),
            session=b"test",
            context_digest=bytes(32),
            batch_index=0,
            leaf_commitments=b"".join(book.commitments),
        )
        assert statement.canonical_bytes() in instance.fields()
        transcript = ProverTranscript(PROTOCOL_ID, instance.session)
        transcript.absorb_public(*instance.fields())
        drawn.add(transcript.challenge_scalar())
    assert len(drawn) == 2


def test_a_bundle_of_several_proofs_is_listed_in_full(tmp_path: Path) -> None:
    """The control of this page: what its books are made by is accepted, file by file."""
    bundle = ForgedBook(EIGHT).publish(tmp_path / "bundle", NON_NEGATIVE)
    attestation = Attestation.parse((bundle / "attestation.json").read_bytes())
    assert {entry.name for entry in attestation.files} == {
        "leaves.bin",
        "model.json",
        "proofs/accounts-000000.narg",
    }
    verify(bundle)
