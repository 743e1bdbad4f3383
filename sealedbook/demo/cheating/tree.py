"""Attempts with what is published: leaves, tree, signature, prices."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from primitives.attestation import LEAVES_NAME
from primitives.parameters import LEAF_BYTES, TAG_BYTES
from primitives.strict_json import canonical_json
from prover.prove_book import prove_book
from prover.vault import Vault
from sealedbook.demo.cheating.attempt import Attempt
from sealedbook.demo.cheating.copies import MARKET_NAME, copy_bundle, seal_other_book, sign_again
from sealedbook.demo.cheating.judges import as_auditor, as_auditor_then_left_out_holder
from sealedbook.demo.scene import Scene
from verifier.checks import Check


def _alter_leaf(scene: Scene, folder: Path) -> bytes:
    """Give one leaf the commitment of its neighbour; returns the new contents of leaves.bin."""
    path, index = folder / LEAVES_NAME, scene.opened[0].leaf_index
    data = bytearray(path.read_bytes())
    own, other = (data[i * LEAF_BYTES : (i + 1) * LEAF_BYTES] for i in (index, index ^ 1))
    data[index * LEAF_BYTES : (index + 1) * LEAF_BYTES] = own[:TAG_BYTES] + other[TAG_BYTES:]
    path.write_bytes(data)
    return bytes(data)


def _stranger_alters_leaf(scene: Scene, folder: Path) -> None:
    copy_bundle(scene, folder)
    _alter_leaf(scene, folder)


def _exchange_alters_leaf(scene: Scene, folder: Path) -> None:
    book = copy_bundle(scene, folder).book
    digest = hashlib.sha256(_alter_leaf(scene, folder)).digest()
    sign_again(folder, scene.vault.issuer(None), book=replace(book, leaves_sha256=digest))


def _leave_account_out(scene: Scene, folder: Path) -> None:
    """Seal the book without one account, and prove it: a bundle that is whole in itself."""
    bundle, space = folder / "bundle", scene.space
    seal_other_book(scene, folder, lambda accounts: accounts.pop(scene.opened[0].account))
    scene.stage.command("sealedbook", "prove", bundle, "--vault", space.vault, "--model", space.model)
    with scene.stage.working("Proving") as bars:
        prove_book(
            bundle,
            scene.vault.open_book(scene.book_digest(bundle), None),
            scene.vault.issuer(None),
            scene.engine,
            model=space.model.read_bytes(),
            market=space.market.read_bytes(),
            progress=bars,
        )


def _swap_leaves(scene: Scene, folder: Path) -> None:
    copy_bundle(scene, folder)
    shutil.copyfile(scene.space.cheating / "left-out" / "bundle" / LEAVES_NAME, folder / LEAVES_NAME)


def raise_price(folder: Path) -> None:
    """Put a friendlier bitcoin price into the market.json of the bundle at `folder`."""
    document = json.loads((folder / MARKET_NAME).read_bytes())
    for entry in document["prices"]:
        if entry["asset"] == "BTC":
            entry["price"] = "91704.6"
    (folder / MARKET_NAME).write_bytes(canonical_json(document))


def _swap_market(scene: Scene, folder: Path) -> None:
    copy_bundle(scene, folder)
    raise_price(folder)


def _sign_as_impostor(scene: Scene, folder: Path) -> None:
    book = copy_bundle(scene, folder).book
    vault = Vault.create(scene.space.cheating / "impostor-vault", book.issuer, None)
    impostor = vault.issuer(None)
    sign_again(folder, impostor, book=replace(book, public_key=impostor.public_key))


TREE_ATTEMPTS: Final = (
    Attempt(
        "altered-leaf",
        "Somebody on the way alters one leaf of the published file.",
        Check.BUNDLE_DIGESTS,
        _stranger_alters_leaf,
        as_auditor,
    ),
    Attempt(
        "altered-and-signed",
        "The exchange itself alters a leaf after sealing, and signs the altered file.",
        Check.BUNDLE_ROOT_HASH,
        _exchange_alters_leaf,
        as_auditor,
    ),
    Attempt(
        "left-out",
        "The exchange leaves an account out, seals the rest, and proves and signs it.",
        Check.OPENING_ROOT,
        _leave_account_out,
        as_auditor_then_left_out_holder,
    ),
    Attempt(
        "swapped-leaves",
        "The leaves of that other bundle, whole and signed there, are put into this one.",
        Check.BUNDLE_DIGESTS,
        _swap_leaves,
        as_auditor,
    ),
    Attempt(
        "swapped-market",
        "Somebody puts a market.json with a friendlier bitcoin price into the bundle.",
        Check.BUNDLE_DIGESTS,
        _swap_market,
        as_auditor,
    ),
    Attempt(
        "impostor",
        "An impostor signs the bundle with a key of their own, under the exchange's name.",
        Check.BUNDLE_ISSUER,
        _sign_as_impostor,
        as_auditor,
    ),
)
