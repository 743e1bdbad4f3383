"""Attempts to cheat. Each works on copies, and each has to be refused by the check that is named for it.

The files are left in ``cheating/``, so that every refusal can be repeated from the command line.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from primitives.account_tag import account_tag
from primitives.attestation import ATTESTATION_NAME, LEAVES_NAME, Attestation, SealedBook
from primitives.generators import Generators
from primitives.opening import Opening
from primitives.parameters import GROUP_ORDER, LEAF_BYTES, SALT_BYTES, TAG_BYTES
from primitives.strict_json import canonical_json
from primitives.sum_tree import CHUNK_HEIGHT, build_tree, split_leaves
from prover.bundle import describe_file, write_attestation
from prover.issuer import Issuer
from prover.secret_file import write_private
from prover.vault import Vault
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.scene import Refusal, Scene
from verifier.bundle import verify_bundle
from verifier.checks import Check, VerificationError
from verifier.opening import verify_opening_in_bundle

MARKET_NAME: Final = "market.json"


@dataclass(frozen=True)
class Attempt:
    """One attempt: what somebody does, and the check that has to refuse it.

    `prepare` alters copies in a folder of its own; `judge` runs the verifier, prints the command that does
    the same, and lets its `VerificationError` through.
    """

    name: str
    story: str
    expected: Check
    prepare: Callable[[Scene, Path], None]
    judge: Callable[[Scene, Path], None]


def run_attempt(scene: Scene, attempt: Attempt) -> Refusal:
    """Prepare and judge one attempt; `DemoFailedError` unless the expected check refuses it."""
    folder = scene.space.cheating / attempt.name
    attempt.prepare(scene, folder)
    try:
        attempt.judge(scene, folder)
    except VerificationError as error:
        if error.check is not attempt.expected:
            raise DemoFailedError(
                f"{attempt.name} was refused by {error.check.value}, not by {attempt.expected.value}: {error}"
            ) from error
        return Refusal(attempt.name, error.check.value, error.detail)
    raise DemoFailedError(f"{attempt.name} was NOT refused: {attempt.story}")


# Who verifies.


def _as_auditor(scene: Scene, folder: Path) -> None:
    scene.stage.command("sealedbook", "verify", folder, "--issuer-key", scene.issuer_key_file)
    with scene.stage.working("Verifying") as bars:
        verify_bundle(folder, scene.engine, issuer_key=scene.issuer_key, progress=bars)


def _as_holder(scene: Scene, opening: Path, bundle: Path) -> None:
    account = scene.opened[0].account
    scene.stage.command(
        "sealedbook", "check", opening, "--account", account, "--bundle", bundle,
        "--issuer-key", scene.issuer_key_file,
    )  # fmt: skip
    verify_opening_in_bundle(opening.read_bytes(), account, bundle, scene.engine, issuer_key=scene.issuer_key)


def _as_holder_of_shown_opening(scene: Scene, folder: Path) -> None:
    _as_holder(scene, folder / "opening.json", scene.space.bundle)


def _as_auditor_then_left_out_holder(scene: Scene, folder: Path) -> None:
    try:
        _as_auditor(scene, folder)
    except VerificationError as error:
        raise DemoFailedError(f"a bundle without one account should be whole in itself: {error}") from error
    scene.stage.say("Accepted: nobody else can see that an account is missing. Its holder can:")
    _as_holder(scene, scene.opening_file(scene.opened[0]), folder)


# What is altered.


def _copy_bundle(scene: Scene, folder: Path) -> SealedBook:
    shutil.copytree(scene.space.bundle, folder)
    return scene.verified.attestation.book


def _sign_again(folder: Path, book: SealedBook, issuer: Issuer) -> None:
    """Describe the files anew and sign them, as `issuer`, with `book` as what was sealed."""
    earlier = Attestation.parse((folder / ATTESTATION_NAME).read_bytes())
    files = [describe_file(folder, entry.name) for entry in earlier.files]
    write_attestation(folder, book, files, earlier.claims, issuer)


def _replace_leaf(folder: Path, index: int, record: bytes) -> bytes:
    """Write one leaf record; returns the new contents of leaves.bin."""
    path = folder / LEAVES_NAME
    data = bytearray(path.read_bytes())
    data[index * LEAF_BYTES : (index + 1) * LEAF_BYTES] = record
    path.write_bytes(data)
    return bytes(data)


def _alter_leaf(scene: Scene, folder: Path) -> bytes:
    """Give one leaf the commitment of its neighbour."""
    index = scene.opened[0].leaf_index
    data = (folder / LEAVES_NAME).read_bytes()
    own, other = (data[i * LEAF_BYTES : (i + 1) * LEAF_BYTES] for i in (index, index ^ 1))
    return _replace_leaf(folder, index, own[:TAG_BYTES] + other[TAG_BYTES:])


def _stranger_alters_leaf(scene: Scene, folder: Path) -> None:
    _copy_bundle(scene, folder)
    _alter_leaf(scene, folder)


def _exchange_alters_leaf(scene: Scene, folder: Path) -> None:
    book = _copy_bundle(scene, folder)
    digest = hashlib.sha256(_alter_leaf(scene, folder)).digest()
    _sign_again(folder, replace(book, leaves_sha256=digest), scene.vault.issuer(None))


def _leave_account_out(scene: Scene, folder: Path) -> None:
    """Put an empty leaf where an account was, compute the tree anew and sign: a bundle whole in itself."""
    book, engine = _copy_bundle(scene, folder), scene.engine
    blinding = engine.scalars_from_ints([1 + secrets.randbelow(GROUP_ORDER - 1)])
    commitment = engine.multi_scalar_multiply(Generators(engine).blinding(), blinding).to_compressed()
    record = account_tag(secrets.token_bytes(SALT_BYTES), "") + commitment
    data = _replace_leaf(folder, scene.opened[0].leaf_index, record)
    chunk = LEAF_BYTES * min(book.leaf_count, 1 << CHUNK_HEIGHT)
    chunks = (split_leaves(data[start : start + chunk]) for start in range(0, len(data), chunk))
    root = build_tree(
        engine, ((tags, engine.points_from_compressed(points)) for tags, points in chunks), book.leaf_count
    )
    _sign_again(
        folder,
        replace(book, leaves_sha256=hashlib.sha256(data).digest(), root=root),
        scene.vault.issuer(None),
    )


def _swap_leaves(scene: Scene, folder: Path) -> None:
    _copy_bundle(scene, folder)
    shutil.copyfile(scene.space.cheating / "left-out" / LEAVES_NAME, folder / LEAVES_NAME)


def _swap_market(scene: Scene, folder: Path) -> None:
    _copy_bundle(scene, folder)
    document = json.loads((folder / MARKET_NAME).read_bytes())
    for entry in document["prices"]:
        if entry["asset"] == "BTC":
            entry["price"] = "91704.6"
    (folder / MARKET_NAME).write_bytes(canonical_json(document))


def _sign_as_impostor(scene: Scene, folder: Path) -> None:
    book = _copy_bundle(scene, folder)
    vault = Vault.create(scene.space.cheating / "impostor-vault", book.issuer, None)
    impostor = vault.issuer(None)
    _sign_again(folder, replace(book, public_key=impostor.public_key), impostor)


def _write_opening(folder: Path, opening: bytes) -> None:
    folder.mkdir(mode=0o700)
    write_private(folder / "opening.json", opening)


def _edited(opening: Opening, edit: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(opening.to_bytes())
    edit(document)
    return canonical_json(document)


def _double_balance(scene: Scene, folder: Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        position = document["positions"][0]
        position["amount"] = str(2 * int(position["amount"]))

    _write_opening(folder, _edited(scene.opened[0], edit))


def _show_other_opening(scene: Scene, folder: Path) -> None:
    _write_opening(folder, scene.opened[1].to_bytes())


def _show_renamed_opening(scene: Scene, folder: Path) -> None:
    account = scene.opened[0].account
    _write_opening(folder, _edited(scene.opened[1], lambda document: document.update(account=account)))


ATTEMPTS: Final = (
    Attempt(
        "altered-leaf",
        "Somebody on the way alters one leaf of the published file.",
        Check.BUNDLE_DIGESTS,
        _stranger_alters_leaf,
        _as_auditor,
    ),
    Attempt(
        "altered-and-signed",
        "The exchange itself alters a leaf after sealing, and signs the altered file.",
        Check.BUNDLE_ROOT_HASH,
        _exchange_alters_leaf,
        _as_auditor,
    ),
    Attempt(
        "left-out",
        "The exchange puts an empty leaf in an account's place, computes the tree anew and signs it.",
        Check.OPENING_ROOT,
        _leave_account_out,
        _as_auditor_then_left_out_holder,
    ),
    Attempt(
        "swapped-leaves",
        "The leaves of that other bundle, whole and signed there, are put into this one.",
        Check.BUNDLE_DIGESTS,
        _swap_leaves,
        _as_auditor,
    ),
    Attempt(
        "swapped-market",
        "A market.json with a friendlier bitcoin price is put into the bundle.",
        Check.BUNDLE_DIGESTS,
        _swap_market,
        _as_auditor,
    ),
    Attempt(
        "impostor",
        "An impostor signs the bundle with a key of their own, under the exchange's name.",
        Check.BUNDLE_ISSUER,
        _sign_as_impostor,
        _as_auditor,
    ),
    Attempt(
        "wrong-balance",
        "A holder is shown an opening with twice the balance that was sealed.",
        Check.OPENING_COMMITMENT,
        _double_balance,
        _as_holder_of_shown_opening,
    ),
    Attempt(
        "other-opening",
        "A holder is shown the opening of another account.",
        Check.OPENING_ACCOUNT,
        _show_other_opening,
        _as_holder_of_shown_opening,
    ),
    Attempt(
        "renamed-opening",
        "The same, with this holder's account id written into the file.",
        Check.OPENING_TAG,
        _show_renamed_opening,
        _as_holder_of_shown_opening,
    ),
)
"""In this order: a later attempt may use the folder of an earlier one."""
