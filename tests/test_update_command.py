"""``sealedbook update`` and ``verify --previous`` as people call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sealing_support import AS_OF, Sealed
from test_cli import run
from update_support import CHANGES, changes_book, later

from primitives.attestation import Attestation, UpdateForm, format_time
from sealedbook.output import ExitCode


@pytest.fixture
def old(sealed_once: Sealed, tmp_path: Path) -> Sealed:
    return sealed_once.copy(tmp_path / "copy")


def words(old: Sealed, *more: object, hours: int = 1, name: str = "new") -> list[object]:
    changes = changes_book(old.folder, CHANGES)
    return [
        "update", old.bundle, "--vault", old.vault.folder, "--changes", changes.path,
        "--out", old.folder / name, "--as-of", format_time(later(hours)), *more,
    ]  # fmt: skip


def test_what_the_fast_form_says(old: Sealed) -> None:
    done = run(*words(old, "--cover", "2"))
    assert done.code == ExitCode.ACCEPTED, done
    said = " ".join(done.out.split())
    assert "Updated 3 accounts, 1 of them new" in said
    assert "5 of 8 leaves sealed anew" in said
    assert "Everybody can see which 5 leaves were sealed anew, and that no other account changed." in said
    assert "2 changed nothing and only cover the others" in said
    assert "need a new path only" in said
    assert "Claims were not carried over" not in said
    assert "Nobody can see" not in run(*words(old, hours=2, name="again")).out


def test_what_the_unlinkable_form_says(old: Sealed) -> None:
    done = run(*words(old, "--form", "unlinkable"))
    assert done.code == ExitCode.ACCEPTED, done
    assert "8 of 8 leaves sealed anew" in " ".join(done.out.split())
    assert "No leaf can be linked" in done.out
    verified = run("verify", old.folder / "new", "--previous", old.bundle, "--json")
    told: Any = json.loads(verified.out)
    assert told["figures"]["predecessor"] == {
        "book_digest": old.result.digest.hex(), "form": "anew", "compared": True,
        "leaves_sealed_anew": 8, "leaves_unchanged": 0,
    }  # fmt: skip


def test_results_for_programs(old: Sealed) -> None:
    told: Any = json.loads(run(*words(old, "--json")).out)
    book = Attestation.parse((old.folder / "new" / "attestation.json").read_bytes()).book
    assert book.predecessor is not None
    assert book.predecessor.form is UpdateForm.CHANGED
    assert (told["book_digest"], told["predecessor"]) == (book.digest().hex(), old.result.digest.hex())
    assert (told["form"], told["leaves_sealed_anew"], told["leaf_count"]) == ("fast", 3, 8)
    assert told["claims_dropped"] == []
    assert (told["accounts_private"], told["accounts_listed_private"], told["accounts_new_private"]) == (
        6,
        3,
        1,
    )
    verified: Any = json.loads(run("verify", old.folder / "new", "--previous", old.bundle, "--json").out)
    names = [check["name"] for check in verified["checks"]]
    assert [name for name in names if name.startswith("U")] == [
        "U1-predecessor", "U2-issuer", "U3-later", "U4-leaves",
    ]  # fmt: skip
    assert verified["figures"]["predecessor"]["leaves_unchanged"] == 5


def test_what_is_refused(old: Sealed) -> None:
    done = run(*words(old, hours=0))
    assert (done.code, done.out) == (ExitCode.REFUSED_INPUT, "")
    assert "an update has to be later" in done.said
    assert format_time(AS_OF) in done.said
    assert "a cover is for the fast form" in run(*words(old, "--cover", "1", "--form", "unlinkable")).said
    assert run(*words(old, "--form", "slow")).code == ExitCode.USAGE
    assert not (old.folder / "new").exists()
    done = run("verify", old.bundle, "--previous", old.bundle)
    assert done.code == ExitCode.REJECTED
    assert "check U1-predecessor failed" in done.said
    assert run("verify", old.bundle, "--previous", old.folder / "nowhere").code == ExitCode.ENVIRONMENT


def test_a_bundle_that_the_vault_did_not_sign_is_not_updated(old: Sealed) -> None:
    path = old.bundle / "attestation.sig"
    path.write_bytes(b"00" * 64 + b"\n")
    done = run(*words(old))
    assert done.code == ExitCode.REJECTED
    assert "B4-signature" in done.said
